package io.expertlane.nic.device;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.ReceiveQueue;
import io.expertlane.nic.profile.FaultProfile;
import io.expertlane.nic.profile.RecoveryProfile;
import io.expertlane.nic.profile.RecoveryProfile.Method;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Writes with immediate and receives that are late; under faults see {@link RecoveryTest}. */
class ReceiverNotReadyTest {
    private static final FaultProfile NO_FAULTS = new FaultProfile(0, 0, 0, 0, 1);
    private static final double RNR_NANOS = 50_000;

    private static SimulatedTransport transport(final SymmetricHeap heap, final Method method,
        final int rnrRetryLimit) {
        final TestProfiles profile = new TestProfiles();
        profile.recovery = new RecoveryProfile(method, 67_108_864, 7, RNR_NANOS, rnrRetryLimit);
        return new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT, 64, NO_FAULTS);
    }

    private static List<Integer> poll(final ReceiveQueue receives) {
        final List<Integer> immediates = new ArrayList<>();
        receives.poll((index, immediate, lengthBytes) -> immediates.add(immediate));
        return immediates;
    }

    /**
     * Completion at the receiver: that of the write, and the entry's way over PCI Express; 4 bytes more on the wire.
     */
    @Test
    void aReceiveCompletesAfterTheWrite() {
        final double[] nanos = new double[2];
        for (int i = 0; i < 2; i++) {
            final boolean immediate = i == 1;
            try (SymmetricHeap heap = new SymmetricHeap(2, 1 << 16); SimulatedTransport transport = transport(heap,
                Method.GO_BACK_N, 7)) {
                final QueuePair queuePair = transport.connect(0, 1, 4, 0);
                final ReceiveQueue receives = transport.openReceiveQueue(queuePair, 4);
                final long[] received = new long[1];
                transport.addListener(new NicListener() {
                    @Override
                    public void delivered(final long timePicos, final int id, final int index, final int opcode,
                        final int rank, final int peer) {
                        received[0] = immediate ? 0 : timePicos;
                    }

                    @Override
                    public void received(final long timePicos, final int id, final int rank) {
                        received[0] = timePicos;
                        assertThat(rank).isEqualTo(1);
                    }
                });
                receives.post();
                if (immediate) {
                    queuePair.postWriteImmediate(0, 0, 5000, 8, 9);
                } else {
                    queuePair.postWrite(0, 0, 5000, 8);
                }
                queuePair.ringDoorbell();
                transport.simulation().run();
                nanos[i] = received[0] / 1e3;
                assertThat(poll(receives)).isEqualTo(immediate ? List.of(9) : List.of());
                assertThat(transport.counter(1, 0, NicCounter.RECEIVE_COMPLETIONS)).isEqualTo(i);
            }
        }
        final TestProfiles profile = new TestProfiles();
        assertThat(nanos[1] - nanos[0]).isEqualTo(profile.nic().completionNanos() + 4 * 8 / 400.0, offset(0.01));
    }

    /** Each refusal costs an acknowledgement's way back, the timer, and the last packet's way. */
    @ParameterizedTest
    @EnumSource(Method.class)
    void triesAgainAfterTheTimerUntilThereIsAReceive(final Method method) {
        try (SymmetricHeap heap = new SymmetricHeap(2, 1 << 16); SimulatedTransport transport = transport(heap, method,
            7)) {
            final QueuePair queuePair = transport.connect(0, 1, 16, 0);
            final ReceiveQueue receives = transport.openReceiveQueue(queuePair, 16);
            final List<Long> delivered = new ArrayList<>();
            transport.addListener(new NicListener() {
                @Override
                public void delivered(final long timePicos, final int id, final int index, final int opcode,
                    final int rank, final int peer) {
                    delivered.add(timePicos);
                }
            });
            heap.region(0).set(JAVA_LONG, 0, 42);
            queuePair.postWriteImmediate(0, 64, 10_000, 8, 5);
            for (int i = 0; i < 5; i++) {
                queuePair.postAtomicAdd(0, 1);
            }
            queuePair.ringDoorbell();
            transport.simulation().runUntil(Math.round(3.5 * RNR_NANOS * 1e3));
            assertThat(delivered).isEmpty();
            assertThat(heap.region(1).get(JAVA_LONG, 0)).as("nothing passes the write").isZero();
            assertThat(heap.region(1).get(JAVA_LONG, 64)).as("the write has not taken effect").isZero();
            assertThat(transport.counter(1, 0, NicCounter.SENT_RNR_NAKS)).isEqualTo(4);
            receives.post();
            transport.simulation().run();
            assertThat(delivered).hasSize(6);
            assertThat(heap.region(1).get(JAVA_LONG, 0)).isEqualTo(5);
            assertThat(heap.region(1).get(JAVA_LONG, 64)).isEqualTo(42);
            assertThat(poll(receives)).containsExactly(5);
            assertThat(transport.completionQueue(0).poll()).isEqualTo(1);
            assertThat(transport.completionQueue(0).failures()).isZero();
            assertThat(queuePair.outstanding()).isZero();
            assertThat(transport.total(NicCounter.TIMEOUTS)).isZero();

            final double nakNanos = 86 * 8 / 400.0 + 600;
            final double packetNanos = (10_000 - 2 * 4096 + 82) * 8 / 400.0 + 600 + 500;
            final double firstNanos = 150 + 1000 + 900 + (10_000 + 3 * 82 + 20) * 8 / 400.0 + 600 + 500;
            final double expected = firstNanos + 4 * (nakNanos + RNR_NANOS + packetNanos);
            assertThat(delivered.getFirst() / 1e3).isEqualTo(expected, offset(0.1));
        }
    }

    @ParameterizedTest
    @EnumSource(Method.class)
    void outOfRetriesTheQueuePairIsInErrorUntilItIsRecovered(final Method method) {
        try (SymmetricHeap heap = new SymmetricHeap(2, 1 << 16); SimulatedTransport transport = transport(heap, method,
            2)) {
            final QueuePair queuePair = transport.connect(0, 1, 16, 0);
            final ReceiveQueue receives = transport.openReceiveQueue(queuePair, 16);
            final List<Integer> statuses = new ArrayList<>();
            receives.post();
            for (int i = 0; i < 4; i++) {
                queuePair.postWriteImmediate(0, 0, 64, 8, i);
                queuePair.ringDoorbell();
            }
            transport.simulation().run();
            transport.completionQueue(0).poll((number, index, status) -> statuses.add(status));
            assertThat(statuses).containsExactly(CompletionQueue.SUCCESS, CompletionQueue.RECEIVER_NOT_READY,
                CompletionQueue.FLUSHED, CompletionQueue.FLUSHED);
            assertThat(transport.isInError(queuePair)).isTrue();
            assertThat(transport.counter(1, 0, NicCounter.SENT_RNR_NAKS)).as("the first and two retries").isEqualTo(3);
            assertThat(transport.counter(0, 0, NicCounter.QUEUE_PAIR_ERRORS)).isEqualTo(1);
            assertThat(poll(receives)).containsExactly(0);

            transport.recover(queuePair);
            receives.post();
            queuePair.postWriteImmediate(0, 0, 64, 8, 7);
            queuePair.ringDoorbell();
            transport.simulation().run();
            assertThat(poll(receives)).containsExactly(7);
            assertThat(transport.isInError(queuePair)).isFalse();
        }
    }

    @Test
    void aForkTakesReceivesAlong() {
        try (SymmetricHeap heap = new SymmetricHeap(2, 1 << 16); SymmetricHeap copy = new SymmetricHeap(2, 1 << 16);
             SimulatedTransport transport = transport(heap, Method.GO_BACK_N, 7)) {
            final QueuePair queuePair = transport.connect(0, 1, 4, 0);
            final ReceiveQueue receives = transport.openReceiveQueue(queuePair, 4);
            queuePair.postWriteImmediate(0, 0, 64, 8, 3);
            queuePair.ringDoorbell();
            transport.simulation().runUntil(30_000_000);
            try (SimulatedTransport fork = transport.fork(copy)) {
                fork.queuePair(0).receiveQueue().post();
                fork.simulation().run();
                assertThat(poll(fork.queuePair(0).receiveQueue())).containsExactly(3);
            }
            receives.post();
            transport.simulation().run();
            assertThat(poll(receives)).containsExactly(3);
        }
    }

    @Test
    void aNetworkThatSendsNothingAgainHasNoReceiveQueues() {
        try (SymmetricHeap heap = new SymmetricHeap(2, 1 << 16);
             SimulatedTransport transport = new SimulatedTransport(heap, new TestProfiles().cluster(),
                 PortPolicy.EXPLICIT, 64)) {
            final QueuePair queuePair = transport.connect(0, 1, 4, 0);
            assertThatThrownBy(() -> transport.openReceiveQueue(queuePair, 4)).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("faults=null");
        }
    }
}

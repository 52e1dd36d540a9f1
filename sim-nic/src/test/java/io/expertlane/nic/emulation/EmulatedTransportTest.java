package io.expertlane.nic.emulation;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.ReceiveQueue;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.device.TestProfiles;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.agrona.concurrent.Agent;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EmulatedTransportTest {
    private static final long HEAP_BYTES = 1 << 20;

    private final SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES);
    private final TestProfiles profile = new TestProfiles();
    private long nowNanos;

    @AfterEach
    void close() {
        heap.close();
    }

    @Test
    void nothingHappensBeforeTheDoorbell() throws Exception {
        try (EmulatedTransport transport = new EmulatedTransport(heap, profile.nic(), 16)) {
            final QueuePair queuePair = transport.connect(0, 1, 8, 0);
            heap.region(0).set(JAVA_BYTE, 100, (byte) 7);
            queuePair.postWrite(100, 200, 1, 1);
            queuePair.postAtomicAdd(8, 5);
            assertThat(transport.nic(0).doWork()).isZero();
            queuePair.ringDoorbell();
            assertThat(heap.region(1).get(JAVA_BYTE, 200)).isZero();
            assertThat(transport.nic(1).doWork()).isZero();
            assertThat(transport.nic(0).doWork()).isEqualTo(2);
            assertThat(heap.region(1).get(JAVA_BYTE, 200)).isEqualTo((byte) 7);
            assertThat(heap.region(1).get(JAVA_LONG, 8)).isEqualTo(5);
            assertThat(queuePair.outstanding()).isEqualTo(2);
            assertThat(transport.completionQueue(0).poll()).isEqualTo(1);
            assertThat(queuePair.outstanding()).isZero();
            assertThat(transport.counter(0, NicCounter.SENT_ELEMENTS)).isEqualTo(2);
            assertThat(transport.counter(0, NicCounter.DOORBELLS)).isEqualTo(1);
            assertThat(transport.counter(0, NicCounter.SENT_BYTES)).isEqualTo(9);
            assertThat(transport.counter(0, NicCounter.SENT_WIRE_BYTES)).isEqualTo(1 + 82 + 16 + 8 + 82 + 28);
            assertThat(transport.counter(1, NicCounter.SENT_ELEMENTS)).isZero();
        }
    }

    /**
     * A write without a receive waits, with all behind it; other queue pairs do not. With and without a proxy before
     * the NIC.
     */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void aWriteWithImmediateWaitsForItsReceive(final boolean proxied) throws Exception {
        try (EmulatedTransport network = new EmulatedTransport(heap, profile.nic(), 16);
             ProxiedTransport proxies = new ProxiedTransport(network, 1)) {
            final Transport transport = proxied ? proxies : network;
            final QueuePair queuePair = transport.connect(0, 1, 8, 0);
            final QueuePair other = transport.connect(0, 1, 8, 1);
            final ReceiveQueue receives = transport.openReceiveQueue(queuePair, 4);
            final List<Integer> immediates = new ArrayList<>();
            heap.region(0).set(JAVA_LONG, 64, 42);
            queuePair.postWriteImmediate(64, 128, 8, 8, 0xBEEF);
            queuePair.postAtomicAdd(0, 1);
            queuePair.ringDoorbell();
            other.postAtomicAdd(8, 1);
            other.ringDoorbell();
            final Agent proxy = proxied ? proxies.proxy(0) : network.nic(1);
            for (int i = 0; i < 3; i++) {
                proxy.doWork();
                network.nic(0).doWork();
            }
            assertThat(network.counter(0, NicCounter.SENT_RNR_NAKS)).isEqualTo(3);
            assertThat(heap.region(1).get(JAVA_LONG, 128)).isZero();
            assertThat(heap.region(1).get(JAVA_LONG, 0)).isZero();
            assertThat(heap.region(1).get(JAVA_LONG, 8)).isEqualTo(1);
            receives.post();
            assertThat(network.nic(0).doWork()).isEqualTo(2);
            proxy.doWork();
            receives.poll((index, immediate, lengthBytes) -> immediates.add(immediate));
            assertThat(immediates).containsExactly(0xBEEF);
            assertThat(heap.region(1).get(JAVA_LONG, 128)).isEqualTo(42);
            assertThat(heap.region(1).get(JAVA_LONG, 0)).isEqualTo(1);
            assertThat(transport.completionQueue(0).poll()).isEqualTo(2);
            assertThat(queuePair.outstanding()).isZero();
        }
    }

    @Test
    void queuePairsAreServedInTurnAQuantumEach() throws Exception {
        profile.quantumBytes = 2000;
        try (EmulatedTransport transport = new EmulatedTransport(heap, profile.nic(), 16)) {
            final List<Integer> order = new ArrayList<>();
            transport.listener(0, (queuePair, index, status) -> order.add(queuePair.lane()));
            final QueuePair[] queuePairs = {transport.connect(0, 1, 8, 0), transport.connect(0, 1, 8, 1),
                transport.connect(0, 1, 8, 2)};
            for (int i = 0; i < 4; i++) {
                queuePairs[0].postWrite(0, 0, 1000, 0);
                queuePairs[2].postWrite(0, 0, 5000, 0);
            }
            queuePairs[1].postWrite(0, 0, 0, 0);
            for (final QueuePair queuePair : queuePairs) {
                queuePair.ringDoorbell();
            }
            final Agent nic = transport.nic(0);
            assertThat(nic.doWork()).isEqualTo(2 + 1 + 1);
            assertThat(nic.doWork()).isEqualTo(2 + 1);
            assertThat(nic.doWork()).isEqualTo(1);
            assertThat(nic.doWork()).isEqualTo(1);
            assertThat(nic.doWork()).isZero();
            assertThat(order).containsExactly(0, 0, 1, 2, 0, 0, 2, 2, 2);
        }
    }

    @Test
    void aPacedNicKeepsToTheLineRateOfItsPorts() throws Exception {
        profile.ports = 2;
        profile.portRateGbps = 200;
        try (EmulatedTransport transport = new EmulatedTransport(heap, profile.nic(), 64, () -> nowNanos, true)) {
            final List<Integer> order = new ArrayList<>();
            transport.listener(0, (queuePair, index, status) -> order.add(queuePair.lane()));
            final QueuePair first = transport.connect(0, 1, 64, 0);
            final QueuePair second = transport.connect(0, 1, 64, 1);
            for (int i = 0; i < 64; i++) {
                first.postWrite(0, 0, 8192, 0);
                second.postWrite(0, 0, 8192, 0);
            }
            first.ringDoorbell();
            second.ringDoorbell();
            nowNanos = 1_000_000;
            final Agent nic = transport.nic(0);
            while (transport.counter(0, NicCounter.SENT_ELEMENTS) < 128) {
                nic.doWork();
                nowNanos++;
            }
            final double elementNanos = (8192 + 2 * 82 + 16) * 8 / 400.0;
            // The burst that makes up for at most 5 us of idle time comes first.
            assertThat(nowNanos - 1_000_000)
                .isBetween((long) (127 * elementNanos - 5_001), (long) (127 * elementNanos));
            assertThat(order.subList(100, 108)).containsAnyOf(0).containsAnyOf(1);
            assertThat(order.stream().filter(lane -> lane == 0)).hasSize(64);
        }
    }

    /**
     * With and without proxies: random posts by two ranks, random turns of all agents; counters and payload must come
     * out right.
     */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 2})
    void everythingArrivesOnceAndInOrder(final int proxies) throws Exception {
        for (long seed = 1; seed <= 50; seed++) {
            final Random random = new Random(seed);
            profile.quantumBytes = 1 << random.nextInt(15);
            try (EmulatedTransport network = new EmulatedTransport(heap, profile.nic(), 4 << random.nextInt(4));
                 ProxiedTransport proxied = new ProxiedTransport(network, Math.max(1, proxies))) {
                final Transport transport = proxies == 0 ? network : proxied;
                final List<Agent> agents = new ArrayList<>(List.of(network.nic(0), network.nic(1)));
                for (int i = 0; i < proxies; i++) {
                    agents.add(proxied.proxy(i));
                }
                final QueuePair[] queuePairs = new QueuePair[6];
                final long[] added = new long[6];
                for (int i = 0; i < 6; i++) {
                    queuePairs[i] = transport.connect(i % 2, 1 - i % 2, 2 << random.nextInt(4), i / 2);
                    heap.region(1 - i % 2).set(JAVA_LONG, i * 64, 0L);
                    heap.region(1 - i % 2).set(JAVA_LONG, i * 64 + 8, 0L);
                }
                int idle = 0;
                for (int step = 0; step < 3000 || idle < 100; step++) {
                    final int chosen = random.nextInt(6 + 2 * agents.size());
                    if (chosen >= 6) {
                        idle = agents.get((chosen - 6) % agents.size()).doWork() == 0 ? idle + 1 : 0;
                    } else if (step < 3000) {
                        final QueuePair queuePair = queuePairs[chosen];
                        if (queuePair.postAtomicAdd(chosen * 64, step) == QueuePair.POSTED) {
                            added[chosen] += step;
                        }
                        // The flag carries what the additions before it on this queue pair sum to.
                        queuePair.postInline(chosen * 64 + 8, added[chosen]);
                        if (random.nextBoolean()) {
                            queuePair.ringDoorbell();
                        }
                    } else {
                        queuePairs[chosen].ringDoorbell();
                    }
                    transport.completionQueue(step & 1).poll();
                    final long flag = heap.region(1 - chosen % 6 % 2).get(JAVA_LONG, chosen % 6 * 64 + 8);
                    assertThat(heap.region(1 - chosen % 6 % 2).get(JAVA_LONG, chosen % 6 * 64)).as("seed %s", seed)
                        .isGreaterThanOrEqualTo(flag);
                }
                for (final QueuePair queuePair : queuePairs) {
                    queuePair.ringDoorbell();
                }
                for (int i = 0; i < 100; i++) {
                    for (final Agent agent : agents) {
                        agent.doWork();
                    }
                }
                for (int i = 0; i < 6; i++) {
                    transport.completionQueue(i % 2).poll();
                    assertThat(heap.region(1 - i % 2).get(JAVA_LONG, i * 64)).as("seed %s", seed).isEqualTo(added[i]);
                    assertThat(queuePairs[i].outstanding()).as("seed %s", seed).isZero();
                }
                assertThat(transport.completionQueue(0).failures()).isZero();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void elementsToARevokedPeerCompleteInErrorAndInOrder(final boolean late) throws Exception {
        try (EmulatedTransport network = new EmulatedTransport(heap, profile.nic(), 16);
             ProxiedTransport transport = new ProxiedTransport(network, 1)) {
            final QueuePair queuePair = transport.connect(0, 1, 16, 0);
            for (int batch = 0; batch < 3; batch++) {
                queuePair.postInline(0, batch);
                queuePair.postInline(8, batch);
                queuePair.ringDoorbell();
                if (batch == 0) {
                    transport.proxy(0).doWork();
                    if (late) {
                        network.nic(0).doWork();
                    }
                }
            }
            heap.revoke(1);
            assertThat(queuePair.postInline(0, 0)).isEqualTo(QueuePair.PEER_REVOKED);
            for (int i = 0; i < 3; i++) {
                transport.proxy(0).doWork();
                network.nic(0).doWork();
            }
            transport.proxy(0).doWork();
            final List<String> entries = new ArrayList<>();
            transport.completionQueue(0).poll((number, index, status) -> entries.add(index + ":" + status));
            final int first = late ? CompletionQueue.SUCCESS : CompletionQueue.REMOTE_ACCESS_ERROR;
            assertThat(entries).containsExactly("1:" + first, "3:" + CompletionQueue.REMOTE_ACCESS_ERROR, "5:"
                + CompletionQueue.REMOTE_ACCESS_ERROR);
            assertThat(queuePair.outstanding()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void allocatesNothing(final boolean proxy) throws Exception {
        final com.sun.management.ThreadMXBean threads =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (EmulatedTransport network = new EmulatedTransport(heap, profile.nic(), 64);
             ProxiedTransport proxied = new ProxiedTransport(network, 1)) {
            final Transport transport = proxy ? proxied : network;
            final QueuePair[] queuePairs = new QueuePair[8];
            for (int i = 0; i < queuePairs.length; i++) {
                queuePairs[i] = transport.connect(0, 1, 16, 0);
            }
            long allocated = 0;
            for (int round = 0; round < 20_000; round++) {
                if (round == 10_000) {
                    allocated = threads.getCurrentThreadAllocatedBytes();
                }
                for (final QueuePair queuePair : queuePairs) {
                    queuePair.postWrite(0, 0, 256, 256);
                    queuePair.postAtomicAdd(512, 1);
                    queuePair.ringDoorbell();
                }
                if (proxy) {
                    proxied.proxy(0).doWork();
                }
                network.nic(0).doWork();
                if (proxy) {
                    proxied.proxy(0).doWork();
                }
                transport.completionQueue(0).poll();
            }
            assertThat((threads.getCurrentThreadAllocatedBytes() - allocated) / (10_000 * 16)).isZero();
            assertThat(heap.region(1).get(JAVA_LONG, 512)).isEqualTo(20_000 * 8);
        }
    }

    @Test
    void proxiesOutsideTheirRangeAreRefused() {
        try (EmulatedTransport network = new EmulatedTransport(heap, profile.nic(), 16)) {
            assertThatThrownBy(() -> new ProxiedTransport(network, 3)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("proxies=3: 1 to ranks=2");
            assertThatThrownBy(() -> new ProxiedTransport(network, 0)).isInstanceOf(IllegalArgumentException.class);
        }
    }
}

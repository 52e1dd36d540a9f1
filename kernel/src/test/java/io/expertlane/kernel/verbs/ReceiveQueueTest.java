package io.expertlane.kernel.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.expertlane.kernel.memory.SymmetricHeap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class ReceiveQueueTest {
    private final SymmetricHeap heap = new SymmetricHeap(2, 4096);
    private final DirectTransport transport = new DirectTransport(heap, DirectTransport.Mapping.SELF, 16);
    private final QueuePair queuePair = transport.connect(0, 1, 8, 0);

    @AfterEach
    void free() {
        transport.close();
        heap.close();
    }

    private static List<Integer> poll(final ReceiveQueue receives) {
        final List<Integer> immediates = new ArrayList<>();
        receives.poll((index, immediate, lengthBytes) -> immediates.add(immediate));
        return immediates;
    }

    @Test
    void descriptorsAndEntriesAreWhereTheDiagramsSay() {
        try (Arena arena = Arena.ofConfined()) {
            final MemorySegment memory = arena.allocate(ReceiveQueue.memoryBytes(4), 64);
            assertThat(memory.byteSize()).isEqualTo(4 * 16 + 64 + 4 * 64);
            final ReceiveQueue receives = new ReceiveQueue(queuePair, 4, memory);
            for (int i = 0; i < 3; i++) {
                assertThat(receives.post()).isEqualTo(ReceiveQueue.POSTED);
            }
            assertThat(memory.get(JAVA_INT, 2 * 16)).as("length").isZero();
            assertThat(memory.get(JAVA_INT, 2 * 16 + 4)).as("index").isEqualTo(2);
            assertThat(memory.get(JAVA_LONG, 64)).as("doorbell record").isEqualTo(3);
            heap.region(0).set(JAVA_LONG, 8, 77);
            queuePair.postWriteImmediate(8, 16, 100, 8, 0xCAFE);
            assertThat(queuePair.memory().get(JAVA_INT, 40)).as("immediate in the element").isEqualTo(0xCAFE);
            queuePair.ringDoorbell();
            assertThat(heap.region(1).get(JAVA_LONG, 16)).isEqualTo(77);
            final long entry = 64 + 64;
            assertThat(memory.get(JAVA_INT, entry)).as("QP number").isEqualTo(queuePair.number());
            assertThat(memory.get(JAVA_INT, entry + 4)).as("index").isZero();
            assertThat(memory.get(JAVA_INT, entry + 8)).as("immediate").isEqualTo(0xCAFE);
            assertThat(memory.get(JAVA_INT, entry + 12)).as("length").isEqualTo(100);
            assertThat(memory.get(JAVA_LONG, entry + 56)).as("sequence").isEqualTo(1);
        }
    }

    @Test
    void holdsAsManyReceivesAsItsDepthUntilTheyArePolled() {
        final ReceiveQueue receives = transport.openReceiveQueue(queuePair, 2);
        assertThat(receives.post()).isEqualTo(ReceiveQueue.POSTED);
        assertThat(receives.post()).isEqualTo(ReceiveQueue.POSTED);
        assertThat(receives.post()).isEqualTo(ReceiveQueue.FULL);
        queuePair.postWriteImmediate(0, 0, 8, 8, 1);
        queuePair.ringDoorbell();
        assertThat(receives.available()).isEqualTo(1);
        assertThat(receives.post()).as("consumed and not yet polled").isEqualTo(ReceiveQueue.FULL);
        assertThat(poll(receives)).containsExactly(1);
        assertThat(receives.post()).isEqualTo(ReceiveQueue.POSTED);
    }

    @Test
    void otherOperationsConsumeNoReceive() {
        final ReceiveQueue receives = transport.openReceiveQueue(queuePair, 2);
        receives.post();
        queuePair.postWrite(0, 0, 8, 8);
        queuePair.postInline(0, 1);
        queuePair.postAtomicAdd(0, 1);
        queuePair.ringDoorbell();
        assertThat(receives.available()).isEqualTo(1);
        assertThat(poll(receives)).isEmpty();
    }

    @Test
    void withoutAReceiveNothingFromThereOnTakesEffect() {
        final ReceiveQueue receives = transport.openReceiveQueue(queuePair, 2);
        receives.post();
        final List<Integer> statuses = new ArrayList<>();
        for (int i = 1; i <= 3; i++) {
            queuePair.postWriteImmediate(0, 0, 0, 0, i);
            queuePair.postAtomicAdd(64, 1);
            queuePair.ringDoorbell();
        }
        receives.post();
        queuePair.postWriteImmediate(0, 0, 0, 0, 4);
        queuePair.ringDoorbell();
        transport.completionQueue(0).poll((number, index, status) -> statuses.add(status));
        assertThat(statuses).containsExactly(CompletionQueue.SUCCESS, CompletionQueue.FLUSHED, CompletionQueue.FLUSHED,
            CompletionQueue.FLUSHED);
        assertThat(heap.region(1).get(JAVA_LONG, 64)).isEqualTo(1);
        assertThat(poll(receives)).containsExactly(1);
    }

    @Test
    void theElementThatFindsNoReceiveSaysSo() {
        transport.openReceiveQueue(queuePair, 2);
        final List<Integer> statuses = new ArrayList<>();
        queuePair.postWriteImmediate(0, 0, 0, 0, 1);
        queuePair.ringDoorbell();
        transport.completionQueue(0).poll((number, index, status) -> statuses.add(status));
        assertThat(statuses).containsExactly(CompletionQueue.RECEIVER_NOT_READY);
    }

    @Test
    void arrivesInOrderHoweverPostsAndPollsFollow() {
        for (long seed = 1; seed <= 50; seed++) {
            final Random random = new Random(seed);
            final QueuePair sender = transport.connect(0, 1, 16, 0);
            final ReceiveQueue receives = transport.openReceiveQueue(sender, 1 << random.nextInt(5));
            final ArrayDeque<Integer> expected = new ArrayDeque<>();
            int posted = 0;
            for (int step = 0; step < 400; step++) {
                final int choice = random.nextInt(3);
                if (choice == 0) {
                    posted += receives.post() == ReceiveQueue.POSTED ? 1 : 0;
                } else if (choice == 1 && posted > 0) {
                    posted--;
                    final int immediate = random.nextInt();
                    expected.add(immediate);
                    sender.postWriteImmediate(0, 0, 8, 8, immediate);
                    sender.ringDoorbell();
                    transport.completionQueue(0).poll();
                } else {
                    receives.poll((index, immediate, lengthBytes) ->
                        assertThat(immediate).isEqualTo(expected.remove()));
                }
            }
            receives.poll((index, immediate, lengthBytes) -> assertThat(immediate).isEqualTo(expected.remove()));
            assertThat(expected).as("seed " + seed).isEmpty();
            assertThat(receives.available()).as("seed " + seed).isEqualTo(posted);
        }
    }

    @Test
    void wrongUseIsRefused() {
        assertThatThrownBy(() -> queuePair.postWriteImmediate(0, 0, 8, 8, 1)).isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("receiveQueue=null");
        assertThatThrownBy(() -> transport.openReceiveQueue(queuePair, 3))
            .hasMessage("receiveQueueDepth=3: a power of two, 1 to 32768");
        transport.openReceiveQueue(queuePair, 4);
        assertThatThrownBy(() -> transport.openReceiveQueue(queuePair, 4)).isInstanceOf(IllegalStateException.class)
            .hasMessageContaining("is open");
        assertThatThrownBy(() -> queuePair.postWriteImmediate(0, 4096, 8, 8, 1))
            .isInstanceOf(IndexOutOfBoundsException.class);
    }
}

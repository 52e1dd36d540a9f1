package io.expertlane.kernel.ring;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.expertlane.kernel.exchange.DelayedTransport;
import io.expertlane.kernel.memory.CallWord;
import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.QueuePairSet;
import io.expertlane.kernel.verbs.WorkQueueElement;
import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class RingTest {
    private static final RecordLayout RECORD = new RecordLayout(16, 100, true);

    @Test
    void layoutIsAsDrawn() {
        final RingLayout layout = new RingLayout(RECORD, 8, 4);
        assertThat(RingLayout.WORD_OFFSET).isZero();
        assertThat(RingLayout.SLOTS_OFFSET).isEqualTo(64);
        assertThat(RECORD.leadBytes()).isEqualTo(48);
        assertThat(RECORD.stride()).isEqualTo(128);
        assertThat(layout.slotOffset(0)).isEqualTo(64 + 48);
        assertThat(layout.slotOffset(7)).isEqualTo(64 + 48 + 7 * 128);
        assertThat(layout.slotOffset(8)).isEqualTo(layout.slotOffset(0));
        assertThat(layout.slotOffset(1L << 40)).isEqualTo(layout.slotOffset(0));
        assertThat(layout.bytes()).isEqualTo(64 + 64 + 8 * 128);
    }

    @Test
    void ringsThatCouldLockUpAreRefused() {
        assertThatThrownBy(() -> new RingLayout(RECORD, 7, 4))
            .hasMessage("capacity=7: at least two chunks of 4, at most 65536");
        assertThatThrownBy(() -> new RingLayout(RECORD, 10, 4)).hasMessage("capacity=10: a multiple of chunk=4");
        assertThatThrownBy(() -> new RingLayout(RECORD, 1 << 17, 4)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new RingLayout(RECORD, 8, 0)).hasMessage("chunk=0: at least 1");
    }

    /** Both ends of a ring from rank 0 to rank 1. */
    private static final class Pair implements AutoCloseable {
        final SymmetricHeap heap;
        final DirectTransport transport;
        final RingSender sender;
        final RingReceiver receiver;
        final QueuePair data;
        final QueuePair credits;

        Pair(final RingLayout layout, final Mapping mapping, final int depth) {
            heap = new SymmetricHeap(2, layout.bytes());
            transport = new DirectTransport(heap, mapping, 64);
            final QueuePairSet from = new QueuePairSet(transport, 0, depth, 1);
            final QueuePairSet back = new QueuePairSet(transport, 1, depth, 1);
            data = mapping == Mapping.SELF ? from.connect(1, 0) : null;
            credits = mapping == Mapping.SELF ? back.connect(0, 0) : null;
            sender = new RingSender(layout, heap, 0, 1, 0, 0, from, data);
            receiver = new RingReceiver(layout, heap, 1, 0, 0, 0, back, credits);
        }

        boolean send(final long value) {
            if (!sender.claim()) {
                return false;
            }
            sender.segment().set(JAVA_LONG, sender.offset(), value);
            sender.segment().set(JAVA_LONG, sender.offset() + 104, ~value);
            sender.commit();
            return true;
        }

        void take(final long expected) {
            assertThat(receiver.segment().get(JAVA_LONG, receiver.offset())).isEqualTo(expected);
            assertThat(receiver.segment().get(JAVA_LONG, receiver.offset() + 104)).isEqualTo(~expected);
            receiver.consume();
        }

        @Override
        public void close() {
            transport.close();
            heap.close();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void recordsArriveInOrderWhateverTheInterleaving(final boolean mapped) {
        for (long seed = 0; seed < 200; seed++) {
            final SplittableRandom random = new SplittableRandom(seed);
            final int chunk = 1 + random.nextInt(4);
            final RingLayout layout = new RingLayout(RECORD, chunk * (2 + random.nextInt(3)), chunk);
            try (Pair pair = new Pair(layout, mapped ? Mapping.ALL : Mapping.SELF, 2 << random.nextInt(4))) {
                long sent = 0;
                long taken = 0;
                for (int turn = 0; taken < 500; turn++) {
                    assertThat(turn).as("turns, seed=%s", seed).isLessThan(1_000_000);
                    if (sent < 500 && random.nextBoolean()) {
                        sent += pair.send(sent) ? 1 : 0;
                    }
                    if (sent == 500 || random.nextInt(5) == 0) {
                        pair.sender.flush();
                    }
                    if (random.nextBoolean() && pair.receiver.available() > 0) {
                        pair.take(taken++);
                    }
                    assertThat(sent - taken).as("records in flight, seed=%s", seed)
                        .isBetween(0L, (long) layout.capacity());
                }
                assertThat(pair.receiver.available()).isZero();
            }
        }
    }

    @Test
    void recordsOfSeveralLanesArriveInOrderWhateverTheOrderOfTheQueuePairs() {
        for (long seed = 0; seed < 200; seed++) {
            final SplittableRandom random = new SplittableRandom(seed);
            final int chunk = 1 + random.nextInt(4);
            final int lanes = 2 + random.nextInt(4);
            final int tag = (int) (seed % 2) * (1 + random.nextInt(1000));
            final RingLayout layout = new RingLayout(RECORD, chunk * (2 + random.nextInt(4)), chunk);
            try (Arena arena = Arena.ofConfined(); SymmetricHeap heap = new SymmetricHeap(2, layout.bytes())) {
                final DelayedTransport transport = new DelayedTransport(heap, 64, arena);
                final QueuePairSet from = new QueuePairSet(transport, 0, 8, 1 + random.nextInt(4), false,
                    random.nextBoolean() ? 150 : 1 << 20);
                final QueuePairSet back = new QueuePairSet(transport, 1, 4, 1);
                final QueuePair[] queuePairs = new QueuePair[lanes];
                Arrays.setAll(queuePairs, lane -> from.connect(1, lane));
                final RingSender sender = new RingSender(layout, heap, 0, 1, 0, 0, from, queuePairs, lanes, tag);
                final QueuePair[] credits = new QueuePair[lanes];
                Arrays.setAll(credits, lane -> back.connect(0, lane));
                for (int lane = 0; tag != 0 && lane < lanes; lane++) {
                    // What an earlier link left behind says nothing of this one.
                    heap.region(1).set(JAVA_LONG, (long) lane * Long.BYTES,
                        CallWord.ofPosition(tag - 1, random.nextInt(1000)));
                    heap.region(0).set(JAVA_LONG, (long) lane * Long.BYTES,
                        CallWord.ofPosition(tag - 1, random.nextInt(1000)));
                }
                final RingReceiver receiver = new RingReceiver(layout, heap, 1, 0, 0, 0, back, credits, lanes, tag);
                long sent = 0;
                long taken = 0;
                for (int turn = 0; taken < 300; turn++) {
                    assertThat(turn).as("turns, seed=%s", seed).isLessThan(1_000_000);
                    transport.step(random);
                    from.poll();
                    back.poll();
                    if (sent < 300 && random.nextBoolean() && sender.claim()) {
                        sender.segment().set(JAVA_LONG, sender.offset(), sent);
                        sender.segment().set(JAVA_LONG, sender.offset() + 104, ~sent);
                        sender.commit();
                        sent++;
                    }
                    if (sent == 300 || random.nextInt(5) == 0) {
                        sender.flush();
                    }
                    if (random.nextBoolean() && receiver.available() > 0) {
                        assertThat(receiver.segment().get(JAVA_LONG, receiver.offset())).as("record, seed=%s", seed)
                            .isEqualTo(taken);
                        assertThat(receiver.segment().get(JAVA_LONG, receiver.offset() + 104))
                            .as("record's end, seed=%s", seed).isEqualTo(~taken);
                        receiver.consume();
                        taken++;
                    }
                }
                assertThat(receiver.available()).isZero();
            }
        }
    }

    @Test
    void aChunkIsAnEqualPartAndATailOnEachLaneAndIsBelievedOnceAllAreThere() {
        final RingLayout layout = new RingLayout(RECORD, 8, 4);
        try (Arena arena = Arena.ofConfined(); SymmetricHeap heap = new SymmetricHeap(2, layout.bytes())) {
            final DelayedTransport transport = new DelayedTransport(heap, 64, arena);
            final QueuePairSet from = new QueuePairSet(transport, 0, 8, 1);
            final QueuePair[] lanes = {from.connect(1, 0), from.connect(1, 1)};
            final QueuePairSet back = new QueuePairSet(transport, 1, 4, 1);
            final RingSender sender = new RingSender(layout, heap, 0, 1, 0, 0, from, lanes, 2, 0);
            final RingReceiver receiver = new RingReceiver(layout, heap, 1, 0, 0, 0, back,
                new QueuePair[] {back.connect(0, 0), back.connect(0, 1)}, 2, 0);
            for (int i = 0; i < 4; i++) {
                assertThat(sender.claim()).isTrue();
                sender.commit();
            }
            for (final QueuePair lane : lanes) {
                assertThat(lane.published()).isEqualTo(2);
                // 3 strides of 128 bytes and a record of 128, rounded up from 116.
                assertThat(WorkQueueElement.lengthBytes(lane.memory(), lane.elementOffset(0))).isEqualTo(256);
                assertThat(WorkQueueElement.opcode(lane.memory(), lane.elementOffset(1)))
                    .isEqualTo(WorkQueueElement.ATOMIC_ADD);
            }
            final SplittableRandom random = new SplittableRandom(1);
            for (int element = 0; element < 3; element++) {
                assertThat(transport.step(random)).isTrue();
                assertThat(receiver.available()).as("after %s of 4 elements", element + 1).isZero();
            }
            assertThat(transport.step(random)).isTrue();
            assertThat(receiver.available()).isEqualTo(4);
            for (int lane = 0; lane < 2; lane++) {
                assertThat(heap.region(1).get(JAVA_LONG, (long) lane * Long.BYTES))
                    .isEqualTo(CallWord.ofPosition(0, 4));
            }
        }
    }

    @Test
    void lanesOutOfRangeAreRefused() {
        final RingLayout layout = new RingLayout(RECORD, 8, 4);
        try (SymmetricHeap heap = new SymmetricHeap(2, layout.bytes())) {
            assertThatThrownBy(() -> new RingSender(layout, heap, 0, 1, 0, 0, null, null, 9, 0))
                .hasMessage("lanes=9: 1 to 8");
            assertThatThrownBy(() -> new RingReceiver(layout, heap, 1, 0, 0, 0, null, null, 0, 0))
                .hasMessage("lanes=0: 1 to 8");
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void creditsReturnByTheChunkAndStallsAreCounted(final boolean mapped) {
        try (Pair pair = new Pair(new RingLayout(RECORD, 8, 4), mapped ? Mapping.ALL : Mapping.SELF, 16)) {
            for (int i = 0; i < 8; i++) {
                assertThat(pair.send(i)).isTrue();
            }
            assertThat(pair.send(8)).isFalse();
            assertThat(pair.send(8)).isFalse();
            assertThat(pair.sender.stalls()).isEqualTo(1);
            for (int i = 0; i < 3; i++) {
                assertThat(pair.receiver.available()).isPositive();
                pair.take(i);
            }
            assertThat(pair.send(8)).as("no credit before a chunk is free").isFalse();
            pair.take(3);
            for (int i = 8; i < 12; i++) {
                assertThat(pair.send(i)).isTrue();
            }
            assertThat(pair.send(12)).isFalse();
            assertThat(pair.sender.stalls()).isEqualTo(2);
        }
    }

    @Test
    void aChunkIsOneWriteAndOneAtomicAndCreditsTakeAnotherQueuePair() {
        try (Pair pair = new Pair(new RingLayout(RECORD, 8, 4), Mapping.SELF, 16)) {
            for (int i = 0; i < 8; i++) {
                pair.send(i);
            }
            assertThat(pair.data.published()).isEqualTo(4);
            for (int i = 0; i < 8; i++) {
                assertThat(pair.receiver.available()).isPositive();
                pair.take(i);
            }
            assertThat(pair.credits.published()).isEqualTo(2);
            assertThat(pair.data.published()).isEqualTo(4);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void theEndsMayLiveOnDifferentThreads(final boolean mapped) throws InterruptedException {
        try (Pair pair = new Pair(new RingLayout(RECORD, 12, 3), mapped ? Mapping.ALL : Mapping.SELF, 4)) {
            final int count = 20_000;
            final Thread producer = Thread.ofPlatform().start(() -> {
                for (long i = 0; i < count; i++) {
                    while (!pair.send(i) && !Thread.currentThread().isInterrupted()) {
                        Thread.onSpinWait();
                    }
                }
                while (!pair.sender.flush() && !Thread.currentThread().isInterrupted()) {
                    Thread.onSpinWait();
                }
            });
            try {
                for (long i = 0; i < count; i++) {
                    while (pair.receiver.available() == 0) {
                        assertThat(Thread.currentThread().isInterrupted()).as("interrupted at record %s", i).isFalse();
                    }
                    pair.take(i);
                }
            } finally {
                producer.interrupt();
                producer.join();
            }
            assertThat(pair.receiver.available()).isZero();
        }
    }
}

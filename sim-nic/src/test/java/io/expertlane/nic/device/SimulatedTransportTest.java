package io.expertlane.nic.device;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class SimulatedTransportTest {
    private static final long HEAP_BYTES = 1 << 22;
    private static final int COUNTER_OFFSET = 1 << 21;

    /**
     * Random traffic between ranks; a queue pair's k-th write carries k, so order and exactly-once can be seen in what
     * arrives.
     */
    private static final class Traffic implements AutoCloseable {
        final SymmetricHeap heap;
        final SimulatedTransport transport;
        final List<QueuePair> queuePairs = new ArrayList<>();
        final long[] postedBytes;
        final int[] posted;
        final int[] delivered;
        final Random random;
        int disorders;

        Traffic(final long seed, final PortPolicy policy) {
            random = new Random(seed);
            final TestProfiles profile = new TestProfiles();
            profile.ports = 1 + random.nextInt(3);
            profile.portRateGbps = 200;
            profile.prefetchDepth = 1 + random.nextInt(16);
            profile.quantumBytes = 1 << random.nextInt(18);
            profile.ranksPerLeaf = 1 + random.nextInt(4);
            final int ranks = 2 + random.nextInt(6);
            heap = new SymmetricHeap(ranks, HEAP_BYTES);
            transport = new SimulatedTransport(heap, profile.cluster(), policy, 4096);
            for (int rank = 0; rank < ranks; rank++) {
                for (int peer = 0; peer < ranks; peer++) {
                    for (int lane = 0; lane < 2; lane++) {
                        if (peer != rank) {
                            queuePairs.add(transport.connect(rank, peer, 16, lane));
                        }
                    }
                }
            }
            postedBytes = new long[ranks];
            posted = new int[queuePairs.size()];
            delivered = new int[queuePairs.size()];
            transport.addListener(new NicListener() {
                @Override
                public void delivered(final long timePicos, final int queuePair, final int index, final int opcode,
                    final int rank, final int peer) {
                    if (index != delivered[queuePair]++) {
                        disorders++;
                    }
                }
            });
        }

        void run(final int rounds) {
            for (int round = 0; round < rounds; round++) {
                for (int i = 0; i < 20; i++) {
                    post(random.nextInt(queuePairs.size()));
                }
                transport.simulation().runUntil(transport.simulation().nowPicos() + random.nextInt(5_000_000));
                for (int rank = 0; rank < heap.ranks(); rank++) {
                    transport.completionQueue(rank).poll();
                }
            }
            transport.simulation().run();
        }

        private void post(final int qp) {
            final QueuePair queuePair = queuePairs.get(qp);
            final int elements = 1 + random.nextInt(6);
            for (int i = 0; i < elements; i++) {
                final int length = random.nextInt(4) == 0 ? random.nextInt(64) : random.nextInt(20_000);
                final int result = switch (random.nextInt(4)) {
                    case 0 -> queuePair.postAtomicAdd(COUNTER_OFFSET + qp * 64L, 1);
                    case 1 -> queuePair.postInline(COUNTER_OFFSET + qp * 64L + 8, posted[qp] + 1);
                    default -> queuePair.postWrite(0, random.nextInt(1000), length, length);
                };
                if (result == QueuePair.POSTED) {
                    posted[qp]++;
                }
            }
            queuePair.ringDoorbell();
        }

        @Override
        public void close() {
            transport.close();
            heap.close();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10})
    void everyElementIsDeliveredOnceAndInOrder(final long seed) {
        try (Traffic traffic = new Traffic(seed, PortPolicy.values()[(int) (seed % PortPolicy.values().length)])) {
            traffic.run(100);
            assertThat(traffic.disorders).isZero();
            assertThat(traffic.delivered).isEqualTo(traffic.posted);
            final SimulatedTransport transport = traffic.transport;
            assertThat(transport.total(NicCounter.SENT_ELEMENTS))
                .isEqualTo(transport.total(NicCounter.RECEIVED_ELEMENTS)).isGreaterThan(1000);
            assertThat(transport.total(NicCounter.SENT_BYTES)).isEqualTo(transport.total(NicCounter.RECEIVED_BYTES));
            assertThat(transport.total(NicCounter.SENT_PACKETS))
                .isEqualTo(transport.total(NicCounter.RECEIVED_PACKETS));
            assertThat(transport.total(NicCounter.SENT_ACKS)).isEqualTo(transport.total(NicCounter.RECEIVED_ELEMENTS));
            assertThat(transport.simulation().pendingCount()).isZero();
            for (int rank = 0; rank < traffic.heap.ranks(); rank++) {
                transport.completionQueue(rank).poll();
            }
            assertThat(traffic.queuePairs).allMatch(queuePair -> queuePair.outstanding() == 0);
        }
    }

    @Test
    void repeatsItselfWhateverRunsBeside() {
        try (Traffic alone = new Traffic(7, PortPolicy.HASHED)) {
            alone.run(60);
            try (Traffic first = new Traffic(7, PortPolicy.HASHED); Traffic stranger = new Traffic(8,
                PortPolicy.HASHED)) {
                for (int i = 0; i < 6; i++) {
                    stranger.run(10);
                }
                first.run(60);
                assertThat(first.transport.simulation().streamHash())
                    .isEqualTo(alone.transport.simulation().streamHash());
                assertThat(first.transport.simulation().eventCount())
                    .isEqualTo(alone.transport.simulation().eventCount());
                assertThat(stranger.transport.simulation().streamHash())
                    .isNotEqualTo(alone.transport.simulation().streamHash());
            }
        }
    }

    @Test
    void payloadArrivesBeforeTheFlagBehindIt() {
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES);
             SimulatedTransport transport = new SimulatedTransport(heap, new TestProfiles().cluster(),
                 PortPolicy.EXPLICIT, 16)) {
            final MemorySegment source = heap.region(0);
            final MemorySegment target = heap.region(1);
            for (int i = 0; i < 10_000; i++) {
                source.set(JAVA_BYTE, i, (byte) (i * 7));
            }
            final QueuePair queuePair = transport.connect(0, 1, 16, 0);
            queuePair.postWrite(0, 5000, 10_000, 10_000);
            queuePair.postInline(64, 42);
            queuePair.postAtomicAdd(72, 3);
            queuePair.postAtomicAdd(72, 4);
            queuePair.ringDoorbell();
            while (target.get(JAVA_LONG, 64) == 0) {
                assertThat(transport.simulation().step()).isTrue();
            }
            assertThat(target.get(JAVA_LONG, 64)).isEqualTo(42);
            assertThat(target.asSlice(5000, 10_000).mismatch(source.asSlice(0, 10_000))).isEqualTo(-1);
            transport.simulation().run();
            assertThat(target.get(JAVA_LONG, 72)).isEqualTo(7);
            assertThat(transport.completionQueue(0).poll()).isEqualTo(1);
            assertThat(queuePair.outstanding()).isZero();
        }
    }

    @Test
    void missingPayloadTakesTheSameTime() {
        final long[] ends = new long[2];
        for (int i = 0; i < 2; i++) {
            try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES);
                 SimulatedTransport transport = new SimulatedTransport(heap, new TestProfiles().cluster(),
                     PortPolicy.EXPLICIT, 16)) {
                final QueuePair queuePair = transport.connect(0, 1, 16, 0);
                queuePair.postWrite(0, 0, 100_000, i == 0 ? 100_000 : 16);
                queuePair.ringDoorbell();
                transport.simulation().run();
                ends[i] = transport.simulation().nowPicos();
                assertThat(transport.portBytes(0, 0)).isEqualTo(100_000);
            }
        }
        assertThat(ends[0]).isEqualTo(ends[1]);
    }

    @ParameterizedTest
    @EnumSource(PortPolicy.class)
    void policiesPlaceQueuePairsOnPorts(final PortPolicy policy) {
        final TestProfiles profile = new TestProfiles();
        profile.ports = 2;
        final int ranks = 33;
        try (SymmetricHeap heap = new SymmetricHeap(ranks, 4096);
             SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), policy, 1024)) {
            final QueuePair[][] queuePairs = new QueuePair[ranks][4];
            for (int peer = 1; peer < ranks; peer++) {
                for (int q = 0; q < 4; q++) {
                    queuePairs[peer][q] = transport.connect(0, peer, 2, q % 2);
                    queuePairs[peer][q].postInline(0, 1);
                }
            }
            for (int peer = 1; peer < ranks; peer++) {
                for (final QueuePair queuePair : queuePairs[peer]) {
                    assertThat(transport.port(queuePair)).isEqualTo(-1);
                    queuePair.ringDoorbell();
                }
            }
            transport.simulation().run();
            int onPortOne = 0;
            for (int peer = 1; peer < ranks; peer++) {
                int peerOnPortOne = 0;
                for (int q = 0; q < 4; q++) {
                    peerOnPortOne += transport.port(queuePairs[peer][q]);
                    if (policy == PortPolicy.EXPLICIT) {
                        assertThat(transport.port(queuePairs[peer][q])).isEqualTo(q % 2);
                    }
                }
                switch (policy) {
                    case FIXED -> assertThat(peerOnPortOne).isIn(0, 4);
                    case PREALLOCATED, QUEUE_AFFINITY, EXPLICIT -> assertThat(peerOnPortOne).isEqualTo(2);
                    case HASHED -> { }
                }
                onPortOne += peerOnPortOne;
            }
            assertThat(onPortOne).isBetween(32, 96);
            assertThat(transport.portBytes(0, 1)).isEqualTo(8L * onPortOne);
            assertThat(transport.portBytes(0, 0)).isEqualTo(8L * (128 - onPortOne));
        }
    }

    @Test
    void allocatesNothingInSteadyState() {
        final com.sun.management.ThreadMXBean threads =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (SymmetricHeap heap = new SymmetricHeap(8, HEAP_BYTES);
             SimulatedTransport transport = new SimulatedTransport(heap, new TestProfiles().cluster(),
                 PortPolicy.HASHED, 1024)) {
            final QueuePair[] queuePairs = new QueuePair[56];
            for (int i = 0; i < queuePairs.length; i++) {
                queuePairs[i] = transport.connect(i / 7, (i / 7 + 1 + i % 7) % 8, 8, 0);
            }
            long allocated = 0;
            for (int round = 0; round < 300; round++) {
                if (round == 200) {
                    allocated = threads.getCurrentThreadAllocatedBytes();
                }
                exchange(transport, queuePairs);
            }
            final long perElement = (threads.getCurrentThreadAllocatedBytes() - allocated) / (100 * 56 * 5);
            assertThat(perElement).isZero();
        }
    }

    private static void exchange(final SimulatedTransport transport, final QueuePair[] queuePairs) {
        for (final QueuePair queuePair : queuePairs) {
            for (int i = 0; i < 4; i++) {
                queuePair.postWrite(0, 0, 7408, 16);
            }
            queuePair.postAtomicAdd(0, 1);
            queuePair.ringDoorbell();
        }
        transport.simulation().run();
        for (int rank = 0; rank < transport.heap().ranks(); rank++) {
            transport.completionQueue(rank).poll();
        }
    }
}

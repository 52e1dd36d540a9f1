package io.expertlane.nic.device;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.profile.ContextCacheProfile;
import io.expertlane.nic.profile.NicProfile.Arbitration;
import io.expertlane.nic.profile.NicProfile.CompletionOverflow;
import io.expertlane.nic.profile.NicProfile.Granularity;
import io.expertlane.nic.profile.PcieProfile;
import io.expertlane.nic.profile.TranslationCacheProfile;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class DeviceFeaturesTest {
    private static final long HEAP_BYTES = 1 << 22;

    private static SimulatedTransport transport(final SymmetricHeap heap, final TestProfiles profile) {
        return new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT, 4096);
    }

    private static void fill(final QueuePair queuePair, final int elements, final int lengthBytes) {
        for (int i = 0; i < elements; i++) {
            assertThat(queuePair.postWrite(0, 0, lengthBytes, 0)).isEqualTo(QueuePair.POSTED);
        }
        queuePair.ringDoorbell();
    }

    /** The six rows of pcie-bench's model that the overheads are fitted on. */
    @ParameterizedTest
    @CsvSource({"5,128,376,386", "5,256,416,422", "5,512,438,441", "4,128,188,193", "4,256,208,211", "4,512,219,221"})
    void pcieRatesAreThoseOfPcieBench(final int generation, final int maxPayloadBytes, final double writeGbps,
        final double readGbps) {
        final PcieProfile pcie = new PcieProfile(generation, 16, maxPayloadBytes, 1.085, 28, 32, 512, 24);
        final int bytes = 1 << 20;
        assertThat(bytes * 8 / pcie.writeNanos(bytes)).isCloseTo(writeGbps, withinPercentage(0.5));
        assertThat(bytes * 8 / pcie.readNanos(bytes)).isCloseTo(readGbps, withinPercentage(0.5));
    }

    /** PCI Express, not the wire, is the limit of a 400G NIC with small PCIe packets. */
    @ParameterizedTest
    @CsvSource({"128,376", "256,392"})
    void theNarrowerOfPcieAndWireLimits(final int maxPayloadBytes, final double expectedGbps) {
        final TestProfiles profile = new TestProfiles();
        profile.queuePairRateGbps = 1_000_000;
        profile.pcie = new PcieProfile(5, 16, maxPayloadBytes, 1.085, 28, 32, 512, 24);
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES); SimulatedTransport transport = transport(heap,
            profile)) {
            fill(transport.connect(0, 1, 64, 0), 64, 1 << 20);
            transport.simulation().run();
            assertThat(64.0 * (1 << 20) * 8e3 / transport.simulation().nowPicos())
                .isCloseTo(expectedGbps, withinPercentage(1));
        }
    }

    @ParameterizedTest
    @CsvSource({"false,1,2400", "true,1,1400", "true,2,2400"})
    void aLoneElementComesWithItsDoorbell(final boolean blueFlame, final int elements, final double expectedNanos) {
        final TestProfiles profile = new TestProfiles();
        profile.blueFlame = blueFlame;
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES); SimulatedTransport transport = transport(heap,
            profile)) {
            final QueuePair queuePair = transport.connect(0, 1, 4, 0);
            for (int i = 0; i < elements; i++) {
                queuePair.postInline(8L * i, 1);
            }
            queuePair.ringDoorbell();
            while (heap.region(1).get(JAVA_LONG, 0) == 0) {
                assertThat(transport.simulation().step()).isTrue();
            }
            // doorbell 150 + fetch 1000 or nothing + wire 2 + one switch 600 + receive 500, less 150
            assertThat(transport.simulation().nowPicos() / 1e3)
                .isEqualTo(expectedNanos - 150 + (8 + 82 + 16) * 8 / 400.0, offset(0.01));
        }
    }

    @Test
    void weightsDivideAPort() {
        final TestProfiles profile = new TestProfiles();
        profile.arbiter = Arbitration.WEIGHTED;
        final long[] bytes = sharesOfOnePort(profile, new int[] {1, 3, 4}, new int[3]);
        assertThat((double) bytes[1] / bytes[0]).isCloseTo(3, withinPercentage(3));
        assertThat((double) bytes[2] / bytes[0]).isCloseTo(4, withinPercentage(3));
    }

    @Test
    void higherPriorityGoesFirst() {
        final TestProfiles profile = new TestProfiles();
        profile.arbiter = Arbitration.STRICT_PRIORITY;
        final long[] bytes = sharesOfOnePort(profile, new int[] {1, 1, 1}, new int[] {2, 0, 2});
        assertThat(bytes[0] + bytes[2]).isLessThan(bytes[1] / 50);
    }

    /** Bytes that queue pairs which always have work get through in the steady state. */
    private static long[] sharesOfOnePort(final TestProfiles profile, final int[] weights, final int[] priorities) {
        profile.prefetchDepth = 64;
        profile.queuePairRateGbps = 1_000_000;
        final long[] bytes = new long[weights.length];
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES); SimulatedTransport transport = transport(heap,
            profile)) {
            for (int i = 0; i < weights.length; i++) {
                final QueuePair queuePair = transport.connect(0, 1, 1024, 0);
                transport.share(queuePair, weights[i], priorities[i]);
                fill(queuePair, 1024, 8192);
            }
            transport.addListener(new NicListener() {
                @Override
                public void delivered(final long timePicos, final int queuePair, final int index, final int opcode,
                    final int rank, final int peer) {
                    bytes[queuePair] += timePicos > 50_000_000 ? 8192 : 0;
                }
            });
            transport.simulation().runUntil(160_000_000);
        }
        return bytes;
    }

    @Test
    void sharesOutOfRangeAreRefused() {
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES); SimulatedTransport transport = transport(heap,
            new TestProfiles())) {
            final QueuePair queuePair = transport.connect(0, 1, 2, 0);
            assertThatThrownBy(() -> transport.share(queuePair, 0, 0)).hasMessage("weight=0: 1 to 255");
            assertThatThrownBy(() -> transport.share(queuePair, 1, 8)).hasMessage("priority=8: 0 to 7");
        }
    }

    /** A plugged-in arbiter is asked: this one serves the latest first. */
    @Test
    void arbitersCanBePluggedIn() {
        final TestProfiles profile = new TestProfiles();
        final StringBuilder order = new StringBuilder();
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES); SimulatedTransport transport = transport(heap,
            profile)) {
            transport.arbiter(new Arbiter() {
                private final int[] stack = new int[16];
                private int size;

                @Override
                public void add(final int port, final int queuePair) {
                    stack[size++] = queuePair;
                }

                @Override
                public int take(final int port) {
                    return size == 0 ? NONE : stack[--size];
                }

                @Override
                public int quantumWireBytes(final int queuePair) {
                    return 1 << 20;
                }
            });
            transport.addListener(new NicListener() {
                @Override
                public void delivered(final long timePicos, final int queuePair, final int index, final int opcode,
                    final int rank, final int peer) {
                    order.append(queuePair);
                }
            });
            for (int i = 0; i < 4; i++) {
                fill(transport.connect(0, 1, 2, 0), 1, 100_000);
            }
            transport.simulation().run();
        }
        assertThat(order.toString()).isEqualTo("0321");
    }

    /** Cyclic use of more contexts than fit misses every time with LRU; use of those that fit misses once each. */
    @ParameterizedTest
    @CsvSource({"16,16,16", "16,17,1700", "0,200,0"})
    void contextsThatDoNotFitAreFetchedAgain(final int entries, final int queuePairs, final int expectedMisses) {
        final TestProfiles profile = new TestProfiles();
        profile.contextCache = new ContextCacheProfile(entries, 750, 50);
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES); SimulatedTransport transport = transport(heap,
            profile)) {
            final QueuePair[] all = new QueuePair[queuePairs];
            for (int i = 0; i < queuePairs; i++) {
                all[i] = transport.connect(0, 1, 2, 0);
            }
            for (int round = 0; round < 100; round++) {
                for (final QueuePair queuePair : all) {
                    fill(queuePair, 1, 64);
                    transport.simulation().run();
                    transport.completionQueue(0).poll();
                }
            }
            assertThat(transport.counter(0, 0, NicCounter.CONTEXT_MISSES)).isEqualTo(expectedMisses);
            assertThat(transport.counter(1, 0, NicCounter.CONTEXT_MISSES)).isEqualTo(expectedMisses);
        }
    }

    /** Against a plain LRU of the standard library, page by page, for both ends. */
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void translationsThatDoNotFitAreFetchedAgain(final long seed) {
        final Random random = new Random(seed);
        final TestProfiles profile = new TestProfiles();
        final int entries = 1 + random.nextInt(40);
        profile.translationCache = new TranslationCacheProfile(entries, 4096, 750, 50);
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES); SimulatedTransport transport = transport(heap,
            profile)) {
            final QueuePair queuePair = transport.connect(0, 1, 4, 0);
            final long[] misses = new long[2];
            final List<LinkedHashMap<Long, Boolean>> caches = List.of(lru(entries), lru(entries));
            for (int i = 0; i < 2000; i++) {
                final int length = random.nextInt(20_000);
                final long[] offsets = {random.nextInt(1 << 18), random.nextInt(1 << 18)};
                queuePair.postWrite(offsets[0], offsets[1], length, 0);
                queuePair.ringDoorbell();
                transport.simulation().run();
                transport.completionQueue(0).poll();
                for (int end = 0; end < 2; end++) {
                    for (long page = offsets[end] / 4096; page
                        <= (offsets[end] + Math.max(length, 1) - 1) / 4096; page++) {
                        misses[end] += caches.get(end).put(page, true) == null ? 1 : 0;
                    }
                }
            }
            assertThat(transport.counter(0, 0, NicCounter.TRANSLATION_MISSES)).isEqualTo(misses[0]);
            assertThat(transport.counter(1, 0, NicCounter.TRANSLATION_MISSES)).isEqualTo(misses[1]).isGreaterThan(100);
        }
    }

    private static LinkedHashMap<Long, Boolean> lru(final int entries) {
        return new LinkedHashMap<>(16, 0.75f, true) {
            @Override
            protected boolean removeEldestEntry(final Map.Entry<Long, Boolean> eldest) {
                return size() > entries;
            }
        };
    }

    /** A miss at both ends, then none: m pages cost a miss and m - 1 intervals. */
    @ParameterizedTest
    @CsvSource({"100,1", "4096,1", "16384,4", "12289,4"})
    void aMissingTranslationDelaysByItsRead(final int lengthBytes, final int pages) {
        final TestProfiles profile = new TestProfiles();
        profile.translationCache = new TranslationCacheProfile(16, 4096, 750, 50);
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES); SimulatedTransport transport = transport(heap,
            profile)) {
            final QueuePair queuePair = transport.connect(0, 1, 4, 0);
            final double[] nanos = new double[2];
            for (int i = 0; i < 2; i++) {
                final long from = transport.simulation().nowPicos();
                queuePair.postWrite(0, 1 << 20, lengthBytes, 0);
                queuePair.ringDoorbell();
                transport.simulation().run();
                nanos[i] = (transport.simulation().nowPicos() - from) / 1e3;
            }
            assertThat(nanos[0] - nanos[1]).isEqualTo(2 * (750 + 50.0 * (pages - 1)), offset(1e-3));
        }
    }

    @Test
    void atomicsOfOneNicExecuteOneAfterTheOther() {
        final TestProfiles profile = new TestProfiles();
        profile.atomicNanos = 200;
        try (SymmetricHeap heap = new SymmetricHeap(9, HEAP_BYTES); SimulatedTransport transport = transport(heap,
            profile)) {
            for (int rank = 1; rank <= 8; rank++) {
                final QueuePair queuePair = transport.connect(rank, 0, 16, 0);
                for (int i = 0; i < 16; i++) {
                    queuePair.postAtomicAdd(0, 1);
                }
                queuePair.ringDoorbell();
            }
            long first = 0;
            while (transport.simulation().step()) {
                final long value = heap.region(0).get(JAVA_LONG, 0);
                if (value == 1 && first == 0) {
                    first = transport.simulation().nowPicos();
                }
                if (value == 128) {
                    break;
                }
            }
            assertThat((transport.simulation().nowPicos() - first) / 127e3).isCloseTo(200, withinPercentage(0.5));
        }
    }

    /**
     * Where one queue pair sends through each port, messages and packets give the same times; where several share one
     * they do not.
     */
    @ParameterizedTest
    @ValueSource(ints = {64, 4096, 7408, 65_536})
    void wholeMessagesTakeTheTimeOfTheirPackets(final int lengthBytes) {
        final long[] ends = new long[2];
        final long[] wireBytes = new long[2];
        final long[] events = new long[2];
        for (int i = 0; i < 2; i++) {
            final TestProfiles profile = new TestProfiles();
            profile.granularity = Granularity.values()[i];
            try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES); SimulatedTransport transport = transport(heap,
                profile)) {
                fill(transport.connect(0, 1, 256, 0), 256, lengthBytes);
                transport.simulation().run();
                ends[i] = transport.simulation().nowPicos();
                wireBytes[i] = transport.total(NicCounter.SENT_WIRE_BYTES);
                events[i] = transport.simulation().eventCount();
                assertThat(transport.total(NicCounter.SENT_PACKETS)).isEqualTo(256L * ((lengthBytes + 4095) / 4096));
            }
        }
        assertThat(wireBytes[1]).isEqualTo(wireBytes[0]);
        assertThat((double) ends[1]).isCloseTo(ends[0], withinPercentage(1));
        assertThat(events[1]).isLessThanOrEqualTo(events[0]);
    }

    @Test
    void idleQueuePairsGoToTheLeastLoadedPort() {
        final TestProfiles profile = new TestProfiles();
        profile.ports = 2;
        profile.portRateGbps = 200;
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES);
             SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.FIXED, 1024)) {
            transport.chooseLeastLoadedPorts();
            final QueuePair[] queuePairs = new QueuePair[8];
            for (int i = 0; i < queuePairs.length; i++) {
                queuePairs[i] = transport.connect(0, 1, 4, 0);
            }
            final Random random = new Random(1);
            for (int round = 0; round < 50; round++) {
                for (final QueuePair queuePair : queuePairs) {
                    fill(queuePair, 1, 1000 + random.nextInt(50_000));
                }
                transport.simulation().run();
                transport.completionQueue(0).poll();
            }
            final double ratio = (double) transport.portBytes(0, 0) / transport.portBytes(0, 1);
            assertThat(ratio).isBetween(0.85, 1.18);
            assertThat(transport.total(NicCounter.RECEIVED_ELEMENTS)).isEqualTo(400);
        }
    }

    @Test
    void aForkRunsOnLikeItsOriginAndLeavesItAlone() {
        final TestProfiles profile = new TestProfiles();
        profile.ports = 2;
        profile.contextCache = new ContextCacheProfile(8, 750, 50);
        try (SymmetricHeap heap = new SymmetricHeap(4, 1 << 16); SimulatedTransport origin = transport(heap, profile);
             SymmetricHeap copy = new SymmetricHeap(4, 1 << 16)) {
            for (int rank = 0; rank < 4; rank++) {
                for (int peer = 0; peer < 4; peer++) {
                    if (peer != rank) {
                        final QueuePair queuePair = origin.connect(rank, peer, 8, 0);
                        fill(queuePair, 4, 30_000);
                        queuePair.postAtomicAdd(40_000, 1);
                        queuePair.ringDoorbell();
                    }
                }
            }
            origin.simulation().runUntil(4_000_000);
            try (SimulatedTransport fork = origin.fork(copy)) {
                assertThat(fork.simulation().nextEventTimePicos()).isEqualTo(origin.simulation().nextEventTimePicos());
                fork.queuePair(0).postAtomicAdd(40_008, 5);
                fork.queuePair(0).ringDoorbell();
                final long hashBefore = origin.simulation().streamHash();
                fork.simulation().run();
                assertThat(origin.simulation().streamHash()).isEqualTo(hashBefore);
                assertThat(copy.region(1).get(JAVA_LONG, 40_008)).isEqualTo(5);
                assertThat(copy.region(1).get(JAVA_LONG, 40_000)).isEqualTo(3);
                assertThat(heap.region(1).get(JAVA_LONG, 40_008)).isZero();
            }
            try (SymmetricHeap second = new SymmetricHeap(4, 1 << 16); SimulatedTransport fork = origin.fork(second)) {
                fork.simulation().run();
                origin.simulation().run();
                assertThat(fork.simulation().streamHash()).isEqualTo(origin.simulation().streamHash());
                assertThat(fork.counters()).isEqualTo(origin.counters());
                assertThat(fork.completionQueue(2).poll()).isEqualTo(origin.completionQueue(2).poll()).isEqualTo(6);
            }
        }
    }

    /** 32 elements, each signaled, into a completion queue of 8 that is polled only between runs. */
    private static SimulatedTransport overfilled(final SymmetricHeap heap, final CompletionOverflow overflow,
        final List<Integer> posted) {
        final TestProfiles profile = new TestProfiles();
        profile.completionOverflow = overflow;
        final SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT, 8);
        final QueuePair queuePair = transport.connect(0, 1, 64, 0);
        for (int i = 0; i < 32; i++) {
            posted.add(queuePair.postAtomicAdd(0, 1));
            queuePair.ringDoorbell();
        }
        transport.simulation().run();
        return transport;
    }

    @Test
    void aFullCompletionQueueRefusesHoldsOrBreaks() {
        for (final CompletionOverflow overflow : CompletionOverflow.values()) {
            final List<Integer> posted = new ArrayList<>();
            try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES); SimulatedTransport transport = overfilled(heap,
                overflow, posted)) {
                final long applied = heap.region(1).get(JAVA_LONG, 0);
                final int first = transport.completionQueue(0).poll();
                transport.completionsPolled(0);
                final int second = transport.completionQueue(0).poll();
                assertThat(first).isEqualTo(8);
                switch (overflow) {
                    case RESERVED -> {
                        assertThat(posted.subList(8, 32)).containsOnly(QueuePair.COMPLETION_QUEUE_FULL);
                        assertThat(applied).isEqualTo(8);
                        assertThat(second).isZero();
                    }
                    case BACK_PRESSURE -> {
                        assertThat(applied).isEqualTo(32);
                        assertThat(transport.total(NicCounter.COMPLETIONS_HELD)).isEqualTo(24);
                        assertThat(second).isEqualTo(8);
                        assertThat(transport.queuePair(0).outstanding()).isEqualTo(16);
                    }
                    case OVERRUN -> {
                        assertThat(applied).isEqualTo(32);
                        assertThat(transport.total(NicCounter.COMPLETION_OVERRUNS)).isEqualTo(24);
                        assertThat(second).isZero();
                        assertThat(transport.isOverrun(0)).isTrue();
                        transport.queuePair(0).postAtomicAdd(0, 1);
                        transport.queuePair(0).ringDoorbell();
                        transport.simulation().run();
                        assertThat(heap.region(1).get(JAVA_LONG, 0)).isEqualTo(32);
                    }
                }
            }
        }
    }
}

package io.expertlane.nic.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.profile.NicProfile;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Times of the model against formulas that are derived here from the profile, not from the model's code. */
class ClosedFormTest {
    private static final long HEAP_BYTES = 1 << 26;
    private static final double ONE_SWITCH_NANOS = 500 + 2 * 50;
    private static final double THREE_SWITCHES_NANOS = 3 * 500 + 4 * 50;

    /** Records every delivery and completion. */
    private static final class Recorder implements NicListener {
        final List<Long> deliveredPicos = new ArrayList<>();
        final List<Long> completedPicos = new ArrayList<>();

        @Override
        public void delivered(final long timePicos, final int queuePair, final int index, final int opcode,
            final int rank, final int peerRank) {
            deliveredPicos.add(timePicos);
        }

        @Override
        public void completed(final long timePicos, final int queuePair, final int index, final int status,
            final int rank) {
            completedPicos.add(timePicos);
        }
    }

    private static long wireBytes(final NicProfile nic, final int lengthBytes) {
        final int packets = Math.max(1, (lengthBytes + nic.mtuBytes() - 1) / nic.mtuBytes());
        return lengthBytes + 82L * packets + 16;
    }

    private static double dataNanos(final NicProfile nic, final int lengthBytes) {
        return wireBytes(nic, lengthBytes) * 8 / nic.portRateGbps();
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 8, 4096, 4097, 7408, 14_336, 65_536, 1 << 20})
    void singleWriteTakesTheSumOfItsStages(final int lengthBytes) {
        final TestProfiles profile = new TestProfiles();
        profile.ranksPerLeaf = 2;
        final NicProfile nic = profile.nic();
        for (int peer = 1; peer <= 2; peer++) {
            try (SymmetricHeap heap = new SymmetricHeap(3, HEAP_BYTES);
                 SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT,
                     16)) {
                final Recorder recorder = new Recorder();
                transport.addListener(recorder);
                final QueuePair queuePair = transport.connect(0, peer, 16, 0);
                queuePair.postWrite(0, 0, lengthBytes, lengthBytes);
                queuePair.ringDoorbell();
                transport.simulation().run();
                final double wayNanos = peer == 1 ? ONE_SWITCH_NANOS : THREE_SWITCHES_NANOS;
                final double delivered = nic.doorbellNanos() + nic.fetchNanos() + nic.payloadReadNanos()
                    + dataNanos(nic, lengthBytes) + wayNanos
                    + nic.receiveNanos();
                final double completed = delivered + nic.ackBytes() * 8 / nic.portRateGbps() + wayNanos
                    + nic.completionNanos();
                assertThat(recorder.deliveredPicos.getFirst() / 1e3)
                    .isEqualTo(delivered, offset(1e-3 * (lengthBytes / 4096 + 1)));
                assertThat(recorder.completedPicos.getFirst() / 1e3)
                    .isEqualTo(completed, offset(1e-3 * (lengthBytes / 4096 + 1)));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {8, 4096, 65_536, 1 << 20})
    void stopAndWaitTakesOneRoundAWrite(final int lengthBytes) {
        final TestProfiles profile = new TestProfiles();
        final NicProfile nic = profile.nic();
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES);
             SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT, 16)) {
            final QueuePair queuePair = transport.connect(0, 1, 2, 0);
            final int writes = 50;
            for (int i = 0; i < writes; i++) {
                assertThat(queuePair.postWrite(0, 0, lengthBytes, lengthBytes)).isEqualTo(QueuePair.POSTED);
                queuePair.ringDoorbell();
                transport.simulation().run();
                assertThat(transport.completionQueue(0).poll()).isEqualTo(1);
            }
            final double round = nic.doorbellNanos() + nic.fetchNanos() + nic.payloadReadNanos()
                + dataNanos(nic, lengthBytes) + nic.receiveNanos()
                + 2 * ONE_SWITCH_NANOS + nic.ackBytes() * 8 / nic.portRateGbps() + nic.completionNanos();
            assertThat(transport.simulation().nowPicos() / 1e3 / writes).isCloseTo(round, withinPercentage(0.01));
        }
    }

    /** Time an element in the steady state of {@code queuePairs} QPs that always have work. */
    private static double periodNanos(final TestProfiles profile, final int queuePairs, final int lengthBytes) {
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES);
             SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT,
                 1024)) {
            final Recorder recorder = new Recorder();
            transport.addListener(recorder);
            final int elements = 512;
            for (int q = 0; q < queuePairs; q++) {
                final QueuePair queuePair = transport.connect(0, 1, elements, 0);
                for (int i = 0; i < elements; i++) {
                    assertThat(queuePair.postWrite(0, 0, lengthBytes, 8)).isEqualTo(QueuePair.POSTED);
                }
                queuePair.ringDoorbell();
            }
            transport.simulation().run();
            final List<Long> times = recorder.deliveredPicos;
            final int from = times.size() / 4;
            final int to = times.size() * 3 / 4;
            return (times.get(to) - times.get(from)) / 1e3 / (to - from);
        }
    }

    @ParameterizedTest
    @CsvSource({"1,8", "1,4096", "1,65536", "4,8", "4,7408", "4,65536", "16,8", "16,7408", "32,8", "32,4096",
        "64,1024"})
    void oneQueuePairRunsAtItsNarrowestStage(final int prefetchDepth, final int lengthBytes) {
        final TestProfiles profile = new TestProfiles();
        profile.prefetchDepth = prefetchDepth;
        final NicProfile nic = profile.nic();
        final double data = dataNanos(nic, lengthBytes);
        final double hardware = nic.fetchNanos() + nic.payloadReadNanos();
        final double element = Math.max(nic.queuePairIntervalNanos(), lengthBytes * 8 / nic.queuePairRateGbps());
        final double expected = Math.max(data, Math.max(element, (hardware + data) / prefetchDepth));
        assertThat(periodNanos(profile, 1, lengthBytes)).isCloseTo(expected, withinPercentage(0.5));
    }

    @ParameterizedTest
    @CsvSource({"1,4096", "2,4096", "4,4096", "8,4096", "16,4096", "32,4096", "1,65536", "2,65536", "4,65536", "64,8",
        "3,7408", "13,7408", "20,7408"})
    void queuePairsHideTheHardwareLatencyOfEachOther(final int queuePairs, final int lengthBytes) {
        final TestProfiles profile = new TestProfiles();
        profile.prefetchDepth = 1;
        profile.quantumBytes = 1 << 20;
        final NicProfile nic = profile.nic();
        final double data = dataNanos(nic, lengthBytes);
        final double expected = Math.max(data, (nic.fetchNanos() + nic.payloadReadNanos() + data) / queuePairs);
        assertThat(periodNanos(profile, queuePairs, lengthBytes)).isCloseTo(expected, withinPercentage(0.5));
    }

    @ParameterizedTest
    @CsvSource({"64,8,3.0", "200,8,11.5"})
    void nicIntervalBoundsTheSumOfQueuePairs(final int queuePairs, final int lengthBytes,
        final double nicIntervalNanos) {
        final TestProfiles profile = new TestProfiles();
        profile.nicIntervalNanos = nicIntervalNanos;
        profile.payloadReadNanos = 0;
        assertThat(periodNanos(profile, queuePairs, lengthBytes)).isCloseTo(nicIntervalNanos, withinPercentage(0.5));
    }

    /** Rows of the wire table: measured payload rates of large messages. */
    @ParameterizedTest
    @CsvSource({"400,4096,392.1", "200,1024,185.1", "100,4096,98.04"})
    void largeMessagesReachTheMeasuredWireRate(final double rateGbps, final int mtuBytes, final double expectedGbps) {
        final TestProfiles profile = new TestProfiles();
        profile.portRateGbps = rateGbps;
        profile.mtuBytes = mtuBytes;
        final int lengthBytes = 1 << 20;
        assertThat(lengthBytes * 8 / periodNanos(profile, 2, lengthBytes))
            .isCloseTo(expectedGbps, withinPercentage(0.5));
    }

    @ParameterizedTest
    @CsvSource({"8,106,4.2,2.1", "4096,4194,167.8,83.9", "7168,7348,293.9,147.0", "7408,7588,303.5,151.8",
        "14336,14680,587.2,293.6",
        "65536,66864,2674.6,1337.3"})
    void dataTimesAreThoseOfTheWireTable(final int lengthBytes, final long wireBytes, final double nanosAt200,
    final double nanosAt400) {
        final double[] expected = {nanosAt200, nanosAt400};
        for (int i = 0; i < 2; i++) {
            final TestProfiles profile = new TestProfiles();
            profile.portRateGbps = 200 * (i + 1);
            profile.queuePairIntervalNanos = 0;
            profile.queuePairRateGbps = 1_000_000;
            profile.nicIntervalNanos = 0;
            profile.fetchNanos = 1;
            profile.payloadReadNanos = 0;
            profile.prefetchDepth = 64;
            assertThat(wireBytes(profile.nic(), lengthBytes)).isEqualTo(wireBytes);
            assertThat(dataNanos(profile.nic(), lengthBytes)).isEqualTo(expected[i], offset(0.051));
            assertThat(periodNanos(profile, 4, lengthBytes))
                .isCloseTo(dataNanos(profile.nic(), lengthBytes), withinPercentage(0.5));
        }
    }

    @ParameterizedTest
    @CsvSource({"4096,4096,4096", "4096,65536,4096", "512,14336,4096", "65536,65536,16384", "7408,14336,1",
        "7408,14336,1048576"})
    void roundRobinSharesAreEqualToAQuantum(final int lengthA, final int lengthB, final int quantumBytes) {
        final TestProfiles profile = new TestProfiles();
        profile.quantumBytes = quantumBytes;
        profile.prefetchDepth = 1024;
        profile.queuePairIntervalNanos = 0;
        profile.queuePairRateGbps = 1_000_000;
        profile.nicIntervalNanos = 0;
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES);
             SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT,
                 1024)) {
            final int[] lengths = {lengthA, lengthB, lengthA};
            final long[] delivered = new long[lengths.length];
            final int elements = 256;
            for (final int length : lengths) {
                final QueuePair queuePair = transport.connect(0, 1, elements, 0);
                for (int i = 0; i < elements; i++) {
                    queuePair.postWrite(0, 0, length, 0);
                }
                queuePair.ringDoorbell();
            }
            transport.addListener(new NicListener() {
                @Override
                public void delivered(final long timePicos, final int queuePair, final int index, final int opcode,
                    final int rank, final int peer) {
                    delivered[queuePair] += wireBytes(profile.nic(), lengths[queuePair]);
                }
            });
            final long smallestTotal = Math.min(wireBytes(profile.nic(), lengthA), wireBytes(profile.nic(), lengthB))
                * elements;
            final long quantum = wireBytes(profile.nic(), Math.max(quantumBytes, profile.mtuBytes));
            while (delivered[0] < smallestTotal * 9 / 10 && transport.simulation().step()) {
                for (int a = 0; a < lengths.length; a++) {
                    for (int b = 0; b < lengths.length; b++) {
                        // Bytes show when their message is complete: up to one message of either is sent but not seen.
                        if (delivered[a] > 0 && delivered[b] > 0) {
                            final long seenGap = quantum
                                + Math.max(wireBytes(profile.nic(), lengths[a]), wireBytes(profile.nic(), lengths[b]));
                            assertThat(Math.abs(delivered[a] - delivered[b])).isLessThanOrEqualTo(seenGap);
                        }
                    }
                }
            }
            assertThat(delivered[0]).isGreaterThanOrEqualTo(smallestTotal * 9 / 10);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3, 8})
    void sendersToOnePortShareItsRate(final int senders) {
        final TestProfiles profile = new TestProfiles();
        try (SymmetricHeap heap = new SymmetricHeap(senders + 1, HEAP_BYTES);
             SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT, 64)) {
            final Recorder recorder = new Recorder();
            transport.addListener(recorder);
            final int lengthBytes = 65_536;
            for (int sender = 1; sender <= senders; sender++) {
                final QueuePair queuePair = transport.connect(sender, 0, 64, 0);
                for (int i = 0; i < 64; i++) {
                    queuePair.postWrite(0, 0, lengthBytes, 0);
                }
                queuePair.ringDoorbell();
            }
            transport.simulation().run();
            final List<Long> times = recorder.deliveredPicos;
            final double nanos = (times.getLast() - times.get(senders - 1)) / 1e3;
            assertThat(nanos / (times.size() - senders))
                .isCloseTo(dataNanos(profile.nic(), lengthBytes), withinPercentage(0.5));
        }
    }
}

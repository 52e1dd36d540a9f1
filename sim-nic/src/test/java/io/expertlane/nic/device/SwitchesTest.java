package io.expertlane.nic.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.fabric.Network;
import io.expertlane.nic.profile.FabricProfile.Topology;
import io.expertlane.nic.profile.FaultProfile;
import io.expertlane.nic.profile.NicProfile;
import io.expertlane.nic.profile.RecoveryProfile;
import io.expertlane.nic.profile.SwitchProfile;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Queues in switches against closed forms and invariants, MTU 4096, 400G. */
class SwitchesTest {
    private static final int MESSAGE = 1 << 20;
    private static final int PACKET_BYTES = 4096 + 82 + 16;
    private static final SwitchProfile BASE = SwitchProfile.withoutQueues();
    private static final SwitchProfile.Pause NO_PAUSE = new SwitchProfile.Pause(false, 131_072, 128_000, 91_136);
    private static final SwitchProfile FREE =
        new SwitchProfile(false, 8, 400, 1, 0, 2, 4, BASE.bufferBytes(), BASE.pause(), BASE.marking(),
        BASE.rateControl());
    private static final SwitchProfile.Marking MARKING = new SwitchProfile.Marking(true, 50_000, 200_000, 0.1);
    private static final SwitchProfile.RateControl FAST_RATES =
        new SwitchProfile.RateControl(true, 1.0 / 16, 20_000, 4_000, 20_000, 5, 2_000, 20_000, 100, 20_000);

    private static SwitchProfile switches(final SwitchProfile.Pause pause, final SwitchProfile.Marking marking,
        final SwitchProfile.RateControl rates) {
        return new SwitchProfile(true, 8, 400, 1, 0, 2, 4, BASE.bufferBytes(), pause, marking, rates);
    }

    private static SwitchProfile queues() {
        return switches(BASE.pause(), BASE.marking(), BASE.rateControl());
    }

    private static TestProfiles profiles(final Topology topology, final int ranksPerLeaf,
        final SwitchProfile switches) {
        final TestProfiles profiles = new TestProfiles();
        profiles.topology = topology;
        profiles.ranksPerLeaf = ranksPerLeaf;
        profiles.switches = switches;
        return profiles;
    }

    /** A cluster under test. */
    private static final class Rig implements AutoCloseable {
        private final SymmetricHeap heap;
        private final SimulatedTransport transport;

        Rig(final TestProfiles profiles, final int ranks, final FaultProfile faults) {
            heap = new SymmetricHeap(ranks, 4096);
            transport = new SimulatedTransport(heap, profiles.cluster(), PortPolicy.HASHED, 1 << 12, faults);
        }

        QueuePair send(final int rank, final int peer, final int messages) {
            final QueuePair queuePair = transport.connect(rank, peer, 1024, 0);
            for (int i = 0; i < messages; i++) {
                assertThat(queuePair.postWrite(0, 0, MESSAGE, 0)).isEqualTo(QueuePair.POSTED);
            }
            queuePair.ringDoorbell();
            return queuePair;
        }

        double runMicros() {
            transport.simulation().run();
            return transport.simulation().nowPicos() / 1e6;
        }

        @Override
        public void close() {
            transport.close();
            heap.close();
        }
    }

    /** Queues change nothing where nothing queues. */
    @ParameterizedTest
    @EnumSource(Topology.class)
    void aLonelyFlowIsAsFastAsWithoutQueues(final Topology topology) {
        for (final int peer : new int[] {1, 5, 9, 31}) {
            try (Rig with = new Rig(profiles(topology, 4, queues()), 32,
                null); Rig without = new Rig(profiles(topology, 4, FREE), 32, null)) {
                with.send(0, peer, 4);
                without.send(0, peer, 4);
                assertThat(with.runMicros()).as(topology + " to " + peer).isEqualTo(without.runMicros(), within(0.2));
                assertThat(with.transport.networkCounters().mostQueuedBytes()).isLessThanOrEqualTo(PACKET_BYTES);
            }
        }
    }

    @Test
    void incastSharesTheLastLinkAndPauseLosesNothing() {
        try (Rig rig = new Rig(profiles(Topology.SINGLE_RAIL, 16, queues()), 16, null)) {
            for (int rank = 1; rank < 9; rank++) {
                rig.send(rank, 0, 4);
            }
            final double ideal = 8 * 4 * (MESSAGE / 4096 * (4096 + 82)) * 8 / 400e3;
            assertThat(rig.runMicros()).isBetween(ideal, ideal * 1.02 + 10);
            final NetworkCounters counters = rig.transport.networkCounters();
            assertThat(counters.pauses()).isPositive();
            assertThat(counters.dropped()).isZero();
            assertThat(counters.mostHeldBytes()).isGreaterThan((long) BASE.pause().xoffBytes())
                .isLessThanOrEqualTo((long) (BASE.pause().xoffBytes() + BASE.pause().headroomBytes()));
            assertThat(rig.transport.total(NicCounter.RECEIVED_BYTES)).isEqualTo(8L * 4 * MESSAGE);
        }
    }

    /**
     * A flow to an idle receiver suffers because its sender's port is paused for another's sake; without congestion it
     * does not.
     */
    @Test
    void pauseSlowsAVictimDown() {
        final double alone = victimMicros(0, queues());
        final double victim = victimMicros(7, queues());
        assertThat(alone).isLessThan(60);
        assertThat(victim).isGreaterThan(3 * alone);
    }

    /** With rate control the queues stay short, and the victim is nearly free. */
    @Test
    void rateControlFreesTheVictim() {
        final double paused = victimMicros(7, queues());
        final double controlled = victimMicros(7, switches(BASE.pause(), MARKING, FAST_RATES));
        assertThat(controlled).isLessThan(paused / 1.3);
    }

    private static double victimMicros(final int aggressors, final SwitchProfile switches) {
        return victimMicros(aggressors, 8, 2, switches, null);
    }

    private static double victimMicros(final int aggressors, final int messages, final int victimMessages,
        final SwitchProfile switches,
                                       final FaultProfile faults) {
        try (Rig rig = new Rig(profiles(Topology.SINGLE_RAIL, 16, switches), 16, faults)) {
            for (int rank = 1; rank <= aggressors; rank++) {
                rig.send(rank, 0, messages);
            }
            final QueuePair victim = rig.send(1, 15, victimMessages);
            final double[] done = {0};
            rig.transport.addListener(new NicListener() {
                @Override
                public void delivered(final long timePicos, final int queuePair, final int index, final int opcode,
                    final int rank, final int peerRank) {
                    if (queuePair == rig.transport.id(victim)) {
                        done[0] = timePicos / 1e6;
                    }
                }

                @Override
                public void completed(final long timePicos, final int queuePair, final int index, final int status,
                    final int rank) {
                }
            });
            rig.runMicros();
            assertThat(rig.transport.networkCounters().dropped()).isZero();
            return done[0];
        }
    }

    /** Two ports into one: each sends half of the time and stands paused for the other half. */
    @Test
    void twoSendersAreEachPausedHalfOfTheTime() {
        try (Rig rig = new Rig(profiles(Topology.SINGLE_RAIL, 16, queues()), 16, null)) {
            rig.send(1, 0, 16);
            rig.send(2, 0, 16);
            final double micros = rig.runMicros();
            final NetworkCounters counters = rig.transport.networkCounters();
            assertThat(counters.paused()).hasSize(1);
            final NetworkCounters.PausedLinks paused = counters.paused().getFirst();
            assertThat(paused.tier()).isEqualTo(Network.Tier.NIC_TO_LEAF);
            assertThat(paused.pausedLinks()).isEqualTo(2);
            assertThat(paused.pausedPicos() / 1e6).as("of %s us", micros).isCloseTo(micros, withinPercentage(3));
            assertThat(counters.packets()).isEqualTo(2L * 16 * MESSAGE / 4096);
            assertThat(counters.marked()).isZero();
            rig.transport.clearNetworkCounters();
            assertThat(rig.transport.networkCounters()).isEqualTo(NetworkCounters.NONE);
        }
    }

    /**
     * Without pause the queue of two senders to one port grows to what one of them sends, M, and shrinks again: a share
     * 1 - K / M of the time it is longer than K.
     */
    @Test
    void marksAreTheTimeThatTheQueueIsLong() {
        final int messages = 16;
        for (final double share : new double[] {0.25, 0.5, 0.75}) {
            final double threshold = (1 - share) * messages * MESSAGE * PACKET_BYTES / 4096;
            final SwitchProfile switches = new SwitchProfile(true, 8, 400, 1, 0, 2, 4, 1e9, NO_PAUSE,
                new SwitchProfile.Marking(true, threshold, threshold, 1), BASE.rateControl());
            try (Rig rig = new Rig(profiles(Topology.SINGLE_RAIL, 16, switches), 16, FaultProfile.NONE)) {
                // Two queue pairs each, since one of them does not fill a port.
                for (int queuePair = 0; queuePair < 2; queuePair++) {
                    rig.send(1, 0, messages / 2);
                    rig.send(2, 0, messages / 2);
                }
                rig.runMicros();
                final NetworkCounters counters = rig.transport.networkCounters();
                assertThat((double) counters.marked() / counters.packets()).isCloseTo(share, within(0.01));
                assertThat(counters.pauses()).isZero();
                assertThat(counters.paused()).isEmpty();
                assertThat(counters.dropped()).isZero();
            }
        }
    }

    /**
     * Four ports into one, and a fifth flow that shares a port with one of them: half of that port's rate, but with
     * pause a quarter.
     */
    @Test
    void pauseHalvesTheVictimsRate() {
        final SwitchProfile deep = new SwitchProfile(true, 8, 400, 1, 0, 2, 4, 1e9, NO_PAUSE, BASE.marking(),
            BASE.rateControl());
        final double free = victimMicros(4, 8, 4, deep, FaultProfile.NONE);
        final double paused = victimMicros(4, 8, 4, queues(), null);
        final double alone = 4 * (MESSAGE / 4096 * PACKET_BYTES) * 8 / 400e3;
        assertThat(free).isCloseTo(2 * alone, withinPercentage(5));
        assertThat(paused).isCloseTo(4 * alone, withinPercentage(10));
    }

    @Test
    void marksRiseWithTheLoad() {
        final List<Long> marked = new ArrayList<>();
        for (final int senders : new int[] {1, 2, 4, 8}) {
            try (Rig rig = new Rig(profiles(Topology.SINGLE_RAIL, 16,
                switches(BASE.pause(), MARKING, BASE.rateControl())), 16, null)) {
                for (int rank = 1; rank <= senders; rank++) {
                    rig.send(rank, 0, 8 / senders);
                }
                rig.runMicros();
                marked.add(rig.transport.networkCounters().marked());
            }
        }
        assertThat(marked.getFirst()).isZero();
        assertThat(marked).isSorted().doesNotHaveDuplicates();
    }

    /** Four long flows to one receiver: each gets about a quarter, together nearly all. */
    @Test
    void rateControlConvergesToFairShares() {
        try (Rig rig = new Rig(profiles(Topology.SINGLE_RAIL, 16, switches(BASE.pause(), MARKING, FAST_RATES)), 16,
            null)) {
            final QueuePair[] flows = new QueuePair[4];
            for (int i = 0; i < flows.length; i++) {
                flows[i] = rig.send(i + 1, 0, 600);
            }
            final long[] bytes = new long[flows.length];
            rig.transport.simulation().runUntil(10_000_000_000L);
            for (int i = 0; i < flows.length; i++) {
                bytes[i] = rig.transport.portBytes(i + 1, 0);
            }
            rig.transport.simulation().runUntil(40_000_000_000L);
            double sum = 0;
            double squares = 0;
            for (int i = 0; i < flows.length; i++) {
                final double gbps = (rig.transport.portBytes(i + 1, 0) - bytes[i]) * 8 / 30e6;
                sum += gbps;
                squares += gbps * gbps;
            }
            assertThat(sum).isBetween(300.0, 400.0);
            assertThat(sum * sum / (flows.length * squares)).as("Jain's index").isGreaterThan(0.95);
        }
    }

    @ParameterizedTest
    @EnumSource(RecoveryProfile.Method.class)
    void withoutPauseASmallBufferLosesPacketsWhichAreSentAgain(final RecoveryProfile.Method method) {
        final SwitchProfile small = new SwitchProfile(true, 8, 400, 1, 0, 2, 4, 400_000, NO_PAUSE, BASE.marking(),
            BASE.rateControl());
        final TestProfiles profiles = profiles(Topology.SINGLE_RAIL, 16, small);
        final RecoveryProfile base = profiles.recovery;
        profiles.recovery = new RecoveryProfile(method, 1_000_000, 255, base.rnrTimerNanos(), base.rnrRetryLimit());
        try (Rig rig = new Rig(profiles, 16, new FaultProfile(0, 0, 0, 0, 1))) {
            for (int rank = 1; rank < 9; rank++) {
                rig.send(rank, 0, 2);
            }
            rig.runMicros();
            assertThat(rig.transport.networkCounters().dropped()).isPositive();
            assertThat(rig.transport.total(NicCounter.RECEIVED_BYTES)).isEqualTo(8L * 2 * MESSAGE);
        }
    }

    /**
     * Whatever is sent arrives, nothing is dropped, and buffers are empty at the end: a second load takes as long as
     * the first.
     */
    @ParameterizedTest
    @EnumSource(Topology.class)
    void losslessUnderAnyLoad(final Topology topology) {
        final long seed = 11 + topology.ordinal();
        final SplittableRandom random = new SplittableRandom(seed);
        try (Rig rig = new Rig(profiles(topology, 4, switches(BASE.pause(), MARKING, BASE.rateControl())), 32, null)) {
            for (int i = 0; i < 60; i++) {
                final int rank = random.nextInt(32);
                rig.send(rank, (rank + 1 + random.nextInt(31)) % 32, 1);
            }
            rig.runMicros();
            assertThat(rig.transport.total(NicCounter.RECEIVED_BYTES)).as("seed " + seed).isEqualTo(60L * MESSAGE);
            assertThat(rig.transport.networkCounters().dropped()).isZero();
        }
    }

    /** Half of the lanes down halves what leaves a leaf. */
    @Test
    void aFailedShuffleBoxTakesItsLanesAway() {
        final double whole = crossLeafMicros(0);
        final double half = crossLeafMicros(2);
        final double quarter = crossLeafMicros(3);
        assertThat(half / whole).isBetween(1.5, 2.8);
        assertThat(quarter / half).isBetween(1.5, 2.8);
    }

    /** Eight ranks of a leaf, 64 queue pairs each to the next leaf, over 4 x 4 lanes of 100G. */
    private static double crossLeafMicros(final int failedLanes) {
        final SwitchProfile lanes = new SwitchProfile(true, 4, 400, 4, failedLanes, 2, 4, BASE.bufferBytes(),
            BASE.pause(), BASE.marking(), BASE.rateControl());
        try (Rig rig = new Rig(profiles(Topology.SINGLE_RAIL, 8, lanes), 16, null)) {
            for (int rank = 0; rank < 8; rank++) {
                for (int i = 0; i < 64; i++) {
                    rig.send(rank, rank + 8, 1);
                    rig.transport.connect(rank + 8, rank, 2, 0);
                }
            }
            return rig.runMicros();
        }
    }

    @Test
    void refusesWhatItCannotModel() {
        final TestProfiles messages = profiles(Topology.SINGLE_RAIL, 16, queues());
        messages.granularity = NicProfile.Granularity.MESSAGE;
        assertThatThrownBy(() -> new Rig(messages, 2, null)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("nic.granularity=MESSAGE");
        assertThatThrownBy(() -> new Rig(profiles(Topology.SINGLE_RAIL, 16,
            switches(NO_PAUSE, BASE.marking(), BASE.rateControl())), 2, null))
            .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("fabric.switches.pause.enabled=false");
        assertThatThrownBy(() -> new SwitchProfile(true, 8, 400, 4, 4, 2, 4, 1e6, NO_PAUSE, MARKING, FAST_RATES))
            .isInstanceOf(IllegalArgumentException.class).hasMessage("fabric.switches.failedLanes=4: 0 to 3");
    }
}

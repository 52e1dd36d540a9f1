package io.expertlane.nic.flow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.device.NicListener;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.device.TestProfiles;
import io.expertlane.nic.fabric.Network.Tier;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.FabricProfile.Topology;
import io.expertlane.nic.profile.FaultProfile;
import io.expertlane.nic.profile.InNodeProfile;
import io.expertlane.nic.profile.NicProfile;
import io.expertlane.nic.profile.RecoveryProfile;
import io.expertlane.nic.profile.SwitchProfile;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Plain flows against formulas derived from the profile, and against the same writes posted by hand. */
class NetworkTest {
    private static final double ONE_SWITCH_NANOS = 500 + 2 * 50;
    private static final int PACKET_BYTES = 4096 + 82;
    private static final Consumer<Flow> IGNORE = flow -> { };

    private static ClusterProfile singlePort() {
        return new TestProfiles().cluster();
    }

    private static ClusterProfile queues(final Topology topology) {
        final SwitchProfile base = SwitchProfile.withoutQueues();
        final TestProfiles profiles = new TestProfiles();
        profiles.topology = topology;
        profiles.ranksPerLeaf = 4;
        profiles.switches = new SwitchProfile(true, 8, 400, 1, 0, 2, 4, base.bufferBytes(), base.pause(),
            base.marking(), base.rateControl());
        return profiles.cluster();
    }

    private static double wireNanos(final NicProfile nic, final long bytes) {
        final long packets = Math.ceilDiv(bytes, nic.mtuBytes());
        return (bytes + 82 * packets + 16 * Math.ceilDiv(bytes, Network.WRITE_BYTES)) * 8 / nic.portRateGbps();
    }

    private static double firstByteNanos(final NicProfile nic) {
        return nic.doorbellNanos() + nic.fetchNanos() + nic.payloadReadNanos() + ONE_SWITCH_NANOS + nic.receiveNanos();
    }

    private static List<FlowRequest> allToAll(final int hosts, final long bytes, final double startNanos) {
        return IntStream.range(0, hosts * (hosts - 1))
            .mapToObj(i -> new FlowRequest(i % hosts, (i % hosts + 1 + i / hosts) % hosts, bytes, startNanos)).toList();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 4096, 4097, 1 << 20, (1L << 27) + 1})
    void aLonelyFlowTakesTheSumOfItsStages(final long bytes) {
        final ClusterProfile profile = singlePort();
        try (Network network = Network.of(profile, 3)) {
            final Flow flow = network.send(0, 2, bytes, 1234.5, IGNORE);
            network.run();
            // Each further write leaves its queue pair when the unit that serves it is through with those before.
            final long before = (bytes - 1) / Network.WRITE_BYTES * Network.WRITE_BYTES;
            final double expected = firstByteNanos(profile.nic()) + Math.max(wireNanos(profile.nic(), bytes),
                before * 8 / profile.nic().queuePairRateGbps() + wireNanos(profile.nic(), bytes - before));
            assertThat(flow.state()).isEqualTo(Flow.State.COMPLETED);
            assertThat(flow.deliveredBytes()).isEqualTo(bytes);
            assertThat(flow.durationNanos()).isEqualTo(expected, offset(1e-3 * (bytes / 4096 + 2)));
            assertThat(flow.endNanos()).isEqualTo(1234.5 + flow.durationNanos(), offset(1e-3));
        }
    }

    @ParameterizedTest
    @CsvSource({"2,65536,false", "4,65536,true", "4,1048576,false", "8,1048576,true", "15,262144,true"})
    void anIncastEndsWhenTheLastLinkHasCarriedAll(final int senders, final long bytes, final boolean queues) {
        final ClusterProfile profile = queues ? queues(Topology.SINGLE_RAIL) : singlePort();
        try (Network network = Network.of(profile, 64)) {
            // Ranks of one leaf or of others: the way through a spine is longer by two switches and two links.
            final int step = queues ? 4 : 1;
            final List<FlowRequest> requests = IntStream.rangeClosed(1, senders)
                .mapToObj(i -> new FlowRequest(i * step, 0, bytes, 0)).toList();
            final FlowGroup group = network.send(requests, IGNORE, ended -> { });
            network.run();
            final double way = queues ? 2 * 500 + 2 * 50 : 0;
            final double ideal = firstByteNanos(profile.nic()) + way + senders * wireNanos(profile.nic(), bytes);
            assertThat(group.endNanos()).isBetween(ideal - 1, ideal + 2 * PACKET_BYTES * 8 / 400.0 + 1);
        }
    }

    @ParameterizedTest
    @EnumSource(Topology.class)
    void anAllToAllLeavesAllBytesOnTheLinks(final Topology topology) {
        final int hosts = 24;
        final long bytes = 50_000;
        for (final PortPolicy ports : PortPolicy.values()) {
            try (Network network = Network.of(queues(topology), hosts, ports, null)) {
                final int[] ended = new int[2];
                final FlowGroup group = network.send(allToAll(hosts, bytes, 10), flow -> ended[0]++, all -> {
                    ended[1]++;
                    assertThat(ended[0]).isEqualTo(hosts * (hosts - 1));
                });
                network.run();
                assertThat(ended).containsExactly(hosts * (hosts - 1), 1);
                assertThat(group.failures()).isZero();
                final List<Link> links = network.links();
                final long total = hosts * (hosts - 1) * bytes;
                assertThat(bytes(links, Tier.NIC_TO_LEAF)).isEqualTo(total);
                assertThat(bytes(links, Tier.LEAF_TO_NIC)).isEqualTo(total);
                assertThat(bytes(links, Tier.LEAF_TO_SPINE)).isPositive().isEqualTo(bytes(links, Tier.SPINE_TO_LEAF))
                    .isLessThan(total);
                assertThat(bytes(links, Tier.SPINE_TO_CORE)).isEqualTo(bytes(links, Tier.CORE_TO_SPINE));
                for (final Link link : links) {
                    assertThat(network.linkBytes(link.number())).isEqualTo(link.bytes());
                    if (link.tier() == Tier.NIC_TO_LEAF || link.tier() == Tier.LEAF_TO_NIC) {
                        assertThat(link.bytes()).as("link %d", link.number()).isEqualTo((hosts - 1) * bytes);
                    }
                }
            }
        }
    }

    private static long bytes(final List<Link> links, final Tier tier) {
        return links.stream().filter(link -> link.tier() == tier).mapToLong(Link::bytes).sum();
    }

    /** The same device: flows that start at 0 end when writes posted by hand in the same order are delivered. */
    @Test
    void flowsTakeAsLongAsTheWritesTheyAre() {
        final int hosts = 8;
        final int bytes = 100_000;
        final ClusterProfile profile = ClusterProfile.h20Cx7Dual();
        final List<Long> byHand = new ArrayList<>();
        try (SymmetricHeap heap = new SymmetricHeap(hosts, 64);
             SimulatedTransport transport = new SimulatedTransport(heap, profile, PortPolicy.EXPLICIT, 1024)) {
            transport.addListener(new NicListener() {
                @Override
                public void delivered(final long timePicos, final int queuePair, final int index, final int opcode,
                    final int rank, final int peer) {
                    byHand.add(timePicos);
                }
            });
            for (final FlowRequest request : allToAll(hosts, bytes, 0)) {
                final int lane = Math.floorMod(request.destination() - request.source(), hosts) - 1;
                final QueuePair queuePair = transport.connect(request.source(), request.destination(), 2, lane);
                queuePair.postWrite(0, 0, bytes, 0);
                queuePair.ringDoorbell();
            }
            transport.simulation().run();
        }
        try (Network network = Network.of(profile, hosts)) {
            final List<Long> flows = new ArrayList<>();
            network.send(allToAll(hosts, bytes, 0), flow -> flows.add(Math.round(flow.endNanos() * 1e3)), group -> { });
            network.run();
            assertThat(flows).isEqualTo(byHand);
        }
    }

    /** Traffic in which each end starts something new, on two ports, with queues, over nodes. */
    private static final class Traffic {
        private final Network network;
        private final SplittableRandom random;
        private final List<String> ends = new ArrayList<>();
        private int left;

        Traffic(final Network network, final long seed, final int flows) {
            this.network = network;
            this.random = new SplittableRandom(seed);
            this.left = flows;
            for (int i = 0; i < 20; i++) {
                send(random.nextInt(5_000));
            }
        }

        private void send(final double delayNanos) {
            if (left-- > 0) {
                final int source = random.nextInt(network.hosts());
                final int destination = (source + 1 + random.nextInt(network.hosts() - 1)) % network.hosts();
                network.send(source, destination, 1 + random.nextLong(300_000), network.nowNanos() + delayNanos,
                    this::ended);
            }
        }

        private void ended(final Flow flow) {
            ends.add(flow.toString() + ' ' + flow.endNanos());
            assertThat(flow.endNanos()).isEqualTo(network.nowNanos());
            send(random.nextInt(2) * random.nextDouble() * 3_000);
        }
    }

    @Test
    void anyIncrementsGiveTheTimesOfOneRun() {
        final long seed = System.nanoTime();
        for (final Topology topology : Topology.values()) {
            final Traffic whole;
            final long hash;
            try (Network network = Network.of(queues(topology), 20)) {
                whole = new Traffic(network, seed, 300);
                network.run();
                hash = network.streamHash();
            }
            assertThat(whole.ends).as("seed %d", seed).hasSize(300);
            for (int kind = 0; kind < 3; kind++) {
                try (Network network = Network.of(queues(topology), 20)) {
                    final Traffic steps = new Traffic(network, seed, 300);
                    final SplittableRandom increments = new SplittableRandom(seed + kind);
                    while (network.nextEventNanos() != Network.NEVER) {
                        network.advanceTo(Math.max(network.nowNanos(), target(network, kind, increments)));
                    }
                    assertThat(steps.ends).as("seed %d kind %d", seed, kind).isEqualTo(whole.ends);
                    assertThat(network.streamHash()).as("seed %d kind %d", seed, kind).isEqualTo(hash);
                }
            }
        }
    }

    /**
     * From event to event; by any time that may hold none or hundreds; to the nanoseconds before, at and after the next
     * event.
     */
    private static double target(final Network network, final int kind, final SplittableRandom random) {
        return switch (kind) {
            case 0 -> network.nextEventNanos();
            case 1 -> network.nowNanos() + random.nextDouble() * 5_000;
            default -> Math.floor(network.nextEventNanos()) + random.nextInt(3);
        };
    }

    /** A clock that others drive: what is due at a time has happened when it is told so, and nothing later. */
    @Test
    void advancingStopsAtTheTimeAskedFor() {
        try (Network network = Network.of(singlePort(), 2)) {
            assertThat(network.nextEventNanos()).isEqualTo(Network.NEVER);
            network.advanceTo(500);
            assertThat(network.nowNanos()).isEqualTo(500);
            final Flow flow = network.send(0, 1, 4096, 700, IGNORE);
            assertThat(network.nextEventNanos()).isEqualTo(700);
            network.advanceTo(699.999);
            assertThat(flow.state()).isEqualTo(Flow.State.SCHEDULED);
            network.advanceTo(700);
            assertThat(flow.state()).isEqualTo(Flow.State.IN_FLIGHT);
            assertThat(flow.endNanos()).isNaN();
            final double end = 700 + firstByteNanos(singlePort().nic()) + wireNanos(singlePort().nic(), 4096);
            network.advanceTo(end - 0.002);
            assertThat(flow.isEnded()).isFalse();
            network.advanceTo(end + 0.002);
            assertThat(flow.state()).isEqualTo(Flow.State.COMPLETED);
            network.run();
            assertThat(network.nextEventNanos()).isEqualTo(Network.NEVER);
        }
    }

    /** More flows than a completion queue has entries: none is lost, and those that wait are sent in turn. */
    @Test
    void aHostWithMoreFlowsThanEntriesSendsThemInTurn() {
        final int flows = 3 * Network.MAX_WRITES_IN_FLIGHT;
        try (Network network = Network.of(singlePort(), 4)) {
            final int[] ended = new int[1];
            final List<FlowRequest> requests = IntStream.range(0, flows)
                .mapToObj(i -> new FlowRequest(0, 1 + i % 3, 64, 0)).toList();
            network.send(requests, flow -> ended[0]++, group -> { });
            network.run();
            assertThat(ended[0]).isEqualTo(flows);
            assertThat(network.linkBytes(0)).isEqualTo(64L * flows);
        }
    }

    @Test
    void hostsOfANodeUseItsLinksIfItHasSuch() {
        final TestProfiles profiles = new TestProfiles();
        profiles.inNode = new InNodeProfile(InNodeProfile.Link.NVLINK, 100, 1000);
        try (Network network = Network.of(profiles.cluster(), 16)) {
            final Flow inside = network.send(0, 7, 1_000_000, 0, IGNORE);
            final Flow outside = network.send(0, 8, 1_000_000, 0, IGNORE);
            network.run();
            assertThat(inside.durationNanos()).isEqualTo(1_000_000 / 100.0 + 1000, offset(0.01));
            assertThat(outside.durationNanos()).isGreaterThan(20_000);
            assertThat(network.inNodeBytes(0)).isEqualTo(1_000_000);
            assertThat(bytes(network.links(), Tier.NIC_TO_LEAF)).isEqualTo(1_000_000);
        }
    }

    /** Lost packets are sent again; a flow whose NIC has no retry left reports it. */
    @Test
    void flowsSurviveLossAndReportFailure() {
        try (Network network = Network.of(singlePort(), 8, PortPolicy.EXPLICIT, new FaultProfile(0.01, 0, 0, 0, 7))) {
            final FlowGroup group = network.send(allToAll(8, 200_000, 0), IGNORE, ended -> { });
            network.run();
            assertThat(group.isEnded()).isTrue();
            assertThat(group.failures()).isZero();
            assertThat(network.linkBytes(0)).isEqualTo(7 * 200_000);
        }
        final TestProfiles hopeless = new TestProfiles();
        hopeless.recovery = new RecoveryProfile(RecoveryProfile.Method.GO_BACK_N, 10_000, 1, 10_000,
            RecoveryProfile.RNR_RETRY_ALWAYS);
        try (Network network = Network.of(hopeless.cluster(), 4, PortPolicy.EXPLICIT,
            new FaultProfile(0.5, 0, 0, 0, 7))) {
            final List<Flow> ends = new ArrayList<>();
            final FlowGroup group = network.send(allToAll(4, 1 << 20, 0), ends::add, ended -> { });
            network.run();
            assertThat(ends).hasSize(12).doesNotHaveDuplicates().allMatch(Flow::isEnded);
            assertThat(group.failures()).isPositive();
            assertThat(group.endNanos()).isEqualTo(ends.getLast().endNanos());
        }
    }

    @Test
    void whatIsNotPossibleIsRefusedBeforeAnythingChanges() {
        assertThatIllegalArgumentException().isThrownBy(() -> Network.of(singlePort(), 1))
            .withMessage("hosts=1: 2 to 16384");
        assertThatIllegalArgumentException().isThrownBy(() -> Network.of(null, 2)).withMessage("profile=null");
        try (Network network = Network.of(singlePort(), 4)) {
            network.advanceTo(100);
            assertThatIllegalArgumentException().isThrownBy(() -> network.send(4, 0, 1, 100, IGNORE))
                .withMessage("source=4: 0 to 3");
            assertThatIllegalArgumentException().isThrownBy(() -> network.send(0, -1, 1, 100, IGNORE))
                .withMessage("destination=-1: 0 to 3");
            assertThatIllegalArgumentException().isThrownBy(() -> network.send(2, 2, 1, 100, IGNORE))
                .withMessage("destination=2: another host than the source");
            assertThatIllegalArgumentException().isThrownBy(() -> network.send(0, 1, 0, 100, IGNORE))
                .withMessageStartingWith("bytes=0: 1 to ");
            assertThatIllegalArgumentException()
                .isThrownBy(() -> network.send(0, 1, Network.MAX_BYTES + 1, 100, IGNORE));
            for (final double nanos : new double[] {99.9, -1, Double.NaN, Double.POSITIVE_INFINITY, 3e12}) {
                assertThatIllegalArgumentException().isThrownBy(() -> network.send(0, 1, 1, nanos, IGNORE))
                    .withMessage("startNanos=" + nanos + ": nowNanos=100.0 to 2.0E12");
                assertThatIllegalArgumentException().isThrownBy(() -> network.advanceTo(nanos));
            }
            assertThatIllegalArgumentException().isThrownBy(() -> network.send(0, 1, 1, 100, null))
                .withMessage("callback=null");
            final List<FlowRequest> oneBad = List.of(new FlowRequest(0, 1, 1, 100), new FlowRequest(0, 1, 1, 99));
            assertThatIllegalArgumentException().isThrownBy(() -> network.send(oneBad, IGNORE, group -> { }))
                .withMessageStartingWith("flows[1].startNanos=99.0: ");
            assertThatIllegalArgumentException().isThrownBy(() -> network.send(List.of(), IGNORE, group -> { }))
                .withMessage("flows=[]: 1 or more");
            assertThatIllegalArgumentException().isThrownBy(() -> network.linkBytes(-1));
            assertThat(network.nextEventNanos()).isEqualTo(Network.NEVER);
            assertThat(network.eventCount()).isZero();
            assertThat(network.nowNanos()).isEqualTo(100);
        }
    }

    @Test
    void callbacksMaySendAndThrowButNotAdvance() {
        try (Network network = Network.of(singlePort(), 4)) {
            final List<RuntimeException> refused = new ArrayList<>();
            network.send(0, 1, 10, 0, flow -> {
                for (final Runnable advance
                    : List.<Runnable>of(network::run, () -> network.advanceTo(1e6), network::close)) {
                    assertThatIllegalStateException().isThrownBy(advance::run)
                        .withMessageStartingWith("inside a callback")
                        .satisfies(refused::add);
                }
            });
            network.run();
            assertThat(refused).hasSize(3);
            final int[] groups = new int[1];
            final IllegalArgumentException thrown = new IllegalArgumentException("a user's own");
            network.send(List.of(new FlowRequest(0, 1, 10, network.nowNanos()),
                new FlowRequest(2, 3, 1 << 20, network.nowNanos())), flow -> {
                throw thrown;
            }, group -> groups[0]++);
            assertThatThrownBy(network::run).isSameAs(thrown);
            assertThatThrownBy(network::run).isSameAs(thrown);
            network.run();
            assertThat(groups[0]).isEqualTo(1);
            final Flow after = network.send(3, 2, 10, network.nowNanos(), IGNORE);
            network.run();
            assertThat(after.state()).isEqualTo(Flow.State.COMPLETED);
        }
    }
}

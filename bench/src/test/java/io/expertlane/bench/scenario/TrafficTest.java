package io.expertlane.bench.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.moe.BurstRouting;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.IncastRouting;
import io.expertlane.kernel.moe.RoutingSource;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.fabric.Network;
import io.expertlane.nic.profile.ClusterProfile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What an exchange puts on links and queues, where it can be counted by hand. */
class TrafficTest {
    private static final int LOCAL_EXPERTS = 8;
    /** No rank ever waits for room. */
    private static final int DEEP_SEND_QUEUES = 256;
    private static final String QUEUES = "fabric.switches.queues=true";
    private static final String[] NO_PAUSE = {QUEUES, "fabric.switches.pause.enabled=false",
        "fabric.switches.bufferBytes=1e9"};

    private static LayerSimulation.Result simulate(final TransferPath path, final int chunk, final int ring,
        final int ranks, final int tokens,
                                                   final RoutingSource routing, final String... changes) {
        ClusterProfile cluster = ClusterProfile.ofName("h20-cx7-dual");
        for (final String change : changes) {
            cluster = ProfileJson.with(cluster, change.substring(0, change.indexOf('=')),
                change.substring(change.indexOf('=') + 1));
        }
        final ExchangeKind kind = new ExchangeKind(ExchangeKind.Mode.LL, path, DispatchType.FP8, CombineMethod.PUSH,
            false, LowLatencyConfig.NO_SEGMENTATION, 1,
            chunk, ring, DEEP_SEND_QUEUES, Payload.OMITTED);
        return new LayerSimulation(cluster, ModelProfile.ofName("deepseek-v3").withExperts(LOCAL_EXPERTS * ranks),
            ranks, tokens, routing, kind, PortPolicy.PREALLOCATED, 4096,
            1).run();
    }

    private static LayerSimulation.Result zero(final int ranks, final int tokens, final RoutingSource routing,
        final String... changes) {
        return simulate(TransferPath.ZERO, LowLatencyConfig.DEFAULT_CHUNK_TOKENS, LowLatencyConfig.DEFAULT_RING_TOKENS,
            ranks, tokens, routing, changes);
    }

    /** Zero path: a queue pair and a count for every remote expert, a flag for each on the way back. */
    @ParameterizedTest
    @ValueSource(ints = {4, 8, 16})
    void countsOfTheZeroPath(final int ranks) {
        final LayerSimulation.Result result = zero(ranks, 32, DrawnRouting.uniform());
        final int remoteExperts = LOCAL_EXPERTS * (ranks - 1);
        assertThat(result.footprint().queuePairs()).isEqualTo(remoteExperts);
        assertThat(result.dispatch().traffic().metadataElements()).isEqualTo(remoteExperts);
        assertThat(result.dispatch().traffic().metadataBytes()).isEqualTo(8.0 * remoteExperts);
        assertThat(result.dispatch().traffic().fanOut().max()).isEqualTo(ranks - 1);
        assertThat(result.dispatch().traffic().creditStalls()).isZero();
        assertThat(result.dispatch().traffic().network()).isNull();
        assertThat(result.dispatch().traffic().mostElements()).isBetween(1, 32 * 8 + remoteExperts);
        assertThat(result.dispatch().traffic().mostCompletions()).isPositive();
    }

    /**
     * Ring path: a queue pair for rows, one for outputs and one for words to every peer, whatever the experts; memory
     * grows with the ring.
     */
    @Test
    void countsOfTheRingPath() {
        final LayerSimulation.Result narrow = simulate(TransferPath.RING, 4, 8, 8, 64, DrawnRouting.uniform());
        final LayerSimulation.Result wide = simulate(TransferPath.RING, 4, 64, 8, 64, DrawnRouting.uniform());
        assertThat(narrow.footprint().queuePairs()).isEqualTo(3 * 7);
        assertThat(wide.footprint().registeredBytes()).isGreaterThan(narrow.footprint().registeredBytes());
        assertThat(narrow.dispatch().traffic().creditStalls()).isGreaterThan(wide.dispatch().traffic().creditStalls());
        assertThat(narrow.dispatch().traffic().metadataElements()).as("credits")
            .isGreaterThan(wide.dispatch().traffic().metadataElements() - 1);
    }

    /**
     * All that R - 1 ranks send goes to one, and nothing to others: their ports share its port, so flows get 1 / (R -
     * 1) of it.
     */
    @Test
    void incastIsTheBusiestRanksPortSharedByAll() {
        final LayerSimulation.Result result = zero(8, 64, new IncastRouting(8), QUEUES);
        final Traffic traffic = result.dispatch().traffic();
        assertThat(traffic.busiestRank()).isZero();
        assertThat(result.load().rankMaxOverMean()).isEqualTo(8);
        assertThat(traffic.fanOut().max()).isEqualTo(1);
        assertThat(traffic.toOthers()).isNull();
        final double wireShare = 7408.0 / (7408 + 2 * 82 + 16);
        assertThat(traffic.toBusiest().median()).as("two ports of 200 Gb/s").isLessThan(50 * wireShare / 7 * 1.05)
            .isGreaterThan(50 * wireShare / 7 * 0.85);
        assertThat(traffic.network().pauses()).isPositive();
        assertThat(traffic.network().marked()).as("marking is off").isZero();
        assertThat(traffic.network().paused(Network.Tier.NIC_TO_LEAF).pausedLinks()).as("ports of seven senders")
            .isBetween(7, 14);
        assertThat(traffic.network().paused(Network.Tier.LEAF_TO_SPINE).pausedLinks()).as("one leaf").isZero();
        assertThat(result.combine().traffic().network().pauses()).as("one sends to all: nothing to pause for").isZero();
    }

    @Test
    void nothingIsPausedWithoutPauseNorUnderAnEvenLoad() {
        assertThat(zero(8, 64, new IncastRouting(8), NO_PAUSE).dispatch().traffic().network().pauses()).isZero();
        assertThat(zero(8, 16, new IncastRouting(1), QUEUES).dispatch().traffic().network().pauses())
            .as("8 / 8 of the mean").isZero();
    }

    /**
     * Pause spreads from the hot rank's leaf to all NICs: flows to other ranks wait behind those to the hot one, which
     * is not slower for it.
     */
    @Test
    void pauseHurtsTheVictimsOnly() {
        final String leaves = "fabric.ranksPerLeaf=8";
        final LayerSimulation.Result free = zero(32, 128, new IncastRouting(1), NO_PAUSE[0], NO_PAUSE[1], NO_PAUSE[2],
            leaves);
        final LayerSimulation.Result paused = zero(32, 128, new IncastRouting(1), QUEUES, leaves);
        assertThat(paused.load().rankMaxOverMean()).isCloseTo(4, within(1e-9));
        assertThat(paused.dispatch().traffic().network().paused(Network.Tier.SPINE_TO_LEAF).pausedLinks()).isPositive();
        assertThat(paused.dispatch().traffic().network().paused(Network.Tier.LEAF_TO_SPINE).pausedLinks()).isPositive();
        assertThat(paused.dispatch().traffic().network().paused(Network.Tier.NIC_TO_LEAF).pausedLinks()).isPositive();
        assertThat(paused.dispatch().traffic().toOthers().least())
            .isLessThan(0.6 * free.dispatch().traffic().toOthers().least());
        assertThat(paused.dispatch().latencyMicros().p50()).isGreaterThan(1.1 * free.dispatch().latencyMicros().p50());
        assertThat(paused.dispatch().latencyMicros().max())
            .isCloseTo(free.dispatch().latencyMicros().max(), withinPercentage(2));
    }

    @Test
    void aBurstNeedsMemoryForItselfEverywhere() {
        final LayerSimulation.Result steady = zero(8, 16, DrawnRouting.uniform());
        final LayerSimulation.Result burst = zero(8, 16, new BurstRouting(DrawnRouting.uniform(), 8));
        assertThat((double) burst.footprint().registeredBytes() / steady.footprint().registeredBytes())
            .isCloseTo(8, within(0.1));
        assertThat(burst.shape().maxTokensPerRank()).isEqualTo(128);
        assertThat(burst.dispatch().latencyMicros().max()).isGreaterThan(steady.dispatch().latencyMicros().max());
    }

    /** A cache of all contexts never misses twice; one of half of them does. */
    @Test
    void contextMissesAreCounted() {
        final int contexts = 2 * LOCAL_EXPERTS * 7;
        final long all = zero(8, 128, DrawnRouting.uniform(), "nic.contextCache.entries=" + contexts).dispatch()
            .traffic().contextMisses();
        final long half = zero(8, 128, DrawnRouting.uniform(), "nic.contextCache.entries=" + contexts / 2).dispatch()
            .traffic().contextMisses();
        assertThat(all).as("each of %s contexts of 8 ranks once", contexts).isEqualTo(8L * contexts);
        assertThat(half).isGreaterThan(all);
    }

    /**
     * Nodes of 8 among 16 ranks: an expert's queue pair, count and rows take NVLink or the NIC by where it is, and no
     * word of either is lost to the other.
     */
    @Test
    void linksInsideANodeAreCountedApart() {
        final LayerSimulation.Result linked = zero(16, 32, DrawnRouting.uniform(), "inNode.link=NVLINK");
        final Traffic traffic = linked.dispatch().traffic();
        assertThat(linked.footprint().queuePairs()).isEqualTo(8 * LOCAL_EXPERTS);
        assertThat(traffic.metadataElements()).isEqualTo(8 * LOCAL_EXPERTS);
        assertThat(traffic.metadataBytes()).isEqualTo(8.0 * 8 * LOCAL_EXPERTS);
        assertThat(traffic.inNode().metadataElements()).isEqualTo(7 * LOCAL_EXPERTS);
        assertThat(traffic.inNode().metadataBytes()).isEqualTo(8.0 * 7 * LOCAL_EXPERTS);
        assertThat(traffic.fanOut().max()).isEqualTo(8);
        assertThat(traffic.inNode().fanOut().max()).isEqualTo(7);
        final double ownRows = 32 * 8 / 16.0;
        assertThat(traffic.inNode().rowBytes()).as("rows of FP8 with scales to 7 of 16 ranks, about")
            .isCloseTo(7 * ownRows * 7408, withinPercentage(10));
        assertThat(traffic.toBusiest().most()).as("two ports of 200 Gb/s").isLessThan(50);
        assertThat(traffic.toOthers().most()).isLessThan(50);
        final LayerSimulation.Result byNic = zero(16, 32, DrawnRouting.uniform());
        assertThat(byNic.dispatch().traffic().inNode()).isNull();
        assertThat(byNic.dispatch().traffic().metadataElements())
            .isEqualTo(traffic.metadataElements() + traffic.inNode().metadataElements());
    }

    /** Inside one node nothing passes a NIC, and the links are as fast as they are. */
    @Test
    void oneNodeLeavesItsNicsIdle() {
        final Traffic traffic = zero(8, 64, new IncastRouting(8), "inNode.link=NVLINK", "inNode.rateGBps=100")
            .dispatch().traffic();
        assertThat(traffic.fanOut().max()).isZero();
        assertThat(traffic.metadataElements()).isZero();
        assertThat(traffic.toBusiest()).isNull();
        assertThat(traffic.toOthers()).isNull();
        assertThat(traffic.mostElements()).isZero();
        assertThat(traffic.inNode().flows().least())
            .as("the last of seven senders that share what comes in at 100 GB/s")
            .isBetween(0.9 * 100 / 7, 1.1 * 100 / 7);
        assertThat(traffic.mostCompletions()).as("entries of stores").isPositive();
    }
}

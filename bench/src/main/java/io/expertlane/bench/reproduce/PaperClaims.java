package io.expertlane.bench.reproduce;

import io.expertlane.bench.reproduce.Claim.Point;
import io.expertlane.bench.scenario.LayerSimulation;
import io.expertlane.bench.scenario.ModelProfile;
import io.expertlane.bench.scenario.ProfileJson;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.RoutingSource;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.profile.FabricProfile;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/**
 * The claims of the source paper, each with the configuration that the paper states and, for what it does not, the one
 * that DeepEP ships.
 */
final class PaperClaims {
    private static final double SHARE_TOLERANCE = 0.1;
    private static final String DUAL = "h20-cx7-dual";
    private static final String SINGLE = "h800-cx7";
    private static final String[] MULTI_RAIL = {"fabric.topology=MULTI_RAIL", "fabric.ranksPerLeaf=32",
        "fabric.coreLinkNanos=4500"};
    private static final String[] PORT_HASHES = {"murmur3", "toeplitz", "crc32", "xor"};
    private static final String SPLIT = "split over two";
    private static final int SEGMENT_BYTES = 4096;
    private static final int HT_TOKENS = 4096;
    private static final int DECODE_TOKENS = 128;
    private static final int RAIL_TOKENS = 32;
    private static final int[] TOKENS = {1024, 2048, 4096, 8192};
    private static final int[] SMS = {4, 6, 8, 10, 12, 16, 20, 24};
    private static final double SATURATED = 0.97;
    private static final double BALANCED = 1.05;
    private static final double PERCENT = 100;
    private static final RoutingSource SKEWED = DrawnRouting.zipf(1);

    private PaperClaims() {
    }

    /** All of them, in the order of the paper. */
    static List<Claim> all() {
        return List.of(issue(), sourcePorts(),
            throughput("ht-dispatch", "dispatch", 59.45, 114.31, PaperClaims::dispatchRate),
            throughput("ht-combine", "combine", 93.22, 117.55, PaperClaims::combineRate), sms(), portBalance(),
            segmentation(),
            latency("ll-dispatch", "dispatch", -47.43, -39.26, result -> result.dispatch().latencyMicros().p50()),
            latency("ll-combine", "combine", -40.49, -26.96, result -> result.combine().latencyMicros().p50()),
            singleRail(), crossRail(), share());
    }

    private static double dispatchRate(final LayerSimulation.Result result) {
        return result.dispatch().algorithmicGBps();
    }

    private static double combineRate(final LayerSimulation.Result result) {
        return result.combine().algorithmicGBps();
    }

    private static double exchangeMicros(final LayerSimulation.Result result) {
        return result.dispatch().latencyMicros().p50() + result.combine().latencyMicros().p50();
    }

    /** Change from {@code before} to {@code after} in percent. */
    private static double change(final double before, final double after) {
        return PERCENT * (after / before - 1);
    }

    private static Claim issue() {
        return new Claim("h1-issue", "3.2.1",
            "bandwidth gained by device-direct posting over a CPU proxy, one 400G port a GPU", 8.7, 31.8, 0.05, "%",
            "h800-cx7, ht over ring, 24 SMs, 4096 tokens, EP16 to EP64, fp8 dispatch and bf16 combine; --issue direct "
            + "over --issue proxy", "ranks",
            runs -> {
                final List<Point> points = new ArrayList<>();
                for (final int ranks : new int[] {16, 32, 64}) {
                    final LayerSimulation.Result proxy =
                        runs.highThroughput(ClaimRuns.cluster(SINGLE, "host.issue=PROXY"), ranks, HT_TOKENS,
                        PortPolicy.FIXED);
                    final LayerSimulation.Result direct = runs.highThroughput(ClaimRuns.cluster(SINGLE), ranks,
                        HT_TOKENS, PortPolicy.FIXED);
                    points.add(new Point("dispatch", ranks, change(dispatchRate(proxy), dispatchRate(direct))));
                    points.add(new Point("combine", ranks, change(combineRate(proxy), combineRate(direct))));
                }
                return points;
            }, _ -> true,
                "Dispatch gains less than published at EP16 and more from EP32 on: the simulated proxy serialises the "
                + "elements of all peers, where a real one overlaps "
                + "those of different queue pairs in part. This is not independent of the fit: the rows ht-ep32-* of "
                + "docs/cluster-model.md are measurements of the same two "
                + "libraries at EP32 (58 over 44 GB/s are 31.8 %), and the simulated gain misses by what those rows "
                + "miss by. Routing is uniform over all nodes, where "
                + "DeepEP's tests limit a token to four groups.");
    }

    private static Claim sourcePorts() {
        return new Claim("h2-ports", "3.2.2",
            "bandwidth without source-port pre-allocation, as a share of that with it, dual-port NICs", 53.3, 53.3,
            0.05, "%",
            "h20-cx7-dual, ht over ring, 24 SMs, 4096 tokens, EP16 and EP32; --ports fixed over --ports preallocated",
            "ranks",
            runs -> {
                final List<Point> points = new ArrayList<>();
                for (final int ranks : new int[] {16, 32}) {
                    final LayerSimulation.Result fixed = runs.highThroughput(ClaimRuns.cluster(DUAL), ranks, HT_TOKENS,
                        PortPolicy.FIXED);
                    final LayerSimulation.Result spread = runs.highThroughput(ClaimRuns.cluster(DUAL), ranks, HT_TOKENS,
                        PortPolicy.PREALLOCATED);
                    points.add(new Point("dispatch", ranks, PERCENT * dispatchRate(fixed) / dispatchRate(spread)));
                    points.add(new Point("combine", ranks, PERCENT * combineRate(fixed) / combineRate(spread)));
                }
                return points;
            }, _ -> true,
                "For one hash (murmur3) and one address plan (a subnet a node). A rank has one peer on its rail at "
                + "EP16, so one port by construction, and three at EP32, "
                + "which this hash sends to one port nearly everywhere.");
    }

    private static Claim throughput(final String id, final String phase, final double low, final double high,
                                    final ToDoubleFunction<LayerSimulation.Result> rate) {
        return new Claim(id, "3.4.1", phase
            + " bandwidth gained over DeepEP, 32 H20 GPUs, dual-port NICs, over token counts", low, high, 0.005, "%",
            "h20-cx7-dual, ht over ring, EP32, 24 SMs, 1024 to 8192 tokens; --ports preallocated --issue direct over "
            + "DeepEP as first released (--ports fixed "
                + "--issue proxy) and as it ships now (--ports fixed --issue direct)", "tokens",
            runs -> {
                final List<Point> points = new ArrayList<>();
                for (final int tokens : TOKENS) {
                    final double best = rate.applyAsDouble(runs.highThroughput(ClaimRuns.cluster(DUAL), 32, tokens,
                        PortPolicy.PREALLOCATED));
                    final double first =
                        rate.applyAsDouble(runs.highThroughput(ClaimRuns.cluster(DUAL, "host.issue=PROXY"), 32, tokens,
                        PortPolicy.FIXED));
                    final double shipped = rate.applyAsDouble(runs.highThroughput(ClaimRuns.cluster(DUAL), 32, tokens,
                        PortPolicy.FIXED));
                    points.add(new Point("over the first release", tokens, change(first, best)));
                    points.add(new Point("over DeepEP as it ships", tokens, change(shipped, best)));
                }
                return points;
            }, _ -> true,
            "The paper does not say which DeepEP it compares with. Its section 3.2.1 starts from one that posts by a "
            + "CPU proxy, its first release; by now DeepEP "
                + "posts from the device, and what is left to gain is the second port, so about 100 % at most. Hash "
                + "and addresses as in h2-ports.");
    }

    private static Claim sms() {
        return new Claim("h-sms", "3.2.1", "SMs that saturate the NIC", 8, 12, 0, "SMs",
            "h800-cx7 and h20-cx7-dual, ht over ring, EP32, 4096 tokens; the fewest of 4, 6, 8, 10, 12, 16, 20 and 24 "
            + "SMs with 97 % of the bandwidth of 24, in both "
                + "with the better of a channel for two SMs, as DeepEP has them, and a channel for each", "ranks",
            runs -> {
                final List<Point> points = new ArrayList<>();
                for (final String name : new String[] {SINGLE, DUAL}) {
                    points.add(new Point("dispatch on " + name, 32, saturation(runs, name, PaperClaims::dispatchRate)));
                    points.add(new Point("combine on " + name, 32, saturation(runs, name, PaperClaims::combineRate)));
                }
                return points;
            }, _ -> true,
                "Held against the bandwidth of 24 SMs, not against the line rate. Combine needs more SMs than "
                + "dispatch, since an SM sums at a third of the rate at which it "
                + "copies.");
    }

    private static double saturation(final ClaimRuns runs, final String cluster,
        final ToDoubleFunction<LayerSimulation.Result> rate) {
        final int most = SMS[SMS.length - 1];
        final double full = tuned(runs, cluster, most, rate);
        for (final int sms : SMS) {
            if (tuned(runs, cluster, sms, rate) >= SATURATED * full) {
                return sms;
            }
        }
        return most;
    }

    private static double tuned(final ClaimRuns runs, final String cluster, final int sms,
        final ToDoubleFunction<LayerSimulation.Result> rate) {
        return IntStream.of(sms / 2, sms)
            .mapToDouble(channels -> rate.applyAsDouble(runs.highThroughput(ClaimRuns.cluster(cluster), 32, HT_TOKENS,
            sms, channels, PortPolicy.PREALLOCATED)))
            .max().orElseThrow();
    }

    private static Claim portBalance() {
        return new Claim("l1-ports", "3.3.1",
            "bytes of a NIC's busier port over its other port without expert-granular balance: several, up to 6.21 "
            + "(with it about 1)", 2, 6.21, 0.005,
            "ratio",
            "h20-cx7-dual, ll over zero, deepseek-v2-lite, EP8 to EP32, 128 tokens; choices of a real gate where given "
            + "(--esft), else Zipf with exponent 1; one "
                + "queue pair an expert, bound to the ports in turn as they are created (--ports queue-affinity, as "
                + "mlx5 does), worst NIC; beside it, not counted, "
                + "--ports preallocated, whose turns begin one port later at each peer, and with --split on, where it "
                + "must be 1.05 at most", "ranks",
            runs -> {
                final List<Point> points = new ArrayList<>();
                for (final int ranks : new int[] {8, 16, 32}) {
                    points.add(new Point("bound as created", ranks,
                        portRatio(runs, ranks, PortPolicy.QUEUE_AFFINITY, false)));
                    points.add(new Point("pre-allocated here", ranks,
                        portRatio(runs, ranks, PortPolicy.PREALLOCATED, false), false));
                    points.add(new Point(SPLIT, ranks, portRatio(runs, ranks, PortPolicy.PREALLOCATED, true), false));
                }
                return points;
            }, points -> points.stream().filter(point -> point.series().equals(SPLIT))
                .allMatch(point -> point.value() <= BALANCED),
            "The paper gives the largest ratio, 6.21; that several begins at 2 is our reading. It has source ports "
            + "pre-allocated for one queue pair an expert, but not in "
                + "which order: what counts here is the plain one, every peer's k-th expert on port k modulo 2, so "
                + "that the skew of all peers adds up. The order that Expertlane "
                + "has instead (docs/decisions/0004) leaves little of it, and would be outside.");
    }

    private static double portRatio(final ClaimRuns runs, final int ranks, final PortPolicy ports,
        final boolean split) {
        final RoutingSource routing = runs.recorded() == null ? SKEWED : runs.recorded();
        final Double worst = runs.lowLatency(ClaimRuns.cluster(DUAL), ModelProfile.ofName("deepseek-v2-lite"), ranks,
            DECODE_TOKENS, routing, ports, split,
            LowLatencyConfig.NO_SEGMENTATION).portRatio().max();
        return worst == null ? Double.MAX_VALUE : worst;
    }

    private static Claim segmentation() {
        return new Claim("l2-segments", "3.3.2", "end-to-end latency changed by software segmentation", -7.1, -7.1,
            0.05, "%",
            "h20-cx7-dual, ll over zero, EP16 and EP32, 128 tokens, --split on; --segment 2048 and 4096 over none; "
            + "dispatch and combine together (4096 cuts only the "
                + "halves of combine)", "ranks",
            runs -> {
                final List<Point> points = new ArrayList<>();
                for (final int ranks : new int[] {16, 32}) {
                    for (final int segment : new int[] {2048, SEGMENT_BYTES}) {
                        points.add(new Point("segments of " + segment, ranks, change(
                            exchangeMicros(runs.lowLatency(ClaimRuns.cluster(DUAL), ranks, DECODE_TOKENS,
                            PortPolicy.PREALLOCATED, true,
                                LowLatencyConfig.NO_SEGMENTATION)),
                            exchangeMicros(runs.lowLatency(ClaimRuns.cluster(DUAL), ranks, DECODE_TOKENS,
                            PortPolicy.PREALLOCATED, true, segment)))));
                    }
                }
                return points;
            }, _ -> true,
                "Outside. Elements of many queue pairs overlap in this NIC, and beyond its bytes an element's time "
                + "does not depend on its length: shorter elements are "
                + "more elements, and nothing becomes faster. Nor does it with a quantum of 64 KB "
                + "(nic.quantumBytes=65536), one element prefetched "
                + "(nic.prefetchDepth=1), or a queue pair held to 100 Gb/s (nic.queuePairRateGbps=100) or to an "
                + "element each 400 ns "
                + "(nic.queuePairIntervalNanos=400): segments of 4096 bytes make combine 1 to 4 % slower in all of "
                + "them. Hardware time that grows with an element's "
                + "length faster than its bytes would; we know of no public figure.");
    }

    private static Claim latency(final String id, final String phase, final double low, final double high,
                                 final ToDoubleFunction<LayerSimulation.Result> micros) {
        return new Claim(id, "3.4.2", phase + " latency changed against DeepEP, 128 tokens a GPU", low, high, 0.005,
            "%",
            "h20-cx7-dual, ll over zero, EP16 and EP32, 128 tokens, nodes through the NIC and by links; --ports "
            + "preallocated --split on over DeepEP as it ships "
                + "(--ports fixed, one queue pair an expert), for each of 4 port hashes ("
                + String.join(", ", PORT_HASHES) + ") and 3 address plans (fabric.addresses)",
            "ranks",
            runs -> {
                final List<Point> points = new ArrayList<>();
                for (final int ranks : new int[] {16, 32}) {
                    for (final String link : new String[] {"NIC", "NVLINK"}) {
                        final double best = micros.applyAsDouble(decode(runs, ranks, PortPolicy.PREALLOCATED, true,
                            "inNode.link=" + link));
                        final double[] changes = Arrays.stream(FabricProfile.Addresses.values())
                            .flatMap(addresses -> Arrays.stream(PORT_HASHES).map(hash ->
                            micros.applyAsDouble(decode(runs, ranks, PortPolicy.FIXED, false, "inNode.link=" + link,
                            "nic.portHash=" + hash,
                                "fabric.addresses=" + addresses)))).mapToDouble(shipped -> change(shipped, best))
                                .sorted().toArray();
                        final String nodes = link.equals("NIC") ? ", nodes through the NIC" : ", nodes by links";
                        points.add(new Point("least" + nodes, ranks, changes[changes.length - 1]));
                        points.add(new Point("median" + nodes, ranks,
                            (changes[(changes.length - 1) / 2] + changes[changes.length / 2]) / 2));
                        points.add(new Point("most" + nodes, ranks, changes[0]));
                    }
                }
                return points;
            }, _ -> true,
            "With one source port for all, which port a peer's packets take is a matter of the NIC's hash, which is "
            + "not public, and of the cluster's addresses, "
                + "which the paper does not give: the change is anything from 3 % slower to 47 % faster, and the "
                + "median of the twelve far from the published range. "
                + "The published gains are those of a hash that sends most peers' packets to one port. So this shows "
                + "that the claim can be true, not that it must be.");
    }

    private static LayerSimulation.Result decode(final ClaimRuns runs, final int ranks, final PortPolicy ports,
        final boolean split, final String... changes) {
        return runs.lowLatency(ClaimRuns.cluster(DUAL, changes), ranks, DECODE_TOKENS, ports, split,
            LowLatencyConfig.NO_SEGMENTATION);
    }

    private static LayerSimulation.Result rail(final ClaimRuns runs, final int ranks, final String link,
        final String... changes) {
        return runs.lowLatency(ProfileJson.with(ClaimRuns.cluster(DUAL, changes), "inNode.link", link), ranks,
            RAIL_TOKENS, PortPolicy.PREALLOCATED, true,
            LowLatencyConfig.NO_SEGMENTATION);
    }

    private static Claim singleRail() {
        return new Claim("single-rail", "2",
            "latency changed by the single-rail network, 16 H20, batch 32 (56 to 48 us, 77 to 65 us)", -20, -14.3, 0.05,
            "%",
            "h20-cx7-dual, ll over zero, EP16, 32 tokens; --topology single-rail, all 16 ranks on a leaf, over "
            + "multi-rail whose core adds the paper's 10 us to a way over "
                + "the spine (fabric.coreLinkNanos=4500)", "ranks",
            runs -> {
                final List<Point> points = new ArrayList<>();
                for (final String link : new String[] {"NVLINK", "NIC"}) {
                    final LayerSimulation.Result multi = rail(runs, 16, link, MULTI_RAIL);
                    final LayerSimulation.Result single = rail(runs, 16, link, "fabric.topology=SINGLE_RAIL",
                        "fabric.ranksPerLeaf=256");
                    final String nodes = link.equals("NIC") ? ", nodes through the NIC" : ", nodes by links";
                    points.add(new Point("dispatch" + nodes, 16,
                        change(multi.dispatch().latencyMicros().p50(), single.dispatch().latencyMicros().p50())));
                    points.add(new Point("combine" + nodes, 16,
                        change(multi.combine().latencyMicros().p50(), single.combine().latencyMicros().p50())));
                }
                return points;
            }, _ -> true,
            "The 10 us are put in, as a property of the network that the paper compares with: a way over the core "
            + "takes 11.7 us, one on a leaf 0.6 us. With short links "
                + "it would be 2.8 us. What is shown is what such a way does to dispatch and combine. The published "
                + "changes are 14.3 and 15.6 % of the two, and 20 % of an "
                + "all-to-all of its own; here combine, which takes longer, gains less than dispatch.");
    }

    private static Claim crossRail() {
        return new Claim("cross-rail", "2",
            "time that a decode step loses to ways between rails (10 us a communication)", 1.2, 1.2, 0.05, "ms",
            "h20-cx7-dual, ll over zero, deepseek-v3, EP16 and EP32, 32 tokens; TPOT with multi-rail whose core adds "
            + "10 us (as in single-rail) less that where all "
                + "ways have three switches and none goes over a core (--topology single-rail, fabric.ranksPerLeaf=1)",
                "ranks",
            runs -> {
                final List<Point> points = new ArrayList<>();
                for (final int ranks : new int[] {16, 32}) {
                    for (final String link : new String[] {"NVLINK", "NIC"}) {
                        points.add(new Point(link.equals("NIC") ? "nodes through the NIC" : "nodes by links", ranks,
                            (rail(runs, ranks, link, MULTI_RAIL).tpotMicros()
                            - rail(runs, ranks, link, "fabric.topology=SINGLE_RAIL", "fabric.ranksPerLeaf=1")
                            .tpotMicros()) / 1e3));
                    }
                }
                return points;
            }, _ -> true,
            "The 10 us are put in; that nothing hides them in the 116 dispatches and combines of a step is what is "
            + "shown.");
    }

    private static Claim share() {
        return new Claim("share", "1", "share of the all-to-alls in a layer's time as top-k grows from 1 to 8, 32 GPUs",
            51.2, 90.6, 0.05, "%",
            "h20-cx7-dual, ll over zero, EP32, 128 tokens, deepseek-v3 with top-k 1 to 8; dispatch and combine over "
            + "the whole layer, attention at 4096 positions",
            "top-k",
            runs -> {
                final List<Point> points = new ArrayList<>();
                for (final int topK : new int[] {1, 2, 4, 8}) {
                    final LayerSimulation.LayerMicros layer = runs.lowLatency(ClaimRuns.cluster(DUAL),
                        ModelProfile.ofName("deepseek-v3").withTopK(topK), 32,
                        DECODE_TOKENS, DrawnRouting.uniform(), PortPolicy.FIXED, false,
                        LowLatencyConfig.NO_SEGMENTATION).layerMicros();
                    final double exchange = layer.dispatch() + layer.combine();
                    points.add(new Point("simulated", topK,
                        PERCENT * exchange / (layer.attention() + layer.sharedExpert() + layer.routedExperts()
                        + exchange)));
                }
                return points;
            }, PaperClaims::reachesBothEnds,
                "Outside. The figures are quoted from BigMac (AAAI 2025), which measured other models on other "
                + "hardware; the paper gives neither. Here attention at 4096 "
                + "positions is bound by the arithmetic of an H20 and takes most of a layer, so the share grows with "
                + "top-k, but from a lower level.");
    }

    /** The published figures are two, not the ends of a spread: both must be met, give or take a tenth. */
    private static boolean reachesBothEnds(final List<Point> points) {
        return points.getFirst().value() >= 51.2 * (1 - SHARE_TOLERANCE)
            && points.getFirst().value() <= 51.2 * (1 + SHARE_TOLERANCE)
            && points.getLast().value() >= 90.6 * (1 - SHARE_TOLERANCE);
    }
}

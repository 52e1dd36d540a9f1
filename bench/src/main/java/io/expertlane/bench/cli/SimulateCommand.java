package io.expertlane.bench.cli;

import io.expertlane.bench.results.Json;
import io.expertlane.bench.scenario.Bottleneck;
import io.expertlane.bench.scenario.ModelStep;
import io.expertlane.bench.scenario.Distribution;
import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.LayerSimulation;
import io.expertlane.bench.scenario.ModelProfile;
import io.expertlane.bench.scenario.ProfileJson;
import io.expertlane.bench.scenario.StageSplit;
import io.expertlane.bench.scenario.StepAccount;
import io.expertlane.bench.scenario.Traffic;
import io.expertlane.bench.scenario.Workload;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.moe.BurstRouting;
import io.expertlane.kernel.moe.RoutingSource;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.trace.TraceFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/** Times dispatch, combine and a step on a modelled cluster. */
@Command(
    name = "simulate",
    description = {
        "Times dispatch and combine of one MoE layer, and from them a step of decode, prefill or training, on a "
            + "modelled",
        "cluster: the exchange that runs for real runs here under a virtual clock, without its payload."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footerHeading = "%nResults (all simulated):%n",
    footer = {
        "  latency      from the common start until a rank has all rows (dispatch) or sums (combine)",
        "  algorithmic  message bytes a rank over the median latency: ll counts every selection, ht every destination",
        "               node of a token, local ones included",
        "  NIC          payload bytes a NIC sent over the median latency",
        "  port ratio   wire bytes of a NIC's busier port over its other port; the median and worst NIC",
        "  rank         memory registered for the worst case, queue pairs that pass the NIC, and of each call: peers "
        + "that the NIC sends",
        "               rows to, its elements without rows (counts, flags, credits), the most in flight in a NIC and "
        + "on a queue pair,",
        "               the depth its completion queue needs, and stalls for want of credits, of all ranks; in its "
        + "node: what passes",
        "               links between its GPUs and no NIC",
        "  switches     packets marked, pauses; flows: bytes of rows from one rank to another over the time until the "
        + "last is there",
        "  stages       what a rank's latency consists of: kernel start, routing map, pack, issue, NIC send (own rows "
        + "under",
        "               way), peers (theirs), unpack, reduce; expert queue is what it is earlier than the slowest rank",
        "  load         selections of the busiest expert and of the busiest rank over the mean, as drawn",
        "  gradients    with training: the way back of combine, a dispatch by the handle of the first one, and of "
        + "dispatch, a combine",
        "  step         where the time of a step goes: fixed times of operations (launches) and of communication "
        + "kernels (barriers),",
        "               values written for the next operation to read (HBM trips), dispatch and combine that nothing "
        + "covers,",
        "               computation; comm: the share of barriers, dispatch and combine",
        "  TPOT, time to first token: moeLayers x (attention + shared expert + dispatch + routed experts + combine), "
        + "each on its",
        "               slowest rank, + the dense layers; computation by a roofline of the cluster's GPU",
        "  iteration    the same forward and backward, of one micro-batch of T tokens a rank, all layers on every rank",
        "               docs/cluster-model.md has the formulas and what is left out",
        "",
        "Examples:",
        "  expertlane simulate --model deepseek-v3 --ep 64 --tokens 128",
        "  expertlane simulate --model deepseek-v2-lite --ep 16 --routing esft:DIR --ports fixed",
        "  expertlane simulate --cluster mine.json --model qwen3-235b --routing zipf:0.8 --json",
        "  expertlane simulate --ep 8 --tokens 16 --trace run.json",
        "  expertlane simulate --model deepseek-v3 --cluster h800-cx7 --ep 64 --step two-batch,fused",
        "  expertlane simulate --cluster h800-cx7 --ep 32 --tokens 4096 --mode ht --path ring --channels 12 --ring 128 "
        + "--sms 24 \\",
        "      --set nic.granularity=MESSAGE --seed 1",
        "  expertlane simulate --ep 64 --routing max-mean:4 --topk-groups 4 --distinct-layers 8",
        "  expertlane simulate --cluster h800-cx7 --ep 32 --tokens 16384 --sequence 4096 --mode ht --path ring "
        + "--channels 12 --ring 128",
        "  expertlane simulate --cluster h800-cx7 --ep 64 --tokens 4096 --mode ht --workload training",
        "  expertlane simulate --ep 1024 --experts 1024 --tokens 32 --granularity message --queue-depth 8"
    })
final class SimulateCommand implements Callable<Integer>, OptionNames {
    private static final String[] PORT_POLICIES = Arrays.stream(PortPolicy.values()).map(PortPolicy::toString)
        .toArray(String[]::new);

    private static final Map<Workload.Kind, String> STEP_NAMES =
        Map.of(Workload.Kind.DECODE, "TPOT", Workload.Kind.PREFILL, "time to first token", Workload.Kind.TRAINING,
        "iteration");
    private static final int DECODE_CONTEXT_TOKENS = 4096;
    private static final Map<String,
        String> NAMES = OptionNames.ofExchangeAnd("ranks", "--ep", "experts", "--experts", "maxTokensPerRank",
        "--tokens",
        "tokensPerRank", "--tokens", "tokens", "--tokens", "sendQueueDepth", "--queue-depth", "workload", "--workload",
        "sequence", "--sequence", "context", "--context",
        "distinctLayers", "--distinct-layers", "burst", "--burst", "step", "--step", "trace",
        "--trace");

    private static final double BYTES_PER_KB = 1e3;
    private static final double BYTES_PER_MB = 1e6;

    @Spec
    private CommandSpec spec;

    @Option(names = {"--cluster", "--profile"}, paramLabel = "NAME|FILE.json",
        defaultValue = ClusterProfile.DEFAULT_NAME,
        description = "Hardware: h20-cx7-dual, h800-cx7, h100-cx7, h20-roce, or a JSON file with every field. Default: "
        + "${DEFAULT-VALUE}.")
    private String cluster;

    @Option(names = "--model", paramLabel = "NAME|FILE.json", defaultValue = "deepseek-v3",
        description = "deepseek-v3, qwen3-235b, kimi-k2, mixtral-8x7b, deepseek-v2-lite, or a JSON file. Default: "
            + "${DEFAULT-VALUE}.")
    private String model;

    @Mixin
    private KindOptions kindOptions;

    @Option(names = "--ep", paramLabel = "R", defaultValue = "16",
        description = "Ranks that the experts are spread over. Default: ${DEFAULT-VALUE}.")
    private int ranks;

    @Option(names = "--tokens", paramLabel = "T", defaultValue = "128",
        description = "Tokens a rank has in a step. Default: ${DEFAULT-VALUE}.")
    private int tokens;

    @Option(names = "--workload", paramLabel = "KIND",
        description = "The step: decode, one token a sequence; prefill, all tokens of prompts; training, forward and "
            + "backward. The last two need "
            + "--mode ht. Default: decode with ll, prefill with ht.")
    private String workload;

    @Option(names = "--sequence", paramLabel = "S",
        description = "With prefill and training: tokens of a sequence, a divisor of the tokens of a rank. Default: "
            + "those of a rank.")
    private Integer sequenceTokens;

    @Option(names = "--routing", paramLabel = "SOURCE", defaultValue = "uniform",
        description = "uniform, zipf:S (exponent S), max-mean:R (Zipf with the exponent at which the likeliest expert "
            + "gets R times the mean load, "
            + "1 to experts over top-k), incast:N (every token selects N experts of rank 0, 3.5 being 3 and 4 in turn, "
            + "the others elsewhere), or "
            + "esft:DIR: recorded choices of DeepSeek-V2-Lite, with its 64 experts and top-6. Default: "
            + "${DEFAULT-VALUE}.")
    private String routing;

    @Option(names = "--burst", paramLabel = "F", defaultValue = "1",
        description = "Rank 0 has F times the tokens of the others. Default: ${DEFAULT-VALUE}.")
    private int burst;

    @Mixin
    private GroupOptions groupOptions;

    @Option(names = "--distinct-layers", paramLabel = "N", defaultValue = "1",
        description = "MoE layers to simulate, the experts of each renumbered by a permutation of its own, so that "
            + "other experts are hot; the step "
            + "takes them in turn. Default: ${DEFAULT-VALUE}: all alike.")
    private int distinctLayers;

    @Option(names = "--dispatch-type", paramLabel = "TYPE", defaultValue = "fp8",
        description = "Format of dispatched rows: bf16 or fp8. Default: ${DEFAULT-VALUE}.")
    private String dispatchType;

    @Option(names = "--ports", paramLabel = "POLICY", defaultValue = "preallocated",
        description = "How queue pairs come by NIC ports: fixed (one source port for all, as shipped stacks do), "
            + "hashed (source port from the QP "
            + "numbers), preallocated (source ports chosen to spread evenly), queue-affinity, explicit (bound in "
            + "turn). Default: ${DEFAULT-VALUE}.")
    private String ports;

    @Option(names = "--experts", paramLabel = "E",
        description = "Routed experts, replicas included, where they are not those of the model: a multiple of the "
            + "ranks.")
    private Integer experts;

    @Option(names = "--queue-depth", paramLabel = "N", defaultValue = "32",
        description = "Elements a send queue holds, a power of two; less needs less memory on large clusters. Default: "
            + "${DEFAULT-VALUE}.")
    private int queueDepth;

    @Option(names = "--granularity", paramLabel = "STEP",
        description = "What NICs are modelled in: packet, or message, for large clusters (docs/nic-model.md says where "
            + "both agree). "
            + "Default: that of the cluster.")
    private String granularity;

    @Option(names = "--context", paramLabel = "N",
        description = "Cached positions before each sequence, which its tokens attend to. Default: 4096 in decode, "
            + "else 0.")
    private Integer contextTokens;

    @Option(names = "--in-node", paramLabel = "nvlink|nic",
        description = "How ranks of a node reach each other. Default: as the cluster says.")
    private String inNode;

    @Option(names = "--topology", paramLabel = "NAME",
        description = "multi-rail, single-rail or fat-tree. Default: as the cluster says.")
    private String topology;

    @Option(names = "--sms", paramLabel = "N",
        description = "SMs of the communication kernels. Default: as the cluster says, by mode.")
    private Integer sms;

    @Option(names = "--issue", paramLabel = "direct|proxy",
        description = "Who posts: the GPU, or a CPU proxy. Default: as the cluster says.")
    private String issue;

    @Option(names = "--set", paramLabel = "FIELD=VALUE",
        description = "Changes a field of the cluster, as nic.mtuBytes=1024; may be repeated.")
    private List<String> changes = List.of();

    @Option(names = "--seed", paramLabel = "S", defaultValue = "1",
        description = "What is drawn depends on it. Default: ${DEFAULT-VALUE}.")
    private long seed;

    @Option(names = "--trace", paramLabel = "FILE",
        description = "Write what NICs and ranks do, under the virtual clock: FILE.json, a timeline for "
            + "ui.perfetto.dev; FILE.pcap, a packet capture "
            + "for Wireshark; or FILE.xltrace, for long runs, see trace convert.")
    private Path trace;

    @Option(names = "--step", paramLabel = "KIND", split = ",", defaultValue = "unfused",
        description = "With ll: decode steps to compare with the unfused one: two-batch (halves that cover each "
            + "other's communication), fused (dispatch, experts and "
            + "combine as one kernel), or both with a comma. Default: ${DEFAULT-VALUE}.")
    private List<String> steps;

    @Option(names = "--attribute",
        description = "Name the bottleneck (NIC, port, switch buffer, host issue, PCIe, HBM, credits, skew): simulates "
            + "again with each of them relieved.")
    private boolean attribute;

    @Option(names = "--json", description = "Print the result as JSON.")
    private boolean json;

    /** The command with {@code arguments}, to be run without its output. */
    static SimulateCommand parse(final List<String> arguments) {
        final SimulateCommand command = new SimulateCommand();
        try {
            new CommandLine(command).parseArgs(arguments.toArray(String[]::new));
        } catch (final ParameterException e) {
            throw new IllegalArgumentException(ErrorPolicy.parameterMessage(e), e);
        }
        return command;
    }

    /** Refuses options that another command, which takes those of this one, would not heed. */
    void requireNoOutput(final String command) {
        if (trace != null) {
            throw new UsageException("--trace", trace, "not with " + command);
        }
        if (attribute) {
            throw new UsageException("--attribute", attribute, "not with " + command);
        }
        if (!steps.equals(List.of("unfused"))) {
            throw new UsageException("--step", String.join(",", steps), "not with " + command);
        }
    }

    /** Refuses what {@link #run} would. */
    void check() throws IOException {
        simulation().check(steps());
    }

    /** Runs the simulation. */
    LayerSimulation.Result run() throws IOException {
        return simulation().run(_ -> { }, null, steps());
    }

    /** The simulation that the options ask for. */
    LayerSimulation simulation() throws IOException {
        final ExchangeKind kind = kindOptions.kind(dispatchType, queueDepth, Payload.OMITTED);
        final RoutingSource source = RoutingOption.parse(routing, groupOptions.limit());
        if (experts != null && source.experts() != RoutingSource.ANY && source.experts() != experts) {
            throw new UsageException("--experts", experts, source.experts() + " with --routing " + routing);
        }
        return new LayerSimulation(cluster(kind.mode()), model(), ranks, tokens,
            burst == 1 ? source : new BurstRouting(source, burst), kind,
            PortPolicy.ofName(Choice.of("--ports", ports, PORT_POLICIES)), workload(kind.mode()), seed);
    }

    private Workload workload(final ExchangeKind.Mode mode) {
        final Workload.Kind byMode = mode == ExchangeKind.Mode.LL ? Workload.Kind.DECODE : Workload.Kind.PREFILL;
        final Workload.Kind kind = workload == null ? byMode
            : Workload.Kind.valueOf(Choice.of("--workload", workload, "decode", "prefill", "training")
            .toUpperCase(Locale.ROOT));
        final boolean isDecode = kind == Workload.Kind.DECODE;
        if (isDecode && sequenceTokens != null) {
            throw new UsageException("--sequence", sequenceTokens, "only with --workload prefill or training");
        }
        final int ofRank = isDecode ? 1 : Math.max(1, tokens);
        return new Workload(kind, sequenceTokens == null ? ofRank : sequenceTokens,
            contextTokens == null ? isDecode ? DECODE_CONTEXT_TOKENS : 0 : contextTokens, distinctLayers);
    }

    /** The steps that the options ask for. */
    Set<ModelStep.Kind> steps() {
        final Set<ModelStep.Kind> kinds = EnumSet.noneOf(ModelStep.Kind.class);
        for (final String step : steps) {
            kinds.add(ModelStep.Kind.valueOf(Choice.of("--step", step, "unfused", "two-batch", "fused")
                .toUpperCase(Locale.ROOT).replace('-', '_')));
        }
        return kinds;
    }

    @Override
    public Integer call() throws IOException {
        if (trace != null) {
            TraceFile.check(trace);
        }
        final LayerSimulation simulation = simulation();
        final LayerSimulation.Result result;
        try (ProgressLine progress = new ProgressLine(spec.commandLine().getErr(),
            ExpertlaneCommand.errorStreamIsTerminal(), System::nanoTime)) {
            result = simulation.run(round -> progress.tick(round::progress), trace, steps());
        }
        final Bottleneck.Attribution bottleneck = attribute ? Bottleneck.of(simulation, result) : null;
        final PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Json.text(attribute ? withBottleneck(result, bottleneck) : result));
        } else {
            print(result, out);
            if (attribute) {
                print(bottleneck, out);
            }
        }
        out.flush();
        return 0;
    }

    @Override
    public String named(final String message) {
        return OptionNames.named(message, NAMES, spec);
    }

    private static JsonNode withBottleneck(final LayerSimulation.Result result,
        final Bottleneck.Attribution bottleneck) {
        final ObjectNode tree = Json.mapper().valueToTree(result);
        tree.set("bottleneck", Json.mapper().<JsonNode>valueToTree(bottleneck));
        return tree;
    }

    private static void print(final Bottleneck.Attribution bottleneck, final PrintWriter out) {
        out.printf("bottleneck: %s; relieved, the slowest ranks take (simulated):%n",
            bottleneck.resource() == null ? "none" : lower(bottleneck.resource()));
        for (final Bottleneck.Relief relief : bottleneck.reliefs()) {
            out.printf("  %-14s dispatch %9.1f us, combine %9.1f us, saves %5.1f %%%n", lower(relief.resource()),
                relief.dispatchMicros(),
                relief.combineMicros(), 100 * relief.saved());
        }
    }

    private static String lower(final Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    private ModelProfile model() throws IOException {
        final ModelProfile read = ProfileFile.read("--model", model, ModelProfile.class, ModelProfile.names(),
            ModelProfile::ofName);
        return experts == null ? read : read.withExperts(experts);
    }

    /** The cluster with the changes that options ask for. */
    private ClusterProfile cluster(final ExchangeKind.Mode mode) throws IOException {
        final Map<String, Change> all = new LinkedHashMap<>();
        for (final String change : changes) {
            final int equals = change.indexOf('=');
            if (equals < 1) {
                throw new UsageException("--set", change, "expected FIELD=VALUE");
            }
            add(all, change.substring(0, equals),
                new Change("--set " + change.substring(0, equals), change.substring(equals + 1),
                change.substring(equals + 1)));
        }
        addChoice(all, "inNode.link", "--in-node", inNode, "nvlink", "nic");
        addChoice(all, "nic.granularity", "--granularity", granularity, "packet", "message");
        addChoice(all, "fabric.topology", "--topology", topology, "multi-rail", "single-rail", "fat-tree");
        addChoice(all, "host.issue", "--issue", issue, "direct", "proxy");
        if (sms != null) {
            final String field = mode == ExchangeKind.Mode.LL ? "host.kernels.lowLatencySms" : "host.communicationSms";
            add(all, field, new Change("--sms", sms.toString(), sms.toString()));
        }
        ClusterProfile changed = ProfileFile.read("--cluster", cluster, ClusterProfile.class, ClusterProfile.names(),
            ClusterProfile::ofName);
        for (final Map.Entry<String, Change> change : all.entrySet()) {
            changed = change(change.getValue(), changed, change.getKey());
        }
        return changed;
    }

    /** A value for a field of the cluster: the option that asks for it, the value as given and as the field has it. */
    private record Change(String option, String given, String value) {
    }

    private static void addChoice(final Map<String, Change> all, final String field, final String option,
        final String given,
                                  final String... allowed) {
        if (given != null) {
            add(all, field, new Change(option, given,
                Choice.of(option, given, allowed).toUpperCase(Locale.ROOT).replace('-', '_')));
        }
    }

    private static void add(final Map<String, Change> all, final String field, final Change change) {
        final Change other = all.putIfAbsent(field, change);
        if (other != null) {
            throw new UsageException(change.option(), change.given(), "not together with " + other.option() + "="
                + other.given());
        }
    }

    private static ClusterProfile change(final Change change, final ClusterProfile cluster, final String field) {
        try {
            return ProfileJson.with(cluster, field, change.value());
        } catch (final IllegalArgumentException e) {
            throw new UsageException(change.option(), change.given(), e.getMessage());
        }
    }

    /** Prints a result for people; also at the end of {@code bench}. */
    static void print(final LayerSimulation.Result result, final PrintWriter out) {
        out.printf("simulated: %s on %s, EP%d x %d tokens, hidden %d, top-%d of %d, %s over %s, %s dispatch, ports %s, "
            + "routing %s%n", result.model(),
            result.cluster(), result.shape().ranks(), result.tokensPerRank(), result.shape().hidden(),
            result.shape().topK(),
            result.shape().experts(), result.mode(), result.path(), result.dispatchType(), result.portPolicy(),
            result.routing());
        out.printf("           %10s %10s %10s %19s %11s%n", "p50 [us]", "p99 [us]", "max [us]", "algorithmic [GB/s]",
            "NIC [GB/s]");
        printPhase("dispatch", result.dispatch(), out);
        printPhase("combine", result.combine(), out);
        if (result.gradientDispatch() != null) {
            printPhase("  gradients", result.gradientDispatch(), out);
            printPhase("  gradients", result.gradientCombine(), out);
        }
        out.printf("load, busiest over mean: expert %.2f, rank %.2f%n", result.load().expertMaxOverMean(),
            result.load().rankMaxOverMean());
        out.printf("port ratio: median %s, worst %s%n", ratio(result.portRatio().median()),
            ratio(result.portRatio().max()));
        final LayerSimulation.LayerMicros layer = result.layerMicros();
        out.printf("MoE layer [us]: attention %.1f, shared expert %.1f, dispatch %.1f, routed experts %.1f, combine "
            + "%.1f%n", layer.attention(),
            layer.sharedExpert(), layer.dispatch(), layer.routedExperts(), layer.combine());
        printFootprint(result.footprint(), out);
        printTraffic("dispatch", result.dispatch().traffic(), out);
        printTraffic("combine", result.combine().traffic(), out);
        printStages(result, out);
        printSteps(result, out);
        out.printf("%s: %.2f ms for %d layers, %d of them MoE, communication %.1f %% (simulated)%n",
            STEP_NAMES.get(result.workload().kind()),
            result.stepMicros() / 1e3, result.layers(), result.moeLayers(),
            100 * result.steps().getFirst().communicationShare());
        printCost(result, out);
    }

    /**
     * What simulating cost: the calls of one layer, and all that was simulated, set-up, other layers and other steps
     * included.
     */
    private static void printCost(final LayerSimulation.Result result, final PrintWriter out) {
        final double calls = result.dispatch().wallMillis() + result.combine().wallMillis();
        final double gradients = result.gradientDispatch() == null ? 0 : result.gradientDispatch().wallMillis()
            + result.gradientCombine().wallMillis();
        final int layers = result.workload().distinctLayers();
        out.printf("%s%d WQEs, %d events in %.0f ms, %.0f of them dispatch, %.0f combine%s; all that was simulated in "
            + "%.0f ms%n",
            layers == 1 ? "" : "first of " + layers + " layers: ", result.wqes(), result.events(), calls + gradients,
            result.dispatch().wallMillis(),
            result.combine().wallMillis(),
            result.gradientDispatch() == null ? "" : String.format(", %.0f gradients", gradients), result.wallMillis());
    }

    private static void printFootprint(final LayerSimulation.Footprint footprint, final PrintWriter out) {
        out.printf("rank: %.1f MB registered, %d queue pairs, %.2f MB of send queues%n",
            footprint.registeredBytes() / BYTES_PER_MB, footprint.queuePairs(),
            footprint.sendQueueBytes() / BYTES_PER_MB);
    }

    private static void printTraffic(final String name, final Traffic traffic, final PrintWriter out) {
        out.printf("  %-8s to %.0f peers, %.0f elements without rows (%.0f B), most in flight %d (%d a queue pair), "
            + "completion queue %d, %d credit stalls%n", name,
            traffic.fanOut().p50(), traffic.metadataElements(), traffic.metadataBytes(), traffic.mostElements(),
            traffic.mostElementsPerQueuePair(),
            traffic.mostCompletions(), traffic.creditStalls());
        final Traffic.InNode inNode = traffic.inNode();
        if (inNode != null) {
            out.printf("           in its node to %.0f peers, %.0f B of rows, %.0f elements without rows (%.0f B)%n",
                inNode.fanOut().p50(), inNode.rowBytes(),
                inNode.metadataElements(), inNode.metadataBytes());
            printFlows("in nodes", inNode.flows(), out);
        }
        if (traffic.network() != null) {
            printCongestion(traffic, out);
        }
    }

    private static void printCongestion(final Traffic traffic, final PrintWriter out) {
        final Traffic.Congestion network = traffic.network();
        out.printf("           switches: %.2f %% of packets marked, %d pauses, %d dropped, longest queue %.0f KB, most "
            + "held of a link %.0f KB%n",
            100 * network.markedShare(), network.pauses(), network.dropped(), network.mostQueuedBytes() / BYTES_PER_KB,
            network.mostHeldBytes() / BYTES_PER_KB);
        for (final Traffic.PausedLinks links : network.paused()) {
            out.printf("             %-14s %d links paused, %d at once, %.1f us altogether%n", lower(links.tier()),
                links.pausedLinks(), links.mostAtOnce(),
                links.pausedMicros());
        }
        printFlows("to rank " + traffic.busiestRank(), traffic.toBusiest(), out);
        printFlows("to others", traffic.toOthers(), out);
    }

    private static void printFlows(final String name, final Traffic.FlowRates rates, final PrintWriter out) {
        if (rates != null) {
            out.printf("             flows %-10s %.3f / %.3f / %.3f GB/s (least, median, most)%n", name, rates.least(),
                rates.median(), rates.most());
        }
    }

    private static void printStages(final LayerSimulation.Result result, final PrintWriter out) {
        out.printf("%-12s %30s %32s%n", "stage [us]", "dispatch p50 / p99 / max", "combine p50 / p99 / max");
        final List<StageSplit.StageMicros> dispatch = result.dispatch().stageSplit().stages();
        final List<StageSplit.StageMicros> combine = result.combine().stageSplit().stages();
        for (int i = 0; i < dispatch.size(); i++) {
            out.printf("  %-12s %s  %s%n", dispatch.get(i).stage(), distribution(dispatch.get(i).micros()),
                distribution(combine.get(i).micros()));
        }
        printTail("dispatch", result.dispatch().stageSplit().tail(), out);
        printTail("combine", result.combine().stageSplit().tail(), out);
    }

    private static String distribution(final Distribution micros) {
        return String.format("%9.1f %9.1f %9.1f", micros.p50(), micros.p99(), micros.max());
    }

    private static void printTail(final String name, final StageSplit.Tail tail, final PrintWriter out) {
        out.printf("tail of %s: rank %d, %.1f us over the median, most of it in %s (+%.1f us), last heard of rank %d%n",
            name, tail.rank(),
            tail.overMedianMicros(), tail.stage(), tail.stageOverMicros(), tail.lastSource());
    }

    private static void printSteps(final LayerSimulation.Result result, final PrintWriter out) {
        out.printf("%-10s %9s %9s %9s %9s %9s %9s %9s %9s %9s %9s %6s%n", "step [ms]", "total", "launches", "barriers",
            "HBM trips", "dispatch",
            "combine", "experts", "shared", "attention", "dense", "comm");
        for (final ModelStep.Step step : result.steps()) {
            printAccount(step.kind() == ModelStep.Kind.UNFUSED ? lower(result.workload().kind()) : lower(step.kind()),
                step.account(), out);
            if (step.backward() != null) {
                printAccount("  forward", step.account().minus(step.backward()), out);
                printAccount("  backward", step.backward(), out);
            }
            if (step.kind() != ModelStep.Kind.UNFUSED) {
                printAccount("  saves", step.saved(), out);
            }
        }
    }

    private static void printAccount(final String name, final StepAccount account, final PrintWriter out) {
        out.printf("%-10s %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f %9.3f %5.1f%%%n", name,
            account.sum() / 1e3, account.launches() / 1e3,
            account.barriers() / 1e3, account.hbmRoundTrips() / 1e3, account.exposedDispatch() / 1e3,
            account.exposedCombine() / 1e3,
            account.expertCompute() / 1e3, account.sharedExpert() / 1e3, account.attention() / 1e3,
            account.dense() / 1e3,
            100 * account.communicationShare());
    }

    private static void printPhase(final String name, final LayerSimulation.Phase phase, final PrintWriter out) {
        out.printf("%-10s %10.1f %10.1f %10.1f %19.1f %11.1f%n", name, phase.latencyMicros().p50(),
            phase.latencyMicros().p99(),
            phase.latencyMicros().max(), phase.algorithmicGBps(), phase.nicGBps());
    }

    private static String ratio(final Double ratio) {
        return ratio == null ? "none (a port carried nothing)" : String.format("%.3f", ratio);
    }
}

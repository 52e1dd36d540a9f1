package io.expertlane.bench.cli;

import io.expertlane.bench.results.Json;
import io.expertlane.bench.results.OutputDirectory;
import io.expertlane.bench.scenario.ExpertStep;
import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.ExchangeTeam;
import io.expertlane.bench.scenario.MachineMemory;
import io.expertlane.kernel.bootstrap.RankEnvironment;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.Stage;
import io.expertlane.kernel.memory.Pages;
import io.expertlane.kernel.memory.SharedHeap;
import io.expertlane.kernel.moe.GroupLimit;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.moe.RoutingSource;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Runs one dispatch, expert step and combine for real, on given or generated tokens, and keeps what came out. */
@Command(
    name = "exchange",
    description = {
        "Runs dispatch, a stand-in for the experts, and combine in this machine's memory, ranks in one process or in one each,",
        "and writes combined.npy, recv_count.npy and recv_rows.npy to a new folder. Tokens and routing are read from",
        "--tokens, --topk-idx and --topk-weights, or generated with --routing."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footerHeading = "%nFiles (numpy format; R ranks, T tokens a rank, H hidden, K selections, E experts):%n",
    footer = {
        "  --tokens        uint16 [R, T, H], BF16 bits     combined.npy    uint16 [R, T, H]",
        "  --topk-idx      int32 or int64 [R, T, K]        recv_count.npy  int32 [R, E/R]",
        "  --topk-weights  float32 [R, T, K]               recv_rows.npy   int32 [N, 4], a row received:",
        "                                                  rank, local expert, source rank, source token",
        "",
        "Examples:",
        "  expertlane exchange --tokens t.npy --topk-idx i.npy --topk-weights w.npy --experts 256 --out run1",
        "  expertlane exchange --routing zipf:1 --ranks 8 --tokens-per-rank 128 --hidden 7168 --topk 8 \\",
        "                      --experts 256 --dispatch-type fp8 --out run2"
    })
final class ExchangeCommand implements Callable<Integer>, OptionNames {
    private static final double MICROS = 1e3;
    private static final int SEND_QUEUE_DEPTH = 64;
    private static final Map<Stage, String> STAGE_NAMES = new EnumMap<>(Map.of(Stage.ROUTING_MAP, "routingMap", Stage.PACK, "packCast",
        Stage.SEND, "send", Stage.WAIT, "wait", Stage.UNPACK, "unpack", Stage.REDUCE, "reduce"));
    private static final Map<String, String> NAMES = OptionNames.ofExchangeAnd("ranks", "--ranks", "ranksPerNode", "--ranks-per-node", "experts", "--experts",
        "topK", "--topk", "hidden", "--hidden", "maxTokensPerRank", "--tokens-per-rank", "tokensPerRank", "--tokens-per-rank");

    @Spec
    private CommandSpec spec;

    @Option(names = "--tokens", paramLabel = "FILE", description = "Token rows.")
    private Path tokensFile;

    @Option(names = "--topk-idx", paramLabel = "FILE", description = "The gate's choice, -1 where none.")
    private Path idxFile;

    @Option(names = "--topk-weights", paramLabel = "FILE", description = "The gate's weights.")
    private Path weightsFile;

    @Option(names = "--routing", paramLabel = "SOURCE",
        description = "Generate instead: uniform, zipf:S (exponent S), max-mean:R (Zipf with the exponent at which the likeliest expert gets R times "
            + "the mean load), or esft:DIR (recorded choices of DeepSeek-V2-Lite).")
    private String routing;

    @Mixin
    private GroupOptions groupOptions;

    @Option(names = "--ranks", paramLabel = "R", description = "With --routing: ranks. Default: 8.")
    private Integer ranks;

    @Option(names = "--tokens-per-rank", paramLabel = "T", description = "With --routing: tokens a rank. Default: 128.")
    private Integer tokensPerRank;

    @Option(names = "--hidden", paramLabel = "H", description = "With --routing: channels of a row. Default: 7168.")
    private Integer hidden;

    @Option(names = "--topk", paramLabel = "K", description = "With --routing: selections a token. Default: 8, or what the recorded model has.")
    private Integer topK;

    @Option(names = "--seed", paramLabel = "S", description = "With --routing: what is drawn depends on it. Default: 1.")
    private Long seed;

    @Option(names = "--experts", paramLabel = "E",
        description = "Experts in all, a multiple of the ranks. Default with --routing: 256, or what the recorded model has.")
    private Integer experts;

    @Mixin
    private KindOptions kindOptions;

    @Option(names = "--dispatch-type", paramLabel = "TYPE", defaultValue = "bf16",
        description = "Format of dispatched rows: bf16 or fp8 (H a multiple of 128). Default: ${DEFAULT-VALUE}.")
    private String dispatchType;

    @Option(names = "--expert", paramLabel = "STEP", defaultValue = "identity",
        description = "identity: y = x; scale: y = bf16(x * (1 + e/E)) for expert e. Default: ${DEFAULT-VALUE}.")
    private String expert;

    @Option(names = "--ranks-per-node", paramLabel = "N", description = "Ranks of a node, a divisor of the ranks. Default: all.")
    private Integer ranksPerNode;

    @Option(names = "--threads", paramLabel = "n", description = "Threads that drive the ranks. Default: one a rank, at most one a core.")
    private Integer threads;

    @Option(names = "--warmup-seconds", paramLabel = "n", defaultValue = "3",
        description = "How long rounds are run, one at least, before the one that is timed: the JIT needs seconds. Default: ${DEFAULT-VALUE}.")
    private int warmupSeconds;

    @Option(names = "--ranks-in", paramLabel = "threads|processes",
        description = "Where the ranks live: in threads of this process, or in a process each, which share memory. Processes are started here, or by launch, "
            + "torchrun, srun or mpirun. Default: threads, or processes if started by launch.")
    private String ranksIn;

    @Option(names = "--shared-folder", paramLabel = "DIR", description = "With processes: where their memory is. Default: /dev/shm.")
    private Path sharedFolder;

    @Option(names = "--json", description = "Print the summary as JSON.")
    private boolean json;

    @Option(names = "--out", paramLabel = "DIR", required = true, description = "Folder for the results; must not exist, or be empty.")
    private Path out;

    /** The JSON of {@code --json}; times are of the slowest rank, stages are sums over the ranks. */
    private record Report(String mode, String path, String dispatchType, String combineMethod, boolean split, Integer segmentBytes, int channels,
                          MoeShape shape, int tokensPerRank, String ranksIn, int threads, long heapBytesPerRank, Phase dispatch, Phase combine,
                          Map<String, Double> stageMicros, boolean simulated) {
    }

    /** One collective call. */
    private record Phase(double micros, long algorithmicBytes, double algorithmicGBps) {
        static Phase of(final long nanos, final long bytes) {
            return new Phase(nanos / MICROS, bytes, (double) bytes / nanos);
        }
    }

    @Override
    public Integer call() throws IOException {
        final ExchangeKind kind = kindOptions.kind(dispatchType, SEND_QUEUE_DEPTH, Payload.MOVED);
        final ExpertStep step = ExpertStep.valueOf(Choice.of("--expert", expert, "identity", "scale").toUpperCase(Locale.ROOT));
        requireAtLeast("--threads", threads, 1);
        requireAtLeast("--warmup-seconds", warmupSeconds, 0);
        requireAtLeast("--ranks-per-node", ranksPerNode, 1);
        final boolean inProcesses = inProcesses();
        if (!inProcesses && sharedFolder != null) {
            throw new UsageException("--shared-folder", sharedFolder, "only together with --ranks-in processes");
        }
        if (inProcesses && threads != null) {
            throw new UsageException("--threads", threads, "only together with --ranks-in threads");
        }
        final Optional<RankEnvironment> environment = inProcesses ? RankEnvironment.of(System.getenv()) : Optional.empty();
        final boolean isOther = environment.isPresent() && environment.get().rank() != 0;
        if (!isOther) {
            OutputDirectory.check("--out", out);
        }
        try (Arena arena = Arena.ofShared();
            ProgressLine progress = new ProgressLine(spec.commandLine().getErr(), ExpertlaneCommand.errorStreamIsTerminal(), System::nanoTime)) {
            final ExchangeInput input = input(kind, environment, arena, progress);
            requireMemory(input, kind);
            if (!inProcesses) {
                runThreads(input, kind, step, arena, progress);
            } else if (environment.isEmpty()) {
                return startRanks(input.shape().ranks());
            } else {
                runRank(input, kind, step, environment.get(), arena, progress);
            }
        }
        return 0;
    }

    private boolean inProcesses() {
        if (ranksIn == null) {
            return System.getenv("RANK") != null && System.getenv(RankEnvironment.SECRET) != null;
        }
        return Choice.of("--ranks-in", ranksIn, "threads", "processes").equals("processes");
    }

    private int startRanks(final int rankCount) throws IOException {
        final List<String> arguments = spec.root().commandLine().getParseResult().originalArgs();
        try {
            return RankProcesses.run(rankCount, LaunchCommand.ownCommand(arguments), spec.commandLine().getOut(), spec.commandLine().getErr());
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    @Override
    public String named(final String message) {
        return OptionNames.named(message, NAMES, spec);
    }

    private static void requireAtLeast(final String option, final Integer value, final int least) {
        if (value != null && value < least) {
            throw new UsageException(option, value, "at least " + least);
        }
    }

    private ExchangeInput input(final ExchangeKind kind, final Optional<RankEnvironment> environment, final Arena arena, final ProgressLine progress)
        throws IOException {
        final int nodeRanks = ranksPerNode == null ? 0 : ranksPerNode;
        final GroupLimit limit = groupOptions.limit();
        if (routing == null) {
            requireNone("--routing", "--topk-groups", limit.equals(GroupLimit.NONE) ? null : limit.perToken());
            requireNone("--routing", "--ranks", ranks, "--tokens-per-rank", tokensPerRank, "--hidden", hidden, "--topk", topK, "--seed", seed);
            if (tokensFile == null || idxFile == null || weightsFile == null || experts == null) {
                throw new UsageException("input", "none", "give --tokens, --topk-idx, --topk-weights and --experts, or --routing");
            }
            return ExchangeInput.read(tokensFile, idxFile, weightsFile, experts, nodeRanks, arena);
        }
        requireNone("files", "--tokens", tokensFile, "--topk-idx", idxFile, "--topk-weights", weightsFile);
        final RoutingSource source = RoutingOption.parse(routing, limit);
        final int count = orElse(tokensPerRank, 128);
        final int rankCount = orElse(ranks, environment.map(RankEnvironment::ranks).orElse(8));
        final MoeShape sizes = new MoeShape(rankCount, nodeRanks == 0 ? rankCount : nodeRanks,
            orElse(experts, source.experts() == RoutingSource.ANY ? 256 : source.experts()),
            orElse(topK, source.topK() == RoutingSource.ANY ? 8 : source.topK()), orElse(hidden, 7168), count);
        MachineMemory.require("tokens and rows", (long) rankCount * count * (3L * sizes.rowBytes() + kind.dispatchMessageBytes(sizes)));
        MachineMemory.require("queue pairs", kind.queuePairBytes(sizes));
        final long drawn = seed == null ? 1 : seed;
        final Routing[] routings = source.routings(sizes, count, drawn, arena);
        progress.stage("generating " + rankCount + " x " + count + " rows of " + sizes.hidden());
        return ExchangeInput.of(sizes, count, ExchangeTeam.normalRows(rankCount, count, sizes.hidden(), drawn, arena), routings);
    }

    private static int orElse(final Integer value, final int otherwise) {
        return value == null ? otherwise : value;
    }

    private static void requireNone(final String needs, final Object... namesAndValues) {
        for (int i = 0; i < namesAndValues.length; i += 2) {
            if (namesAndValues[i + 1] != null) {
                throw new UsageException(namesAndValues[i].toString(), namesAndValues[i + 1], needs.equals("files")
                    ? "not together with --routing" : "only together with --routing");
            }
        }
    }

    /** Rows that are touched: sent, received, computed, returned and combined ones. */
    private static void requireMemory(final ExchangeInput input, final ExchangeKind kind) {
        final long rowBytes = input.shape().rowBytes();
        final long tokens = (long) input.shape().ranks() * input.tokensPerRank();
        MachineMemory.require("tokens, rows and queue pairs", kind.queuePairBytes(input.shape())
            + 2 * (tokens * 3 * rowBytes + input.selections() * (kind.dispatchMessageBytes(input.shape()) + 2 * rowBytes)));
    }

    private void runRank(final ExchangeInput input, final ExchangeKind kind, final ExpertStep step, final RankEnvironment environment, final Arena arena,
                         final ProgressLine progress) throws IOException {
        final int count = input.shape().ranks();
        if (count != environment.ranks()) {
            throw new IllegalArgumentException("WORLD_SIZE=" + environment.ranks() + ": " + count + ", a process for each rank of the input");
        }
        final Path folder = sharedFolder == null ? SharedHeap.DEFAULT_FOLDER : sharedFolder;
        final RankRun run = new RankRun(input, kind, environment, folder);
        if (environment.rank() != 0) {
            run.run(step, warmupSeconds, arena, progress);
            return;
        }
        try (OutputDirectory directory = OutputDirectory.open("--out", out)) {
            final ExchangeResult result = run.run(step, warmupSeconds, arena, progress);
            result.write(directory);
            print(report(input, kind, "processes", count, result));
        }
    }

    private void runThreads(final ExchangeInput input, final ExchangeKind kind, final ExpertStep step, final Arena arena, final ProgressLine progress)
        throws IOException {
        final MoeShape shape = input.shape();
        final int workers = Math.min(shape.ranks(), threads != null ? threads : Runtime.getRuntime().availableProcessors());
        try (ExchangeTeam team = new ExchangeTeam(shape.ranks(), shape.ranksPerNode(), kind.heapBytes(shape), Pages.BASE, kind.mapping(),
                kind.rounds(shape, step, arena), workers);
            OutputDirectory directory = OutputDirectory.open("--out", out)) {
            final ExchangeResult result = run(input, team, arena, progress);
            result.write(directory);
            print(report(input, kind, "threads", workers, result));
        }
    }

    private ExchangeResult run(final ExchangeInput input, final ExchangeTeam team, final Arena arena, final ProgressLine progress) {
        final ExchangeResult result = ExchangeResult.of(input, arena);
        final MoeShape shape = input.shape();
        final MemorySegment[] combined = new MemorySegment[shape.ranks()];
        Arrays.setAll(combined, result::combined);
        progress.stage("warming up for " + warmupSeconds + " s");
        final long warmUntil = System.nanoTime() + TimeUnit.SECONDS.toNanos(warmupSeconds);
        do {
            team.dispatch(input.tokens(), input.routings());
            team.runExperts();
            team.combine(combined);
        } while (System.nanoTime() - warmUntil < 0);
        progress.stage("timing one round");
        for (int rank = 0; rank < shape.ranks(); rank++) {
            team.round(rank).stageTimes().reset();
        }
        final long start = System.nanoTime();
        team.dispatch(input.tokens(), input.routings());
        final long dispatchNanos = System.nanoTime() - start;
        for (int rank = 0; rank < shape.ranks(); rank++) {
            result.take(rank, ExchangeResult.Rows.of(team.round(rank), shape.localExperts()));
        }
        team.runExperts();
        final long expertsDone = System.nanoTime();
        team.combine(combined);
        result.takeTimes(dispatchNanos, System.nanoTime() - expertsDone);
        for (int rank = 0; rank < shape.ranks(); rank++) {
            for (final Stage stage : Stage.values()) {
                result.stageNanos().merge(stage, team.round(rank).stageTimes().nanos(stage), Long::sum);
            }
        }
        return result;
    }

    private Report report(final ExchangeInput input, final ExchangeKind kind, final String where, final int workers, final ExchangeResult result) {
        final MoeShape shape = input.shape();
        long messages = 0;
        for (final Routing each : input.routings()) {
            messages += kind.countedMessages(shape, each);
        }
        final Map<String, Double> stageMicros = new LinkedHashMap<>();
        STAGE_NAMES.forEach((stage, name) -> stageMicros.put(name, result.stageNanos().get(stage) / MICROS));
        return new Report(lower(kind.mode()), lower(kind.path()), dispatchType, lower(kind.combine()), kind.split(),
            kind.segmentBytes() == LowLatencyConfig.NO_SEGMENTATION ? null : kind.segmentBytes(), kind.channels(), shape, input.tokensPerRank(), where, workers,
            kind.heapBytes(shape), Phase.of(result.dispatchNanos(), messages * kind.dispatchMessageBytes(shape)),
            Phase.of(result.combineNanos(), messages * shape.rowBytes()), stageMicros, false);
    }

    private static String lower(final Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }

    private void print(final Report report) {
        final PrintWriter console = spec.commandLine().getOut();
        if (json) {
            console.println(Json.text(report));
        } else {
            final MoeShape shape = report.shape();
            console.printf("%s over %s, %s, %d ranks x %d tokens, hidden %d, top-%d of %d, %d %s, measured%n", report.mode(), report.path(),
                report.dispatchType(), shape.ranks(), report.tokensPerRank(), shape.hidden(), shape.topK(), shape.experts(), report.threads(),
                report.ranksIn());
            console.printf("           %12s %16s %18s%n", "time [us]", "bytes", "algorithmic [GB/s]");
            console.printf("dispatch   %12.1f %16d %18.2f%n", report.dispatch().micros(), report.dispatch().algorithmicBytes(),
                report.dispatch().algorithmicGBps());
            console.printf("combine    %12.1f %16d %18.2f%n", report.combine().micros(), report.combine().algorithmicBytes(),
                report.combine().algorithmicGBps());
            console.printf("heap: %.1f MB a rank laid out, committed %s%n", report.heapBytesPerRank() / 1e6,
                report.ranksIn().equals("threads") ? "as touched" : "at once");
            console.println("time by stage, summed over ranks [us]; waiting includes the turns of other ranks on the same thread");
            report.stageMicros().forEach((stage, micros) -> console.printf("  %-12s %12.1f%n", stage, micros));
            console.println("written to " + out);
        }
        console.flush();
    }
}

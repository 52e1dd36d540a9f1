package io.expertlane.bench.cli;

import io.expertlane.bench.results.Json;
import io.expertlane.bench.scenario.Ping;
import io.expertlane.kernel.bootstrap.RankEnvironment;
import io.expertlane.kernel.bootstrap.Rendezvous;
import io.expertlane.kernel.memory.ProcessIdentity;
import io.expertlane.kernel.memory.SharedHeap;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.team.RankTeam;
import io.expertlane.kernel.verbs.DirectTransport;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Measures the verbs between two ranks. */
@Command(
    name = "ping",
    description = {
        "Measures latency, bandwidth and message rate of the verbs between two ranks, in threads or in processes of "
            + "their own that",
        "share memory, and prints them as perftest's ib_write_lat and ib_write_bw do. A message is a write with a flag "
        + "behind it."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footerHeading = "%nExample:%n",
    footer = "  expertlane ping --ranks-in processes --sizes 8,4096,65536")
final class PingCommand implements Callable<Integer> {
    private static final int RANKS = 2;
    private static final int COMPLETION_QUEUE_DEPTH = 256;
    private static final int MAX_ITERATIONS = 10_000_000;
    private static final int WARMUP_DIVISOR = 5;
    private static final long MEETING_NANOS = TimeUnit.SECONDS.toNanos(60);

    @Spec
    private CommandSpec spec;

    @Option(names = "--ranks-in", paramLabel = "threads|processes", defaultValue = "processes",
        description = "Where the two ranks live. Default: ${DEFAULT-VALUE}.")
    private String ranksIn;

    @Option(names = "--sizes", paramLabel = "BYTES", split = ",", defaultValue = "8,64,512,4096,14336,65536",
        description = "Bytes of a message, 8 to 4194304, separated by commas. Default: ${DEFAULT-VALUE}.")
    private List<Integer> sizes;

    @Option(names = "--iterations", paramLabel = "n", defaultValue = "20000",
        description = "Messages of each size that are timed, 1 to 10000000, after a fifth as many to warm up. Default: "
            + "${DEFAULT-VALUE}.")
    private int iterations;

    @Option(names = "--shared-folder", paramLabel = "DIR",
        description = "With processes: where their memory is. Default: /dev/shm.")
    private Path sharedFolder;

    @Option(names = "--json", description = "Print as JSON.")
    private boolean json;

    /** What {@code --json} prints. */
    private record Report(String ranksIn, String transport, boolean simulated, List<Ping.Latency> latencies,
        List<Ping.Bandwidth> bandwidths) {
    }

    @Override
    public Integer call() throws IOException, InterruptedException {
        final boolean inProcesses = Choice.of("--ranks-in", ranksIn, "threads", "processes").equals("processes");
        if (!inProcesses && sharedFolder != null) {
            throw new UsageException("--shared-folder", sharedFolder, "only together with --ranks-in processes");
        }
        for (final int size : sizes) {
            if (size < Ping.MIN_BYTES || size > Ping.MAX_BYTES) {
                throw new UsageException("--sizes", size, Ping.MIN_BYTES + " to " + Ping.MAX_BYTES);
            }
        }
        if (iterations < 1 || iterations > MAX_ITERATIONS) {
            throw new UsageException("--iterations", iterations, "1 to " + MAX_ITERATIONS);
        }
        if (!inProcesses) {
            runThreads();
            return 0;
        }
        final Optional<RankEnvironment> environment = RankEnvironment.of(System.getenv());
        if (environment.isEmpty()) {
            return RankProcesses.run(RANKS,
                LaunchCommand.ownCommand(spec.root().commandLine().getParseResult().originalArgs()),
                spec.commandLine().getOut(),
                spec.commandLine().getErr());
        }
        runRank(environment.get());
        return 0;
    }

    private void runThreads() {
        final Report[] report = new Report[1];
        try (SymmetricHeap heap = new SymmetricHeap(RANKS, Ping.HEAP_BYTES);
            DirectTransport transport = new DirectTransport(heap, DirectTransport.Mapping.SELF, COMPLETION_QUEUE_DEPTH);
            RankTeam team = new RankTeam(RANKS)) {
            final Ping[] ends = {new Ping(transport, 0), new Ping(transport, 1)};
            team.run(rank -> {
                final Report measured = measure(ends[rank]);
                if (rank == 0) {
                    report[0] = measured;
                }
            });
        }
        print(report[0]);
    }

    private void runRank(final RankEnvironment environment) throws IOException {
        if (environment.ranks() != RANKS) {
            throw new IllegalArgumentException("WORLD_SIZE=" + environment.ranks() + ": " + RANKS
                + " ranks ping each other");
        }
        final Path folder = sharedFolder == null ? SharedHeap.DEFAULT_FOLDER : sharedFolder;
        final String layout = "ping " + iterations + " x " + Integer.toHexString(sizes.hashCode()) + " on "
            + ProcessIdentity.current().place();
        try (Rendezvous rendezvous = Rendezvous.join(environment, layout, MEETING_NANOS);
            SharedHeap shared = SharedHeap.open(new SharedHeap.Job(folder, rendezvous.job(), RANKS, Ping.HEAP_BYTES,
                layout), environment.rank(), MEETING_NANOS);
            DirectTransport transport = new DirectTransport(shared.heap(), DirectTransport.Mapping.SELF,
                COMPLETION_QUEUE_DEPTH)) {
            final Report report = measure(new Ping(transport, environment.rank()));
            rendezvous.agree(0, MEETING_NANOS);
            if (environment.rank() == 0) {
                print(report);
            }
        }
    }

    private Report measure(final Ping end) {
        final List<Ping.Latency> latencies = new ArrayList<>();
        final List<Ping.Bandwidth> bandwidths = new ArrayList<>();
        final int warmup = Math.max(1, iterations / WARMUP_DIVISOR);
        for (final int size : sizes) {
            end.latency(size, warmup);
            latencies.add(end.latency(size, iterations));
            end.bandwidth(size, warmup);
            bandwidths.add(end.bandwidth(size, iterations));
        }
        return new Report(ranksIn, "shared memory", false, latencies, bandwidths);
    }

    private void print(final Report report) {
        final PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Json.text(report));
        } else {
            out.printf("write latency over %s, ranks in %s, measured%n", report.transport(), report.ranksIn());
            out.println(" #bytes #iterations    t_min[usec]    t_max[usec]  t_typical[usec]    t_avg[usec]   99% "
                + "percentile[usec]   99.9% percentile[usec]");
            for (final Ping.Latency each : report.latencies()) {
                out.printf(" %-7d %-11d %12.3f %14.3f %16.3f %14.3f %22.3f %24.3f%n", each.bytes(), each.iterations(),
                    each.minMicros(), each.maxMicros(),
                    each.typicalMicros(), each.averageMicros(), each.p99Micros(), each.p999Micros());
            }
            out.printf("write bandwidth, MB are 10^6 bytes%n");
            out.println(" #bytes #iterations    BW peak[MB/sec]    BW average[MB/sec]    MsgRate[Mpps]");
            for (final Ping.Bandwidth each : report.bandwidths()) {
                out.printf(" %-7d %-11d %16.2f %21.2f %16.6f%n", each.bytes(), each.iterations(), each.peakMBps(),
                    each.averageMBps(),
                    each.millionMessagesPerSecond());
            }
        }
        out.flush();
    }
}

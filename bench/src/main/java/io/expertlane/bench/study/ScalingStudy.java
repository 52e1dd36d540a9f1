package io.expertlane.bench.study;

import io.expertlane.bench.report.LineChart;
import io.expertlane.bench.scenario.LayerSimulation;
import io.expertlane.bench.scenario.Traffic;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.ToDoubleFunction;

/** What grows with the number of ranks, and rings against final places. */
final class ScalingStudy {
    private static final int[] RANKS = {8, 16, 32, 64, 128, 256};
    private static final int FIRST = RANKS[0];
    private static final int LAST = RANKS[RANKS.length - 1];
    private static final int[] CACHED_RANKS = {8, 32, 128, 256};
    private static final int[] SPREAD_RANKS = {8, 32, 128};
    private static final int LOCAL_EXPERTS = 32;
    private static final String[] PATHS = {"zero", "ring"};
    private static final String[] CONTESTANTS = {"zero", "zero --queue-depth 1024", "ring", "ring --ring 64", "ring --ring 256"};
    private static final String CACHE = " --set nic.contextCache.entries=256";
    private static final String SLOW_MISSES = " --set nic.contextCache.missIntervalNanos=500";
    private static final String HIGH_THROUGHPUT = " --mode ht --tokens 1024 --channels 12 --in-node nvlink --queue-depth 128";
    private static final double BYTES_PER_MB = 1e6;

    private final StudyRuns runs;
    private final StudyPage page;

    private ScalingStudy(final String name, final StudyRuns runs) {
        this.runs = runs;
        this.page = new StudyPage(name, "From EP8 to EP256, and rings against final places");
    }

    static StudyPage page(final String name, final StudyRuns runs) {
        final ScalingStudy study = new ScalingStudy(name, runs);
        study.growth();
        study.experts();
        study.contexts();
        study.paths();
        return study.page;
    }

    private LayerSimulation.Result of(final int ranks, final String path) {
        return of(ranks, path, "");
    }

    private LayerSimulation.Result of(final int ranks, final String path, final String options) {
        return runs.of("--ep " + ranks + " --path " + path + " --granularity message" + options);
    }

    private static String format(final String format, final Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    private static double metadataBytes(final LayerSimulation.Result result) {
        return result.dispatch().traffic().metadataBytes() + result.combine().traffic().metadataBytes();
    }

    private static int completions(final LayerSimulation.Result result) {
        return Math.max(result.dispatch().traffic().mostCompletions(), result.combine().traffic().mostCompletions());
    }

    private static int elements(final LayerSimulation.Result result) {
        return Math.max(result.dispatch().traffic().mostElements(), result.combine().traffic().mostElements());
    }

    private static long stalls(final LayerSimulation.Result result) {
        return result.dispatch().traffic().creditStalls() + result.combine().traffic().creditStalls();
    }

    private static String megabytes(final LayerSimulation.Result result) {
        return format("%.0f", result.footprint().registeredBytes() / BYTES_PER_MB);
    }

    private static String micros(final double micros) {
        return format("%.0f", micros);
    }

    private void growth() {
        page.text("""
            The questions: what breaks as the experts of a model are spread over more ranks; and when are bounded rings better than rows that go straight to
            their final place? Low-latency mode, DeepSeek-V3 (256 experts, top-8, hidden 7168), 128 tokens a rank, FP8 dispatch and BF16 combine, on the preset
            `h20-cx7-dual`, everything through the NIC (two ports of 200 Gb/s a rank).

            ## What grows""");
        page.command("expertlane simulate --ep EP --path PATH --granularity message --json");
        final List<List<String>> rows = new ArrayList<>();
        for (final String path : PATHS) {
            for (final int ranks : RANKS) {
                rows.add(growthRow(path, ranks));
            }
        }
        page.table(List.of("path", "EP", "peers", "queue pairs", "registered [MB]", "metadata [B]", "elements under way", "of a queue pair", "completion queue",
            "dispatch p50 / max [us]", "combine p50 / max [us]"), rows);
        page.text("""
            Of each rank: *peers* it sends rows to (`dispatch.traffic.fanOut.p50`); *queue pairs* it posts to (`footprint.queuePairs`); memory *registered* for the worst
            case (`footprint.registeredBytes`); *metadata*, the payload of counts, flags, tails and credits of dispatch and combine (`traffic.metadataBytes` of both); the
            most *elements under way* in a NIC, and on one queue pair (`traffic.mostElements`, `mostElementsPerQueuePair`); and the entries its *completion queue*
            must hold (`traffic.mostCompletions`); of the last three the larger of dispatch and combine.""");
        page.chart("growth", growthChart(), "Peers, queue pairs, completion queue and memory over the number of ranks, relative to EP8");
        page.chart("latency", latencyChart(), "Latency of dispatch and combine over the number of ranks, both paths");
        page.text(growthWords());
    }

    private List<String> growthRow(final String path, final int ranks) {
        final LayerSimulation.Result result = of(ranks, path);
        final Traffic dispatch = result.dispatch().traffic();
        final Traffic combine = result.combine().traffic();
        return List.of(path, Integer.toString(ranks), format("%.0f", dispatch.fanOut().p50()), Integer.toString(result.footprint().queuePairs()),
            megabytes(result), format("%.0f", metadataBytes(result)), Integer.toString(elements(result)),
            Integer.toString(Math.max(dispatch.mostElementsPerQueuePair(), combine.mostElementsPerQueuePair())), Integer.toString(completions(result)),
            latency(result.dispatch()), latency(result.combine()));
    }

    private static String latency(final LayerSimulation.Phase phase) {
        return micros(phase.latencyMicros().p50()) + " / " + micros(phase.latencyMicros().max());
    }

    private LineChart growthChart() {
        final LineChart chart = new LineChart("What grows with the ranks (simulated), EP8 = 1", "ranks (EP)", "times the value at EP8").doublingX().logarithmicY();
        final Map<String, ToDoubleFunction<LayerSimulation.Result>> lines = new TreeMap<>(Map.of(
            "queue pairs", result -> result.footprint().queuePairs(),
            "completion queue", ScalingStudy::completions,
            "registered memory", result -> result.footprint().registeredBytes()));
        for (final int ranks : RANKS) {
            chart.add("peers", ranks, of(ranks, "zero").dispatch().traffic().fanOut().p50() / of(FIRST, "zero").dispatch().traffic().fanOut().p50());
        }
        for (final String path : PATHS) {
            lines.forEach((name, value) -> {
                for (final int ranks : RANKS) {
                    chart.add(name + ", " + path, ranks, value.applyAsDouble(of(ranks, path)) / value.applyAsDouble(of(FIRST, path)));
                }
            });
        }
        return chart;
    }

    private LineChart latencyChart() {
        final LineChart chart = new LineChart("Slowest rank of a call (simulated), 128 tokens a rank", "ranks (EP)", "latency [us]").doublingX();
        for (final String path : PATHS) {
            for (final int ranks : RANKS) {
                chart.add("dispatch, " + path, ranks, of(ranks, path).dispatch().latencyMicros().max());
                chart.add("combine, " + path, ranks, of(ranks, path).combine().latencyMicros().max());
            }
        }
        return chart;
    }

    private String growthWords() {
        final LayerSimulation.Result zeroFirst = of(FIRST, "zero");
        final LayerSimulation.Result zeroLast = of(LAST, "zero");
        final LayerSimulation.Result ringFirst = of(FIRST, "ring");
        final LayerSimulation.Result ringLast = of(LAST, "ring");
        return format("""
            * **Zero path: what it holds follows the experts, not the ranks.** It has a queue pair, a count and a flag for each expert of another rank: %d queue pairs at EP8
              and %d at EP256, because E - E / R hardly moves. Its memory, slots for every token of every rank at every local expert, is R x E / R: the same everywhere.
            * **Ring path: what it holds follows the peers.** Three queue pairs a peer (rows, outputs, words): %d at EP8, %d at EP256. Its memory grows by the rings, from %s to %s MB,
              but stays below the zero path's %s MB, since rows exist once and not six times.
            * **Peers** are all others up to EP128; at EP256 a rank's 1024 selections no longer reach everyone.
            * **Latency** of the slowest rank over the zero path grows by %.0f %% in dispatch and %.0f %% in combine; 14 %% are the bytes that leave a rank, since fewer selections are its own (7/8 to 255/256 are
              not). What breaks nothing here are metadata (%.0f to %.0f B a rank over zero) and the depth of completion queues (%d to %d).
            * **Rings become faster with more ranks**, against what one expects: at EP8 a ring of 16 tokens has to pass 128 rows to each peer and waits for credits (%d stalls), at EP256
              four rows. *Ring against zero* below tells so by experiment.""",
            zeroFirst.footprint().queuePairs(), zeroLast.footprint().queuePairs(), ringFirst.footprint().queuePairs(), ringLast.footprint().queuePairs(),
            megabytes(ringFirst), megabytes(ringLast), megabytes(zeroFirst),
            100 * (zeroLast.dispatch().latencyMicros().max() / zeroFirst.dispatch().latencyMicros().max() - 1),
            100 * (zeroLast.combine().latencyMicros().max() / zeroFirst.combine().latencyMicros().max() - 1), metadataBytes(zeroFirst), metadataBytes(zeroLast),
            completions(zeroFirst), completions(zeroLast), stalls(ringFirst));
    }

    private void experts() {
        page.text("""
            ## If experts grow with the ranks

            A deployment that gives every rank the same number of experts, replicas included, has what the zero path holds grow with the ranks: here %d on each rank.""".formatted(
            LOCAL_EXPERTS));
        page.command("expertlane simulate --ep EP --experts " + LOCAL_EXPERTS + "*EP --path PATH --granularity message --json");
        final List<List<String>> rows = new ArrayList<>();
        for (final String path : PATHS) {
            for (final int ranks : SPREAD_RANKS) {
                final LayerSimulation.Result result = of(ranks, path, " --experts " + LOCAL_EXPERTS * ranks);
                rows.add(List.of(path, Integer.toString(ranks), Integer.toString(LOCAL_EXPERTS * ranks), Integer.toString(result.footprint().queuePairs()), megabytes(result),
                    format("%.0f", metadataBytes(result)), Integer.toString(completions(result)), latency(result.dispatch()), latency(result.combine())));
            }
        }
        page.table(List.of("path", "EP", "experts", "queue pairs", "registered [MB]", "metadata [B]", "completion queue", "dispatch p50 / max [us]",
            "combine p50 / max [us]"), rows);
        page.text("""
            This is where EP128 breaks: the worst case that the zero path must register is half of the memory of a GPU with 80 GB, and a rank has thousands of queue pairs and needs a completion queue
            of as many entries (over rings, too), and every call writes a count to every expert and takes a flag from it, most of them for a row or none. Latency has grown with it although the rows are as many
            as before. The ring path's queue pairs are still three a peer.""");
    }

    private void contexts() {
        page.text("""
            ## Queue-pair contexts

            A NIC keeps the contexts of queue pairs in a cache: one to send, one to receive. How many fit into a ConnectX is not public; the presets let all fit. With 256 (assumed, to
            see an effect), empty at first:""");
        page.command("expertlane simulate --ep EP --path PATH --granularity message" + CACHE + " --json");
        final List<List<String>> rows = new ArrayList<>();
        for (final String path : PATHS) {
            for (final int ranks : CACHED_RANKS) {
                final LayerSimulation.Result result = of(ranks, path, CACHE);
                final long misses = result.dispatch().traffic().contextMisses();
                final LayerSimulation.Result without = of(ranks, path);
                final LayerSimulation.Result slow = of(ranks, path, CACHE + SLOW_MISSES);
                rows.add(List.of(path, Integer.toString(ranks), Integer.toString(2 * result.footprint().queuePairs()), format("%.0f", (double) misses / ranks),
                    slower(result.dispatch(), without.dispatch()), slower(slow.dispatch(), without.dispatch())));
            }
        }
        page.table(List.of("path", "EP", "contexts a NIC", "misses a NIC in dispatch", "dispatch max [us]", "the same, a miss every 500 ns at most"), rows);
        page.text("""
            In brackets: against all contexts in the cache. *Misses* are `dispatch.traffic.contextMisses` / EP. Each context misses about once, whether they fit or not: a queue pair's few elements
            come together, and what is used once cannot be missed twice in a call. A miss takes 750 ns, which overlaps with others', and 50 ns of a serial reader, so 500 of them are hidden behind
            the ports. They are not if the reader takes 500 ns a miss (`%s`): then the number of contexts tells. Which of both a ConnectX is like no source says.""".formatted(SLOW_MISSES.strip()));
    }

    private static String slower(final LayerSimulation.Phase phase, final LayerSimulation.Phase without) {
        return format("%.0f (%+.0f %%)", phase.latencyMicros().max(), 100 * (phase.latencyMicros().max() / without.latencyMicros().max() - 1));
    }

    private void paths() {
        page.text("""
            ## Ring against zero, even and under a burst

            In the burst rank 0 has 1024 tokens, all others 128. Rings of 16 tokens are the default in this mode.""");
        page.command("expertlane simulate --ep EP --path PATH --granularity message [--burst 8] --json");
        final List<List<String>> rows = new ArrayList<>();
        for (final int ranks : new int[] {32, 64}) {
            for (final String burst : new String[] {"", " --burst 8"}) {
                for (final String path : CONTESTANTS) {
                    final LayerSimulation.Result result = of(ranks, path, burst);
                    rows.add(List.of(Integer.toString(ranks), burst.isEmpty() ? "even" : "burst", "`" + path + "`", latency(result.dispatch()), latency(result.combine()), megabytes(result),
                        Long.toString(result.dispatch().traffic().creditStalls()), Long.toString(result.combine().traffic().creditStalls()), Integer.toString(elements(result))));
                }
            }
        }
        page.table(List.of("EP", "load", "PATH", "dispatch p50 / max [us]", "combine p50 / max [us]", "registered [MB]", "credit stalls, dispatch", "combine", "elements under way"), rows);
        page.chart("burst", burstChart(), "Slowest rank of dispatch and combine together, by size of the ring, even and under a burst");
        page.text(pathWords());
        highThroughput();
    }

    private void highThroughput() {
        page.text("""
            ## The same in high-throughput mode

            EP32, 1024 tokens a rank, 8192 on rank 0 in the burst, 12 channels:""");
        page.command("expertlane simulate --ep 32 --path PATH --granularity message" + HIGH_THROUGHPUT + " [--burst 8] --json");
        final List<List<String>> rows = new ArrayList<>();
        for (final String burst : new String[] {"", " --burst 8"}) {
            for (final String path : new String[] {"zero", "ring --ring 64", "ring --ring 256"}) {
                final LayerSimulation.Result result = of(32, path, HIGH_THROUGHPUT + burst);
                rows.add(List.of(burst.isEmpty() ? "even" : "burst", "`" + path + "`", latency(result.dispatch()), latency(result.combine()), megabytes(result),
                    Integer.toString(result.footprint().queuePairs()), Long.toString(stalls(result))));
            }
        }
        page.table(List.of("load", "PATH", "dispatch p50 / max [us]", "combine p50 / max [us]", "registered [MB]", "queue pairs", "credit stalls"), rows);
        page.text("""
            Here rings are not the smaller choice: there is one for each channel, peer and direction, so their memory is tokens of a ring times channels times ranks, and it pays only where a rank may have
            more tokens than that, as in the burst. Why they dispatch the burst faster was not examined. Queue pairs are few on both paths, because rows cross to a node once, on one rail.""");
    }

    private LineChart burstChart() {
        final LineChart chart = new LineChart("Dispatch and combine on the slowest rank (simulated), EP32", "tokens of a ring", "latency of both together [us]").doublingX();
        for (final int ring : new int[] {8, 16, 32, 64, 128, 256}) {
            chart.add("ring, even", ring, both(of(32, "ring --ring " + ring)));
            chart.add("ring, burst", ring, both(of(32, "ring --ring " + ring, " --burst 8")));
            chart.add("zero, even", ring, both(of(32, "zero")));
            chart.add("zero, burst", ring, both(of(32, "zero", " --burst 8")));
        }
        return chart;
    }

    private static double both(final LayerSimulation.Result result) {
        return result.dispatch().latencyMicros().max() + result.combine().latencyMicros().max();
    }

    private String pathWords() {
        final LayerSimulation.Result zero = of(32, "zero");
        final LayerSimulation.Result ring = of(32, "ring");
        final LayerSimulation.Result wide = of(32, "ring --ring 256");
        final LayerSimulation.Result zeroBurst = of(32, "zero", " --burst 8");
        final LayerSimulation.Result deepBurst = of(32, "zero --queue-depth 1024", " --burst 8");
        final LayerSimulation.Result ringBurst = of(32, "ring", " --burst 8");
        return format("""
            **Rings of 64 tokens and zero are within a few per cent on the slowest rank, even and under a burst; rings of 16 are slower; rings win on memory.**

            * *Even load, EP32*: dispatch and combine take %.0f us over zero and %.0f us over rings of 16. The cause are credits: nothing else changed, rings of 256 take %.0f us, and stalls fall from
              %d to %d. Why combine suffers more than dispatch was not examined.
            * *Burst*: the slowest rank is the one that bursts, and its ports bind: eight times the rows through the same two ports. So zero (%.0f us) and rings (%.0f us) are close. The
              price of zero is memory, registered for the largest number of tokens that any rank may have, on every rank: %s MB against %s MB for rings, of which the first is %.0f %% of what a GPU of 80 GB has.
            * *How back-pressure travels*: over rings by credits, so a slow receiver stops the sender's ring to it, and no other ring. Over zero by the send queue: a rank that posts
              its tokens in order stops altogether when one queue is full. With queues of 1024 instead of 32 elements the median rank of the burst's combine takes %.0f instead of %.0f us;
              the slowest gains little, since its ports bind.""",
            both(zero), both(ring), both(wide), stalls(ring), stalls(wide), both(zeroBurst), both(ringBurst), megabytes(zeroBurst), megabytes(ringBurst),
            100 * zeroBurst.footprint().registeredBytes() / 80e9, deepBurst.combine().latencyMicros().p50(), zeroBurst.combine().latencyMicros().p50());
    }
}

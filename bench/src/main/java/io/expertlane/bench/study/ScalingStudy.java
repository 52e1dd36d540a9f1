package io.expertlane.bench.study;

import static io.expertlane.bench.study.Words.format;
import static io.expertlane.bench.study.Words.item;
import static io.expertlane.bench.study.Words.list;
import static io.expertlane.bench.study.Words.longer;
import static io.expertlane.bench.study.Words.paragraph;
import static io.expertlane.bench.study.Words.when;

import io.expertlane.bench.report.LineChart;
import io.expertlane.bench.scenario.Distribution;
import io.expertlane.bench.scenario.LayerSimulation;
import io.expertlane.bench.scenario.Traffic;
import io.expertlane.nic.profile.ContextCacheProfile;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
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
    private static final String[] CONTESTANTS = {"zero", "zero --queue-depth 1024", "ring", "ring --ring 64",
        "ring --ring 256"};
    private static final String CACHE = " --set nic.contextCache.entries=256";
    private static final String SLOW_MISSES = " --set nic.contextCache.missIntervalNanos=500";
    private static final String HIGH_THROUGHPUT =
        " --mode ht --tokens 1024 --channels 12 --in-node nvlink --queue-depth 128";
    private static final double BYTES_PER_MB = 1e6;
    private static final double GPU_BYTES = 80e9;
    /** Share of a GPU's memory from which on nobody can spare it. */
    private static final double BREAKING_SHARE = 0.4;
    /** Misses of a context in a call that are still one, and the inverse of those that are no longer. */
    private static final double ABOUT_ONCE = 0.75;
    /** Less than this is no difference. */
    private static final double SAME = 0.01;

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

    private static double registered(final LayerSimulation.Result result) {
        return result.footprint().registeredBytes();
    }

    private static boolean same(final double value, final double other) {
        return Math.abs(value / other - 1) < SAME;
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
        page.table(List.of("path", "EP", "peers", "queue pairs", "registered [MB]", "metadata [B]",
            "elements in flight", "of a queue pair", "completion queue",
            "dispatch p50 / max [us]", "combine p50 / max [us]"), rows);
        page.text("""
            Of each rank: *peers* it sends rows to (`dispatch.traffic.fanOut.p50`); *queue pairs* it posts to (`footprint.queuePairs`); memory *registered* for the worst
            case (`footprint.registeredBytes`); *metadata*, the payload of counts, flags, tails and credits of dispatch and combine (`traffic.metadataBytes` of both); the
            most *elements in flight* in a NIC, and on one queue pair (`traffic.mostElements`, `mostElementsPerQueuePair`); and the entries its *completion queue*
            must hold (`traffic.mostCompletions`); of the last three the larger of dispatch and combine.""");
        page.chart("growth", growthChart(),
            "Peers, queue pairs, completion queue and memory over the number of ranks, relative to EP8");
        page.chart("latency", latencyChart(), "Latency of dispatch and combine over the number of ranks, both paths");
        page.text(growthWords());
    }

    private List<String> growthRow(final String path, final int ranks) {
        final LayerSimulation.Result result = of(ranks, path);
        final Traffic dispatch = result.dispatch().traffic();
        final Traffic combine = result.combine().traffic();
        return List.of(path, Integer.toString(ranks), format("%.0f", dispatch.fanOut().p50()),
            Integer.toString(result.footprint().queuePairs()),
            megabytes(result), format("%.0f", metadataBytes(result)), Integer.toString(elements(result)),
            Integer.toString(Math.max(dispatch.mostElementsPerQueuePair(), combine.mostElementsPerQueuePair())),
            Integer.toString(completions(result)),
            latency(result.dispatch()), latency(result.combine()));
    }

    private static String latency(final LayerSimulation.Phase phase) {
        return micros(phase.latencyMicros().p50()) + " / " + micros(phase.latencyMicros().max());
    }

    private LineChart growthChart() {
        final LineChart chart = new LineChart("What grows with the ranks (simulated), EP8 = 1", "ranks (EP)",
            "times the value at EP8").doublingX().logarithmicY();
        final Map<String, ToDoubleFunction<LayerSimulation.Result>> lines = new TreeMap<>(Map.of(
            "queue pairs", result -> result.footprint().queuePairs(),
            "completion queue", ScalingStudy::completions,
            "registered memory", result -> result.footprint().registeredBytes()));
        for (final int ranks : RANKS) {
            chart.add("peers", ranks,
                of(ranks, "zero").dispatch().traffic().fanOut().p50() / of(FIRST, "zero").dispatch().traffic().fanOut()
                .p50());
        }
        for (final String path : PATHS) {
            lines.forEach((name, value) -> {
                for (final int ranks : RANKS) {
                    chart.add(name + ", " + path, ranks,
                        value.applyAsDouble(of(ranks, path)) / value.applyAsDouble(of(FIRST, path)));
                }
            });
        }
        return chart;
    }

    private LineChart latencyChart() {
        final LineChart chart = new LineChart("Slowest rank of a call (simulated), 128 tokens a rank", "ranks (EP)",
            "latency [us]").doublingX();
        for (final String path : PATHS) {
            for (final int ranks : RANKS) {
                chart.add("dispatch, " + path, ranks, of(ranks, path).dispatch().latencyMicros().max());
                chart.add("combine, " + path, ranks, of(ranks, path).combine().latencyMicros().max());
            }
        }
        return chart;
    }

    private String growthWords() {
        return list(zeroWords(), ringWords(), peerWords(), latencyWords(), trendWords());
    }

    private String zeroWords() {
        final LayerSimulation.Result first = of(FIRST, "zero");
        final LayerSimulation.Result last = of(LAST, "zero");
        final boolean constant = Arrays.stream(RANKS)
            .allMatch(ranks -> same(registered(of(ranks, "zero")), registered(first)));
        final double growth = (double) last.footprint().queuePairs() / first.footprint().queuePairs();
        return item(format("**Zero path: what it holds %s.**", growth < 2
            && constant ? "follows the experts, not the ranks" : "grows with the ranks"),
            format("It has a queue pair, a count and a flag for each expert of another rank: %d queue pairs at EP%d "
            + "and %d at EP%d%s.",
                first.footprint().queuePairs(), FIRST, last.footprint().queuePairs(), LAST,
                when(growth < 2, ", because E - E / R hardly moves")),
            constant ? "Its memory, slots for every token of every rank at every local expert, is R x E / R: the same "
            + "everywhere."
                : format("Its memory goes from %s to %s MB.", megabytes(first), megabytes(last)));
    }

    private String ringWords() {
        final LayerSimulation.Result first = of(FIRST, "ring");
        final LayerSimulation.Result last = of(LAST, "ring");
        final boolean smaller = Arrays.stream(RANKS)
            .allMatch(ranks -> registered(of(ranks, "ring")) < registered(of(ranks, "zero")));
        return item(threeAPeer(RANKS, "")
            ? "**Ring path: what it holds follows the peers.** Three queue pairs a peer (rows and outputs, credits, "
            + "words):"
                : "**Ring path.** Queue pairs:",
            format("%d at EP%d, %d at EP%d.", first.footprint().queuePairs(), FIRST, last.footprint().queuePairs(),
            LAST),
            format("Its memory goes from %s to %s MB%s.", megabytes(first), megabytes(last),
                when(smaller, ", but stays below the zero path's %s", megabytes(of(LAST, "zero")))));
    }

    private boolean threeAPeer(final int[] ranks, final String options) {
        return Arrays.stream(ranks)
            .mapToObj(each -> of(each, "ring", options.replace("*", Integer.toString(each * LOCAL_EXPERTS))))
            .allMatch(result -> result.footprint().queuePairs() == 3 * (result.shape().ranks() - 1));
    }

    private String peerWords() {
        int all = 0;
        while (all < RANKS.length && reachesAll(of(RANKS[all], "zero"))) {
            all++;
        }
        final LayerSimulation.Result last = of(LAST, "zero");
        return item(all == 0 ? "**Peers**:" : format("**Peers** are all others up to EP%d.", RANKS[all - 1]),
            when(!reachesAll(last), "At EP%d a rank's %d selections reach %.0f of %d.", LAST, selections(last),
            last.dispatch().traffic().fanOut().p50(),
                last.shape().ranks() - 1));
    }

    private static boolean reachesAll(final LayerSimulation.Result result) {
        return result.dispatch().traffic().fanOut().p50() == result.shape().ranks() - 1;
    }

    private static int selections(final LayerSimulation.Result result) {
        return result.tokensPerRank() * result.shape().topK();
    }

    private String latencyWords() {
        final LayerSimulation.Result first = of(FIRST, "zero");
        final LayerSimulation.Result last = of(LAST, "zero");
        final double dispatch = last.dispatch().latencyMicros().max() / first.dispatch().latencyMicros().max();
        final double combine = last.combine().latencyMicros().max() / first.combine().latencyMicros().max();
        return item(format("**Latency** of the slowest rank over the zero path is %s at EP%d than at EP%d in dispatch "
            + "and %s in combine;", longer(dispatch), LAST, FIRST,
                longer(combine)),
            format("%.0f %% more bytes leave a rank, since 1/%d of its selections are its own and not 1/%d.",
            100 * (leaving(last) / leaving(first) - 1),
                last.shape().ranks(), first.shape().ranks()),
            format("Metadata go from %.0f to %.0f B a rank over zero, completion queues from %d to %d entries.",
            metadataBytes(first), metadataBytes(last),
                completions(first), completions(last)));
    }

    /** Share of a rank's selections that are others', at an even load. */
    private static double leaving(final LayerSimulation.Result result) {
        return 1 - 1.0 / result.shape().ranks();
    }

    private String trendWords() {
        final LayerSimulation.Result first = of(FIRST, "ring");
        final LayerSimulation.Result last = of(LAST, "ring");
        final boolean faster = both(last) < both(first);
        return item(format("**Rings %s faster with more ranks**: dispatch and combine together take %.0f us at EP%d "
            + "and %.0f us at EP%d.",
                faster ? "become" : "do not become", both(first), FIRST, both(last), LAST),
            when(faster && stalls(last) < stalls(first),
                "At EP%d a ring of 16 tokens has to pass %d rows to each peer and waits for credits (%d stalls), at "
                + "EP%d %d rows (%d stalls).", FIRST,
                selections(first) / first.shape().ranks(), stalls(first), LAST, selections(last) / last.shape().ranks(),
                stalls(last)));
    }

    private void experts() {
        page.text("""
            ## If experts grow with the ranks

            A deployment that gives every rank the same number of experts, replicas included, has what the zero path holds grow with the ranks: here %d on each rank.""".formatted(
            LOCAL_EXPERTS));
        page.command("expertlane simulate --ep EP --experts " + LOCAL_EXPERTS
            + "*EP --path PATH --granularity message --json");
        final List<List<String>> rows = new ArrayList<>();
        for (final String path : PATHS) {
            for (final int ranks : SPREAD_RANKS) {
                final LayerSimulation.Result result = spread(ranks, path);
                rows.add(List.of(path, Integer.toString(ranks), Integer.toString(LOCAL_EXPERTS * ranks),
                    Integer.toString(result.footprint().queuePairs()), megabytes(result),
                    format("%.0f", metadataBytes(result)), Integer.toString(completions(result)),
                    latency(result.dispatch()), latency(result.combine())));
            }
        }
        page.table(List.of("path", "EP", "experts", "queue pairs", "registered [MB]", "metadata [B]",
            "completion queue", "dispatch p50 / max [us]",
            "combine p50 / max [us]"), rows);
        page.text(expertWords());
    }

    private String expertWords() {
        final LayerSimulation.Result first = spread(SPREAD_RANKS[0], "zero");
        final LayerSimulation.Result last = spread(SPREAD_RANKS[SPREAD_RANKS.length - 1], "zero");
        final LayerSimulation.Result rings = spread(SPREAD_RANKS[SPREAD_RANKS.length - 1], "ring");
        final double share = registered(last) / GPU_BYTES;
        final double rows = (double) selections(last) / last.shape().experts();
        return paragraph(when(share > BREAKING_SHARE, "**This is where it breaks**:"),
            format("at EP%d the zero path must register %s MB for the worst case, %.0f %% of the memory of a GPU with "
            + "80 GB,", last.shape().ranks(), megabytes(last),
                100 * share),
            format("a rank has %d queue pairs and needs a completion queue of %d entries (over rings of %d),",
            last.footprint().queuePairs(), completions(last),
                completions(rings)),
            format("and every call writes a count to every expert and takes a flag from it, for %.2f rows on average.",
            rows),
            format("The slowest rank's dispatch and combine together take %s than at EP%d, although a rank sends as "
            + "many rows.", longer(both(last) / both(first)),
                first.shape().ranks()),
            when(threeAPeer(SPREAD_RANKS, " --experts *"), "The ring path's queue pairs are still three a peer."));
    }

    private LayerSimulation.Result spread(final int ranks, final String path) {
        return of(ranks, path, " --experts " + LOCAL_EXPERTS * ranks);
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
                rows.add(List.of(path, Integer.toString(ranks), Integer.toString(2 * result.footprint().queuePairs()),
                    format("%.0f", (double) misses / ranks),
                    slower(result.dispatch(), without.dispatch()), slower(slow.dispatch(), without.dispatch())));
            }
        }
        page.table(List.of("path", "EP", "contexts a NIC", "misses a NIC in dispatch", "dispatch max [us]",
            "the same, a miss every 500 ns at most"), rows);
        page.text(contextWords());
    }

    private String contextWords() {
        double fewest = Double.MAX_VALUE;
        double most = 0;
        double worst = 0;
        double worstSlow = 0;
        for (final String path : PATHS) {
            for (final int ranks : CACHED_RANKS) {
                final LayerSimulation.Result cached = of(ranks, path, CACHE);
                final double misses = (double) cached.dispatch().traffic().contextMisses() / cached.shape()
                    .ranks() / (2 * cached.footprint().queuePairs());
                final double free = of(ranks, path).dispatch().latencyMicros().max();
                fewest = Math.min(fewest, misses);
                most = Math.max(most, misses);
                worst = Math.max(worst, cached.dispatch().latencyMicros().max() / free);
                worstSlow = Math.max(worstSlow,
                    of(ranks, path, CACHE + SLOW_MISSES).dispatch().latencyMicros().max() / free);
            }
        }
        final ContextCacheProfile cache = of(FIRST, "zero", CACHE).parameters().nic().contextCache();
        return paragraph(format("In brackets: against all contexts in the cache. *Misses* are "
            + "`dispatch.traffic.contextMisses` / EP: %.2f to %.2f a context.", fewest, most),
            when(fewest > ABOUT_ONCE && most < 1 / ABOUT_ONCE,
                "Each misses about once, whether they fit or not: a queue pair's few elements come together, and what "
                + "is used once cannot be missed twice in a call."),
            format("A miss takes %.0f ns, which overlaps with others', and %.0f ns of a serial reader: dispatch takes "
            + "up to %s.", cache.missNanos(),
                cache.missIntervalNanos(), longer(worst)),
            format("If the reader takes 500 ns a miss (`%s`), up to %s.", SLOW_MISSES.strip(), longer(worstSlow)),
            "Which of both a ConnectX is like no source says.");
    }

    private static String slower(final LayerSimulation.Phase phase, final LayerSimulation.Phase without) {
        return format("%.0f (%+.0f %%)", phase.latencyMicros().max(),
            100 * (phase.latencyMicros().max() / without.latencyMicros().max() - 1));
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
                    rows.add(List.of(Integer.toString(ranks), burst.isEmpty() ? "even" : "burst", "`" + path + "`",
                        latency(result.dispatch()), latency(result.combine()), megabytes(result),
                        Long.toString(result.dispatch().traffic().creditStalls()),
                        Long.toString(result.combine().traffic().creditStalls()), Integer.toString(elements(result))));
                }
            }
        }
        page.table(List.of("EP", "load", "PATH", "dispatch p50 / max [us]", "combine p50 / max [us]", "registered [MB]",
            "credit stalls, dispatch", "combine", "elements in flight"), rows);
        page.chart("burst", burstChart(),
            "Slowest rank of dispatch and combine together, by size of the ring, even and under a burst");
        page.text(pathWords());
        highThroughput();
    }

    private void highThroughput() {
        page.text("""
            ## The same in high-throughput mode

            EP32, 1024 tokens a rank, 8192 on rank 0 in the burst, 12 channels:""");
        page.command("expertlane simulate --ep 32 --path PATH --granularity message" + HIGH_THROUGHPUT
            + " [--burst 8] --json");
        final List<List<String>> rows = new ArrayList<>();
        for (final String burst : new String[] {"", " --burst 8"}) {
            for (final String path : new String[] {"zero", "ring --ring 64", "ring --ring 256"}) {
                final LayerSimulation.Result result = of(32, path, HIGH_THROUGHPUT + burst);
                rows.add(List.of(burst.isEmpty() ? "even" : "burst", "`" + path + "`", latency(result.dispatch()),
                    latency(result.combine()), megabytes(result),
                    Integer.toString(result.footprint().queuePairs()), Long.toString(stalls(result))));
            }
        }
        page.table(List.of("load", "PATH", "dispatch p50 / max [us]", "combine p50 / max [us]", "registered [MB]",
            "queue pairs", "credit stalls"), rows);
        page.text(highThroughputWords());
    }

    private String highThroughputWords() {
        final LayerSimulation.Result zero = of(32, "zero", HIGH_THROUGHPUT);
        final LayerSimulation.Result ring = of(32, "ring --ring 64", HIGH_THROUGHPUT);
        final LayerSimulation.Result zeroBurst = of(32, "zero", HIGH_THROUGHPUT + " --burst 8");
        final LayerSimulation.Result ringBurst = of(32, "ring --ring 64", HIGH_THROUGHPUT + " --burst 8");
        final double dispatch = ringBurst.dispatch().latencyMicros().max() / zeroBurst.dispatch().latencyMicros().max();
        return paragraph("There is a ring for each channel, peer and direction, so their memory is tokens of a ring "
            + "times channels times ranks:",
            format("rings of 64 tokens register %.1f times what zero does at an even load, %.1f times in the burst.",
            registered(ring) / registered(zero),
                registered(ringBurst) / registered(zeroBurst)),
            when(registered(ring) > registered(zero) && registered(ringBurst) < registered(zeroBurst),
                "Here rings are the smaller choice only where a rank may have many more tokens than the others."),
            format("In the burst dispatch over them takes %s than over zero%s.", longer(dispatch),
            when(!same(dispatch, 1), "; why was not examined")),
            when(ring.footprint().queuePairs() == zero.footprint().queuePairs(),
                "Queue pairs are as few on both paths (%d), because rows cross to a node once, on one rail.",
                zero.footprint().queuePairs()));
    }

    private LineChart burstChart() {
        final LineChart chart = new LineChart("Dispatch and combine on the slowest rank (simulated), EP32",
            "tokens of a ring", "latency of both together [us]").doublingX();
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
        return paragraph(verdict()) + "\n\n" + list(evenWords(), burstWords(), pressureWords());
    }

    /** The default rings, or those of 64 tokens, against zero, over ranks and loads. */
    private double[] againstZero(final String ring) {
        return Arrays.stream(new int[] {32, 64}).boxed()
            .flatMapToDouble(ranks -> Arrays.stream(new String[] {"", " --burst 8"})
                .mapToDouble(burst -> both(of(ranks, ring, burst)) / both(of(ranks, "zero", burst)))).toArray();
    }

    private String verdict() {
        final double[] narrow = againstZero("ring");
        final double[] middle = againstZero("ring --ring 64");
        final double apart = Arrays.stream(middle).map(ratio -> Math.abs(ratio - 1)).max().orElseThrow();
        final boolean smaller = Arrays.stream(new int[] {32, 64})
            .allMatch(ranks -> registered(of(ranks, "ring --ring 64")) < registered(of(ranks, "zero")));
        return format("**On the slowest rank rings of 64 tokens and zero are %.0f %% apart at most, even and under a "
            + "burst; rings of 16 take at least %s, at most %s; rings %s.**",
            100 * apart, longer(Arrays.stream(narrow).min().orElseThrow()),
            longer(Arrays.stream(narrow).max().orElseThrow()),
            smaller ? "register less" : "do not register less");
    }

    private String evenWords() {
        final LayerSimulation.Result zero = of(32, "zero");
        final LayerSimulation.Result ring = of(32, "ring");
        final LayerSimulation.Result wide = of(32, "ring --ring 256");
        final double dispatch = ring.dispatch().latencyMicros().max() / zero.dispatch().latencyMicros().max();
        final double combine = ring.combine().latencyMicros().max() / zero.combine().latencyMicros().max();
        return item(format("*Even load, EP32*: dispatch and combine take %.0f us over zero and %.0f us over rings of "
            + "16;", both(zero), both(ring)),
            format("nothing else changed, rings of 256 take %.0f us.", both(wide)),
            format("Stalls for credits go from %d to %d%s.", stalls(ring), stalls(wide),
                when(both(wide) < both(ring) && stalls(wide) < stalls(ring), ": credits are the cause")),
            when(combine > dispatch && both(ring) > both(zero),
            "Why combine suffers more than dispatch (it takes %s, dispatch %s) was not examined.",
                longer(combine), longer(dispatch)));
    }

    private String burstWords() {
        final LayerSimulation.Result zero = of(32, "zero", " --burst 8");
        final LayerSimulation.Result ring = of(32, "ring", " --burst 8");
        final boolean sender = zero.combine().stageSplit().tail().rank() == 0
            && ring.combine().stageSplit().tail().rank() == 0;
        return item(format("*Burst*: %sdispatch and combine take %.0f us over zero, %.1f times as long as at an even "
            + "load, and %.0f us over rings, %.1f times as long.",
                when(sender, "the rank that bursts is the last to combine; "), both(zero),
                both(zero) / both(of(32, "zero")), both(ring), both(ring) / both(of(32, "ring"))),
            format("Memory is registered for the largest number of tokens that any rank may have, on every rank: %s MB "
            + "for zero,", megabytes(zero)),
            format("%.0f %% of what a GPU of 80 GB has, against %s MB for rings.", 100 * registered(zero) / GPU_BYTES,
            megabytes(ring)));
    }

    private String pressureWords() {
        final LayerSimulation.Result shallow = of(32, "zero", " --burst 8");
        final LayerSimulation.Result deep = of(32, "zero --queue-depth 1024", " --burst 8");
        final Distribution before = shallow.combine().latencyMicros();
        final Distribution after = deep.combine().latencyMicros();
        return item("*How back-pressure travels*: over rings by credits, so a slow receiver stops the sender's ring to "
            + "it, and no other ring.",
            "Over zero by the send queue: a rank that posts its tokens in order stops altogether when one queue is "
            + "full.",
            format("With queues of 1024 instead of 32 elements the burst's combine takes %s on the median rank (%.0f "
            + "us, not %.0f) and %s on the slowest.",
                longer(after.p50() / before.p50()), after.p50(), before.p50(), longer(after.max() / before.max())));
    }
}

package io.expertlane.bench.study;

import io.expertlane.bench.report.LineChart;
import io.expertlane.bench.scenario.LayerSimulation;
import io.expertlane.bench.scenario.Traffic;
import io.expertlane.bench.scenario.Traffic.Congestion;
import io.expertlane.nic.fabric.Network.Tier;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What a hot rank does to switches, and they to the flows of others. */
final class CongestionStudy {
    private static final String QUEUES = " --set fabric.switches.queues=true";
    private static final String LEAVES = " --set fabric.ranksPerLeaf=8";
    private static final String DEEP = " --queue-depth 256";
    private static final String SHALLOW = " --queue-depth 32";
    private static final String NO_PAUSE = " --set fabric.switches.pause.enabled=false --set fabric.switches.bufferBytes=1e9";
    private static final String LOSSY =
        " --set fabric.switches.pause.enabled=false --set fabric.switches.bufferBytes=4e6 --set nic.recovery.timeoutNanos=1e6";
    private static final String MARKING = " --set fabric.switches.marking.enabled=true";
    private static final String CONTROL = MARKING + " --set fabric.switches.rateControl.enabled=true";
    private static final String EARLY = " --set fabric.switches.marking.minBytes=1e5 --set fabric.switches.marking.maxBytes=4e5";
    private static final double[] SELECTIONS = {0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4};
    private static final int[] EXPERT_RATIOS = {1, 2, 4, 8, 16, 32};
    private static final int[] SENDERS = {1, 3, 7, 15, 31};
    private static final String HOT = "incast:2";
    private static final double BYTES_PER_KB = 1e3;
    private static final double PERCENT = 100;

    private final StudyRuns runs;
    private final StudyPage page;

    private CongestionStudy(final String name, final StudyRuns runs) {
        this.runs = runs;
        this.page = new StudyPage(name, "A hot rank, with and without pause and marking");
    }

    static StudyPage page(final String name, final StudyRuns runs) {
        final CongestionStudy study = new CongestionStudy(name, runs);
        study.introduction();
        study.storm();
        study.victims();
        study.marks();
        study.firstSigns();
        study.experiments();
        return study.page;
    }

    private LayerSimulation.Result of(final String routing, final String options) {
        return runs.of("--ep 32 --routing " + routing + LEAVES + options);
    }

    private static String incast(final double selections) {
        return "incast:" + (selections == Math.rint(selections) ? Long.toString((long) selections) : Double.toString(selections));
    }

    private static Traffic traffic(final LayerSimulation.Result result) {
        return result.dispatch().traffic();
    }

    private static Congestion network(final LayerSimulation.Result result) {
        return traffic(result).network();
    }

    private static double ratio(final LayerSimulation.Result result) {
        return result.load().rankMaxOverMean();
    }

    private static String format(final String format, final Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    private static String coldAndHot(final LayerSimulation.Result result) {
        return format("%.0f / %.0f", result.dispatch().latencyMicros().p50(), result.dispatch().latencyMicros().max());
    }

    private void introduction() {
        page.text("""
            The questions: what does token skew trigger in a RoCE network, pauses (PFC) or marks (ECN); who is paused; and who suffers? Dispatch in low-latency mode over the zero
            path, DeepSeek-V3 on 32 ranks of `h20-cx7-dual`, 128 tokens a rank, on four leaves of 8 ranks, so that most ways lead over the spine. With `--routing incast:N` every token
            selects N experts of rank 0 and 8 - N of other ranks: rank 0 is hot and gets 4 N times the mean load (`load.rankMaxOverMean`), all other ranks are cold and have the same load.
            Switches (`fabric.switches`): a link is paused when a switch holds more than 131 KB of what came over it (XOFF); a queue marks from 800 KB on (Kmin) up to 20 % at 3.2 MB (Kmax, Pmax);
            DCQCN as in the paper of 2015. Sources and limits of these values: `expertlane profile --schema`.""");
    }

    private void storm() {
        page.text("## 1. Pause storm");
        page.command("expertlane simulate --ep 32 --routing incast:N" + LEAVES + DEEP + QUEUES + " --json");
        final LineChart chart = new LineChart("Links paused at the same time (simulated), EP32, 64 NIC ports", "load of the hot rank over the mean", "links paused at once, most");
        final List<List<String>> rows = new ArrayList<>();
        for (final double selections : SELECTIONS) {
            final LayerSimulation.Result result = of(incast(selections), DEEP + QUEUES);
            final Congestion network = network(result);
            final List<String> row = new ArrayList<>(List.of(incast(selections).substring("incast:".length()), format("%.1f", ratio(result)), Long.toString(network.pauses())));
            for (final Tier tier : new Tier[] {Tier.SPINE_TO_LEAF, Tier.LEAF_TO_SPINE, Tier.NIC_TO_LEAF}) {
                final Traffic.PausedLinks paused = network.paused(tier);
                row.add(paused.pausedLinks() + " / " + paused.mostAtOnce() + " / " + format("%.0f", paused.pausedMicros()));
                chart.add(tier.name().toLowerCase(Locale.ROOT).replace('_', ' ').replace("nic", "NIC"), ratio(result), paused.mostAtOnce());
            }
            row.add(Long.toString(network(of(incast(selections), DEEP + QUEUES + NO_PAUSE)).pauses()));
            rows.add(row);
        }
        page.table(List.of("N", "load of hot rank", "pauses", "spine to leaf: links / at once / us", "leaf to spine", "NIC to leaf", "pauses without PFC"), rows);
        page.chart("storm", chart, "Links that are paused at the same time, by tier, over the load of the hot rank");
        page.text("""
            From `dispatch.traffic.network.paused`: links that were paused at all, the most at the same time, and the time they stood, summed over them. *Without PFC* are runs
            with `%s`.

            Pauses climb against the traffic: the hot rank's leaf fills and pauses the spine's links to it; the spine fills and pauses the other leaves; these pause the NICs. All other ranks
            send to the hot one, so the storm ends with nearly every port of every NIC standing, although only one port pair of 32 is overloaded.""".formatted(NO_PAUSE.strip()));
    }

    private void victims() {
        page.text("## 2. Head-of-line victims");
        page.command("expertlane simulate --ep 32 --routing incast:N" + LEAVES + " --queue-depth DEPTH" + QUEUES + " [...] --json");
        final Map<String, String> ways = new LinkedHashMap<>();
        ways.put("no PFC, endless buffer", DEEP + QUEUES + NO_PAUSE);
        ways.put("PFC", DEEP + QUEUES);
        ways.put("PFC, ECN, DCQCN", DEEP + QUEUES + CONTROL);
        ways.put("no PFC, 4 MB buffer, go-back-N", DEEP + QUEUES + LOSSY);
        ways.put("no PFC, send queues of 32", SHALLOW + QUEUES + NO_PAUSE);
        ways.put("PFC, send queues of 32", SHALLOW + QUEUES);
        final LineChart victims = new LineChart("Dispatch on a cold rank (simulated), EP32", "load of the hot rank over the mean", "median over ranks [us]");
        final LineChart worse = new LineChart("Dispatch on a cold rank (simulated), EP32", "load of the hot rank over the mean", "median over ranks [us]");
        final List<List<String>> rows = new ArrayList<>();
        ways.forEach((name, options) -> {
            for (final double selections : SELECTIONS) {
                final LayerSimulation.Result result = of(incast(selections), options);
                worse.add(name, ratio(result), result.dispatch().latencyMicros().p50());
                if (options.startsWith(DEEP) && !options.contains(LOSSY)) {
                    victims.add(name, ratio(result), result.dispatch().latencyMicros().p50());
                }
                if (selections == 1 || selections == 2) {
                    rows.add(victimRow(name, result));
                }
            }
        });
        page.table(List.of("network", "load of hot rank", "cold / hot rank [us]", "victims' flows, least [GB/s]", "median", "flows to hot rank, median", "NIC ports' pause [us]", "lost packets"), rows);
        page.chart("victim", victims, "Latency of dispatch on a cold rank over the load of the hot rank, with and without pause");
        page.text(victimWords());
        page.chart("victim-worse", worse, "The same with lost packets and with short send queues, which hurt more than pause does");
        page.text(ways.entrySet().stream().map(way -> "* " + way.getKey() + ": `" + way.getValue().strip() + "`").reduce("The options of each line:\n", (a, b) -> a + "\n" + b));
    }

    private static List<String> victimRow(final String name, final LayerSimulation.Result result) {
        final Traffic traffic = traffic(result);
        return List.of(name, format("%.1f", ratio(result)), coldAndHot(result), format("%.2f", traffic.toOthers().least()), format("%.2f", traffic.toOthers().median()),
            format("%.2f", traffic.toBusiest().median()), format("%.0f", traffic.network().paused(Tier.NIC_TO_LEAF).pausedMicros()), Long.toString(traffic.network().dropped()));
    }

    private String victimWords() {
        final LayerSimulation.Result free = of(HOT, DEEP + QUEUES + NO_PAUSE);
        final LayerSimulation.Result paused = of(HOT, DEEP + QUEUES);
        final LayerSimulation.Result shallow = of(HOT, SHALLOW + QUEUES + NO_PAUSE);
        final LayerSimulation.Result lossy = of(HOT, DEEP + QUEUES + LOSSY);
        final LayerSimulation.Result later = of(HOT, DEEP + QUEUES + LOSSY.replace("timeoutNanos=1e6", "timeoutNanos=2e6"));
        return format("""
            In a network without pause a cold rank is done early, and its latency even falls with N, because fewer rows go to it. What it takes longer is what it waits behind others.
            *Flows* are the bytes of rows from one rank to another over the time until the last of them is there (`traffic.toOthers`, `traffic.toBusiest`). The hot rank itself, the largest latency,
            is bound by its ports and the same with PFC and without.

            * **PFC** makes the victims' slowest flow %.1f times slower at 8 times the load (%.2f to %.2f GB/s), and a cold rank's dispatch %.0f %% longer: it needs the last row of the slowest flow.
            * That it is not worse is, as we read it, due to the queue pair for each expert: a NIC serves its queue pairs in turn, so rows to cold ranks are mostly sent before the storm. **The worse head of
              line is in software**: send queues of 32 elements make a rank that posts its tokens in order wait for the hot expert's queue. Then a cold rank takes %.0f instead of %.0f us without
              a single pause. Send queues of 256, deeper than a rank has tokens, cure it. At 4 times the mean load nothing of this is seen.
            * **Without PFC and with shallow buffers** packets are lost and sent again. Cold ranks then take %.0f us, and %.0f us if the timeout is 2 ms instead of 1 (by default it is 67): what is lost
              at the end of a flow is only noticed by the timeout.""",
            traffic(free).toOthers().least() / traffic(paused).toOthers().least(), traffic(free).toOthers().least(), traffic(paused).toOthers().least(),
            PERCENT * (paused.dispatch().latencyMicros().p50() / free.dispatch().latencyMicros().p50() - 1), shallow.dispatch().latencyMicros().p50(),
            free.dispatch().latencyMicros().p50(), lossy.dispatch().latencyMicros().p50(), later.dispatch().latencyMicros().p50());
    }

    private void marks() {
        page.text("""
            ## 3. Marks against skew

            Marking alone, without rate control, so that marks only count. `max-mean:R` is the skew of a gate: Zipf, the likeliest expert has R times the mean load.""");
        page.command("expertlane simulate --ep 32 --routing ROUTING" + LEAVES + DEEP + QUEUES + MARKING + " [" + EARLY.strip() + "] --json");
        final LineChart chart = new LineChart("Packets marked in dispatch (simulated), EP32", "load of the busiest rank over the mean", "packets marked [%]");
        final List<List<String>> rows = new ArrayList<>();
        for (final double selections : SELECTIONS) {
            rows.add(markRow(incast(selections), "incast", chart));
        }
        for (final int ratio : EXPERT_RATIOS) {
            rows.add(markRow("max-mean:" + ratio, "max-mean", chart));
        }
        page.table(List.of("routing", "load of busiest rank", "marked, Kmin 800 KB [%]", "marked, Kmin 100 KB [%]", "pauses", "longest queue [KB]"), rows);
        page.chart("marks", chart, "Share of packets marked over the load of the busiest rank");
        page.text("""
            At an even load nothing queues for long and nothing is marked. With one hot rank the share of marked packets grows with its load (with the early Kmin nearly in proportion, with the late one from twice the mean load on), because it is the share of packets that pass
            its leaf's queues. A gate's skew (`max-mean`) spreads over more ranks: many queues of some 100 KB, so many marks with an early Kmin, and few with Kmin at 800 KB. Its longest queue is
            shorter, since pause bounds a queue to XOFF times the links that its packets come over: with `incast` 32 links from the spine and 7 from NICs, 39 x 153 KB (the most held of one in the next section) = 6.0 MB, above the 5.5 MB seen; the rows
            of one expert come over one queue pair a sender, so over fewer links.""");
    }

    private List<String> markRow(final String routing, final String name, final LineChart chart) {
        final LayerSimulation.Result late = of(routing, DEEP + QUEUES + MARKING);
        final LayerSimulation.Result early = of(routing, DEEP + QUEUES + MARKING + EARLY);
        chart.add(name + ", Kmin 800 KB", ratio(late), PERCENT * network(late).markedShare());
        chart.add(name + ", Kmin 100 KB", ratio(early), PERCENT * network(early).markedShare());
        return List.of("`" + routing + "`", format("%.2f", ratio(late)), format("%.2f", PERCENT * network(late).markedShare()),
            format("%.2f", PERCENT * network(early).markedShare()), Long.toString(network(late).pauses()), format("%.0f", network(late).mostQueuedBytes() / BYTES_PER_KB));
    }

    private void firstSigns() {
        page.text("""
            ## Which comes first

            Pause looks at what came over one link, marking at the queue before one link. S senders to one port share its queue: it is S times as long as what each of them has there. So with fewer than
            800 / 131 = 6 senders to a port pause keeps the queue too short to be marked. Every rank but the hot one sends it all its
            tokens here (`incast:8`), on one leaf:""");
        page.command("expertlane simulate --ep S+1 --routing incast:8" + DEEP + QUEUES + MARKING + " --json");
        final List<List<String>> rows = new ArrayList<>();
        for (final int senders : SENDERS) {
            final Congestion network = network(runs.of("--ep " + (senders + 1) + " --routing incast:8" + DEEP + QUEUES + MARKING));
            rows.add(List.of(Integer.toString(senders), Long.toString(network.pauses()), Long.toString(network.marked()), format("%.2f", PERCENT * network.markedShare()),
                format("%.0f", network.mostHeldBytes() / BYTES_PER_KB), format("%.0f", network.mostQueuedBytes() / BYTES_PER_KB)));
        }
        page.table(List.of("senders S", "pauses", "marked", "marked [%]", "most held of a link [KB]", "longest queue [KB]"), rows);
        page.text("""
            One sender cannot overload a port of its own rate. With three, pauses and not one mark; from seven on, both; the longest queue is about 144 KB a sender. So token skew on a large expert-parallel group triggers marks
            and pauses; on one of four only pauses, and DCQCN is blind to it unless Kmin is set below XOFF times the number of senders.""");
    }

    private void experiments() {
        page.text("""
            ## One constant at a time

            PFC, ECN and DCQCN at 8 times the mean load (`incast:2`), and what one other value changes:""");
        page.command("expertlane simulate --ep 32 --routing incast:2" + LEAVES + DEEP + QUEUES + CONTROL + " [...] --json");
        final Map<String, String> changes = new LinkedHashMap<>();
        changes.put("as above", "");
        changes.put("marks from 100 to 400 KB on", EARLY);
        changes.put("marks as steep: Pmax 1", " --set fabric.switches.marking.maxProbability=1");
        changes.put("a notification every 4 us, not 50", " --set fabric.switches.rateControl.noticeNanos=4000");
        changes.put("ways 10 times as long: links of 500 ns", " --set fabric.linkNanos=500");
        changes.put("XOFF 4 times as high", " --set fabric.switches.pause.xoffBytes=524288 --set fabric.switches.pause.xonBytes=520000");
        final List<List<String>> rows = new ArrayList<>();
        changes.forEach((name, change) -> {
            rows.add(experiment(name + (change.isEmpty() ? "" : ": `" + change.strip() + "`"), of(HOT, DEEP + QUEUES + CONTROL + change)));
        });
        rows.add(experiment("without DCQCN: rate control not enabled", of(HOT, DEEP + QUEUES + MARKING)));
        page.table(List.of("what", "cold / hot rank [us]", "marked [%]", "notifications", "pauses", "NIC ports' pause [us]"), rows);
        page.text(experimentWords());
    }

    private static List<String> experiment(final String name, final LayerSimulation.Result result) {
        final Congestion network = network(result);
        return List.of(name, coldAndHot(result), format("%.2f", PERCENT * network.markedShare()), Long.toString(network.notifications()),
            Long.toString(network.pauses()), format("%.0f", network.paused(Tier.NIC_TO_LEAF).pausedMicros()));
    }

    private String experimentWords() {
        final LayerSimulation.Result without = of(HOT, DEEP + QUEUES + MARKING);
        final LayerSimulation.Result with = of(HOT, DEEP + QUEUES + CONTROL);
        return format("""
            **A dispatch is over before DCQCN has settled**, as we read it: notifications come 50 us apart, rates recover in steps of 55 us, and the whole call takes %.0f us without it. Rate control saves the
            cold ranks %.0f us, but the hot rank takes %.0f %% longer: rates that were cut while all flows met do not come back in time. Marking earlier or more makes both effects larger. A higher XOFF
            frees the cold ranks, since queues hold more before anything is paused, but costs buffer. Why longer ways halve the pauses was not examined. What a lossless low-latency exchange needs is not
            slower senders but fewer rows for one rank: replicas of hot experts (`LoadPlanner`).""",
            without.dispatch().latencyMicros().max(), without.dispatch().latencyMicros().p50() - with.dispatch().latencyMicros().p50(),
            PERCENT * (with.dispatch().latencyMicros().max() / without.dispatch().latencyMicros().max() - 1));
    }
}

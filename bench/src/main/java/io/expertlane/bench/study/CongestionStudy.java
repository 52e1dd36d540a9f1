package io.expertlane.bench.study;

import static io.expertlane.bench.study.Words.format;
import static io.expertlane.bench.study.Words.item;
import static io.expertlane.bench.study.Words.list;
import static io.expertlane.bench.study.Words.longer;
import static io.expertlane.bench.study.Words.paragraph;
import static io.expertlane.bench.study.Words.when;

import io.expertlane.bench.report.LineChart;
import io.expertlane.bench.scenario.LayerSimulation;
import io.expertlane.bench.scenario.Traffic;
import io.expertlane.bench.scenario.Traffic.Congestion;
import io.expertlane.nic.fabric.Network.Tier;
import io.expertlane.nic.profile.SwitchProfile;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/** What a hot rank does to switches, and they to the flows of others. */
final class CongestionStudy {
    private static final String QUEUES = " --set fabric.switches.queues=true";
    private static final String LEAVES = " --set fabric.ranksPerLeaf=8";
    private static final String DEEP = " --queue-depth 256";
    private static final String SHALLOW = " --queue-depth 32";
    private static final String NO_PAUSE =
        " --set fabric.switches.pause.enabled=false --set fabric.switches.bufferBytes=1e9";
    private static final String LOSSY =
        " --set fabric.switches.pause.enabled=false --set fabric.switches.bufferBytes=4e6 --set "
        + "nic.recovery.timeoutNanos=1e6";
    private static final String MARKING = " --set fabric.switches.marking.enabled=true";
    private static final String CONTROL = MARKING + " --set fabric.switches.rateControl.enabled=true";
    private static final String EARLY =
        " --set fabric.switches.marking.minBytes=1e5 --set fabric.switches.marking.maxBytes=4e5";
    private static final String STEEP = " --set fabric.switches.marking.maxProbability=1";
    private static final String LONG = " --set fabric.linkNanos=500";
    private static final String HIGH =
        " --set fabric.switches.pause.xoffBytes=524288 --set fabric.switches.pause.xonBytes=520000";
    private static final double[] SELECTIONS = {0.25, 0.5, 0.75, 1, 1.5, 2, 3, 4};
    private static final int[] EXPERT_RATIOS = {1, 2, 4, 8, 16, 32};
    private static final int[] SENDERS = {1, 3, 7, 15, 31};
    private static final String HOT = "incast:2";
    private static final String MILD = "incast:1";
    /** Less than this is no difference. */
    private static final double SAME = 0.02;
    private static final double BYTES_PER_KB = 1e3;
    private static final double PERCENT = 100;
    private static final double NANOS_PER_MICRO = 1e3;
    /** Of the longer timeout of two: it is waited for if it costs more than this. */
    private static final double HALF_TIMEOUT_MICROS = 500;

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
        return "incast:" + (selections == Math.rint(selections) ? Long.toString((long) selections)
            : Double.toString(selections));
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
        final LineChart chart = new LineChart("Links paused at the same time (simulated), EP32, 64 NIC ports",
            "load of the hot rank over the mean", "links paused at once, most");
        final List<List<String>> rows = new ArrayList<>();
        for (final double selections : SELECTIONS) {
            final LayerSimulation.Result result = of(incast(selections), DEEP + QUEUES);
            final Congestion network = network(result);
            final List<String> row = new ArrayList<>(List.of(incast(selections).substring("incast:".length()),
                format("%.1f", ratio(result)), Long.toString(network.pauses())));
            for (final Tier tier : new Tier[] {Tier.SPINE_TO_LEAF, Tier.LEAF_TO_SPINE, Tier.NIC_TO_LEAF}) {
                final Traffic.PausedLinks paused = network.paused(tier);
                row.add(paused.pausedLinks() + " / " + paused.mostAtOnce() + " / "
                    + format("%.0f", paused.pausedMicros()));
                chart.add(tier.name().toLowerCase(Locale.ROOT).replace('_', ' ').replace("nic", "NIC"), ratio(result),
                    paused.mostAtOnce());
            }
            row.add(Long.toString(network(of(incast(selections), DEEP + QUEUES + NO_PAUSE)).pauses()));
            rows.add(row);
        }
        page.table(List.of("N", "load of hot rank", "pauses", "spine to leaf: links / at once / us", "leaf to spine",
            "NIC to leaf", "pauses without PFC"), rows);
        page.chart("storm", chart, "Links that are paused at the same time, by tier, over the load of the hot rank");
        page.text("""
            From `dispatch.traffic.network.paused`: links that were paused at all, the most at the same time, and the time they stood, summed over them. *Without PFC* are runs
            with `%s`.""".formatted(NO_PAUSE.strip()));
        page.text(stormWords());
    }

    private String stormWords() {
        final double leaf = firstPause(Tier.SPINE_TO_LEAF);
        final double spine = firstPause(Tier.LEAF_TO_SPINE);
        final LayerSimulation.Result hottest = of(incast(SELECTIONS[SELECTIONS.length - 1]), DEEP + QUEUES);
        final int ports = hottest.shape().ranks() * hottest.parameters().nic().ports();
        final int standing = network(hottest).paused(Tier.NIC_TO_LEAF).mostAtOnce();
        return paragraph(when(leaf < spine,
                "Pauses climb against the traffic: the hot rank's leaf fills and pauses the spine's links to it (from "
                + "%.1f times the mean load on) and its own NICs;", leaf),
            when(leaf < spine && spine < Double.MAX_VALUE,
            "then the spine fills and pauses the other leaves (from %.1f on), and these pause their NICs.", spine),
            format("At %.1f times the mean load %d of %d NIC ports stand at the same time, although one port pair of "
            + "%d is overloaded.", ratio(hottest), standing, ports,
                hottest.shape().ranks()));
    }

    /** The least load of the hot rank at which links of a tier are paused; more than any if they never are. */
    private double firstPause(final Tier tier) {
        for (final double selections : SELECTIONS) {
            final LayerSimulation.Result result = of(incast(selections), DEEP + QUEUES);
            if (network(result).paused(tier).pausedLinks() > 0) {
                return ratio(result);
            }
        }
        return Double.MAX_VALUE;
    }

    private void victims() {
        page.text("## 2. Head-of-line victims");
        page.command("expertlane simulate --ep 32 --routing incast:N" + LEAVES + " --queue-depth DEPTH" + QUEUES
            + " [...] --json");
        final Map<String, String> ways = new LinkedHashMap<>();
        ways.put("no PFC, endless buffer", DEEP + QUEUES + NO_PAUSE);
        ways.put("PFC", DEEP + QUEUES);
        ways.put("PFC, ECN, DCQCN", DEEP + QUEUES + CONTROL);
        ways.put("no PFC, 4 MB buffer, go-back-N", DEEP + QUEUES + LOSSY);
        ways.put("no PFC, send queues of 32", SHALLOW + QUEUES + NO_PAUSE);
        ways.put("PFC, send queues of 32", SHALLOW + QUEUES);
        final LineChart victims = new LineChart("Dispatch on a cold rank (simulated), EP32",
            "load of the hot rank over the mean", "median over ranks [us]");
        final LineChart worse = new LineChart("Dispatch on a cold rank (simulated), EP32",
            "load of the hot rank over the mean", "median over ranks [us]");
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
        page.table(List.of("network", "load of hot rank", "cold / hot rank [us]", "victims' flows, least [GB/s]",
            "median", "flows to hot rank, median", "NIC ports' pause [us]", "lost packets"), rows);
        page.chart("victim", victims,
            "Latency of dispatch on a cold rank over the load of the hot rank, with and without pause");
        page.text(victimWords());
        page.chart("victim-worse", worse, "The same with lost packets and with short send queues");
        page.text(ways.entrySet().stream().map(way -> "* " + way.getKey() + ": `" + way.getValue().strip() + "`")
            .reduce("The options of each line:\n", (a, b) -> a + "\n" + b));
    }

    private static List<String> victimRow(final String name, final LayerSimulation.Result result) {
        final Traffic traffic = traffic(result);
        return List.of(name, format("%.1f", ratio(result)), coldAndHot(result),
            format("%.2f", traffic.toOthers().least()), format("%.2f", traffic.toOthers().median()),
            format("%.2f", traffic.toBusiest().median()),
            format("%.0f", traffic.network().paused(Tier.NIC_TO_LEAF).pausedMicros()),
            Long.toString(traffic.network().dropped()));
    }

    private String victimWords() {
        final LayerSimulation.Result free = of(HOT, DEEP + QUEUES + NO_PAUSE);
        final LayerSimulation.Result milder = of(incast(SELECTIONS[0]), DEEP + QUEUES + NO_PAUSE);
        final double apart = Arrays.stream(SELECTIONS)
            .map(selections -> Math.abs(1 - hot(of(incast(selections), DEEP + QUEUES))
            / hot(of(incast(selections), DEEP + QUEUES + NO_PAUSE)))).max().orElseThrow();
        return paragraph(
            format("In a network without pause a cold rank takes %.0f us at %.1f times the mean load and %.0f us at "
            + "%.1f times%s.", cold(milder), ratio(milder),
                cold(free), ratio(free),
                when(cold(free) < cold(milder),
                ", because fewer rows go to it; what it takes longer with pause is what it waits behind others")),
            "*Flows* are the bytes of rows from one rank to another over the time until the last of them is there "
            + "(`traffic.toOthers`, `traffic.toBusiest`).",
            when(apart < SAME, "The hot rank itself, the largest latency, is bound by its ports: with PFC and without, "
            + "it takes the same within %.1f %%.", PERCENT * apart))
            + "\n\n" + list(pauseWords(free), queueWords(free), lossWords(free));
    }

    private String pauseWords(final LayerSimulation.Result free) {
        final LayerSimulation.Result paused = of(HOT, DEEP + QUEUES);
        final double freely = traffic(free).toOthers().least();
        final double pausedly = traffic(paused).toOthers().least();
        return item(format("**PFC** makes a cold rank's dispatch %s at %.1f times the mean load;",
            longer(cold(paused) / cold(free)), ratio(paused)),
            format("the victims' slowest flow, whose last row it needs, has %.2f GB/s and %.2f without.", pausedly,
            freely));
    }

    private String queueWords(final LayerSimulation.Result free) {
        final LayerSimulation.Result paused = of(HOT, DEEP + QUEUES);
        final LayerSimulation.Result shallow = of(HOT, SHALLOW + QUEUES + NO_PAUSE);
        final boolean worse = cold(shallow) > cold(paused);
        final double mild = cold(of(MILD, SHALLOW + QUEUES + NO_PAUSE)) / cold(of(MILD, DEEP + QUEUES + NO_PAUSE));
        return item(when(worse, "**The worse head of line is in software**:"),
            "send queues of 32 elements make a rank that posts its tokens in order wait for the hot expert's queue.",
            format("With them a cold rank takes %.0f instead of %.0f us%s.", cold(shallow), cold(free),
            when(network(shallow).pauses() == 0, " without a single pause")),
            when(worse, "Send queues of 256, deeper than a rank has tokens, cure it."),
            when(worse && Math.abs(mild - 1) < SAME, "At half of that load nothing of this is seen."));
    }

    private String lossWords(final LayerSimulation.Result free) {
        final LayerSimulation.Result lossy = of(HOT, DEEP + QUEUES + LOSSY);
        final LayerSimulation.Result later = of(HOT, DEEP + QUEUES
            + LOSSY.replace("timeoutNanos=1e6", "timeoutNanos=2e6"));
        final boolean waits = cold(later) - cold(lossy) > HALF_TIMEOUT_MICROS;
        return item(when(network(lossy).dropped() > 0,
            "**Without PFC and with shallow buffers** %d packets are lost and sent again.", network(lossy).dropped()),
            format("Cold ranks then take %.0f us (%.0f us in the endless buffer), and %.0f us if the timeout is 2 ms "
            + "instead of 1 (by default it is 67)%s.", cold(lossy),
                cold(free), cold(later), when(waits,
                ": what is lost at the end of a flow is only noticed by the timeout")));
    }

    private static double cold(final LayerSimulation.Result result) {
        return result.dispatch().latencyMicros().p50();
    }

    private static double hot(final LayerSimulation.Result result) {
        return result.dispatch().latencyMicros().max();
    }

    private void marks() {
        page.text("""
            ## 3. Marks against skew

            Marking alone, without rate control, so that marks only count. `max-mean:R` is the skew of a gate: Zipf, the likeliest expert has R times the mean load.""");
        page.command("expertlane simulate --ep 32 --routing ROUTING" + LEAVES + DEEP + QUEUES + MARKING + " ["
            + EARLY.strip() + "] --json");
        final LineChart chart = new LineChart("Packets marked in dispatch (simulated), EP32",
            "load of the busiest rank over the mean", "packets marked [%]");
        final List<List<String>> rows = new ArrayList<>();
        for (final double selections : SELECTIONS) {
            rows.add(markRow(incast(selections), "incast", chart));
        }
        for (final int ratio : EXPERT_RATIOS) {
            rows.add(markRow("max-mean:" + ratio, "max-mean", chart));
        }
        page.table(List.of("routing", "load of busiest rank", "marked, Kmin 800 KB [%]", "marked, Kmin 100 KB [%]",
            "pauses", "longest queue [KB]"), rows);
        page.chart("marks", chart, "Share of packets marked over the load of the busiest rank");
        page.text(markWords());
    }

    private String markWords() {
        final double[] late = Arrays.stream(SELECTIONS).map(selections -> marked(incast(selections), "")).toArray();
        final double[] early = Arrays.stream(SELECTIONS).map(selections -> marked(incast(selections), EARLY)).toArray();
        final String skewed = "max-mean:" + EXPERT_RATIOS[EXPERT_RATIOS.length - 1];
        final LayerSimulation.Result gate = of(skewed, DEEP + QUEUES + MARKING);
        final LayerSimulation.Result rank = of(HOT, DEEP + QUEUES + MARKING);
        final boolean broader = marked(skewed, EARLY) > marked(HOT, EARLY) && marked(skewed, "") < marked(HOT, "");
        final double gateQueue = network(gate).mostQueuedBytes() / BYTES_PER_KB;
        final double rankQueue = network(rank).mostQueuedBytes() / BYTES_PER_KB;
        return paragraph(when(marked("max-mean:1", "") == 0, "At an even load nothing is marked with Kmin at 800 KB."),
            when(rises(late) && rises(early), "With one hot rank the share of marked packets grows with its load,"
                + " from %.2f to %.2f %% with Kmin at 800 KB and from %.2f to %.2f %% at 100 KB.",
                PERCENT * late[0], PERCENT * late[late.length - 1], PERCENT * early[0],
                PERCENT * early[early.length - 1]),
            format("A gate's skew (`%s`, %.1f times the mean load on the busiest rank) gets %.1f %% of packets marked "
            + "with the early Kmin and %.1f %% with the late one,",
                skewed, ratio(gate), PERCENT * marked(skewed, EARLY), PERCENT * marked(skewed, "")),
            format("one hot rank (`%s`, %.1f times) %.1f and %.1f %%%s; the longest queues are %.0f and %.0f KB.", HOT,
            ratio(rank), PERCENT * marked(HOT, EARLY),
                PERCENT * marked(HOT, ""),
                when(broader, ": the gate's skew spreads over more ranks and makes many short queues"), gateQueue,
                rankQueue));
    }

    private double marked(final String routing, final String options) {
        return network(of(routing, DEEP + QUEUES + MARKING + options)).markedShare();
    }

    private static boolean rises(final double[] values) {
        return IntStream.range(1, values.length).allMatch(i -> values[i] >= values[i - 1]);
    }

    private List<String> markRow(final String routing, final String name, final LineChart chart) {
        final LayerSimulation.Result late = of(routing, DEEP + QUEUES + MARKING);
        final LayerSimulation.Result early = of(routing, DEEP + QUEUES + MARKING + EARLY);
        chart.add(name + ", Kmin 800 KB", ratio(late), PERCENT * network(late).markedShare());
        chart.add(name + ", Kmin 100 KB", ratio(early), PERCENT * network(early).markedShare());
        return List.of("`" + routing + "`", format("%.2f", ratio(late)),
            format("%.2f", PERCENT * network(late).markedShare()),
            format("%.2f", PERCENT * network(early).markedShare()), Long.toString(network(late).pauses()),
            format("%.0f", network(late).mostQueuedBytes() / BYTES_PER_KB));
    }

    private void firstSigns() {
        final SwitchProfile switches = ofSenders(SENDERS[0]).parameters().fabric().switches();
        page.text("## Which comes first");
        page.text(paragraph("Pause looks at what came over one link, marking at the queue before one link.",
            "S senders to one port share its queue: it is S times as long as what each of them has there.",
            format("So with fewer than %.0f / %.0f = %.0f senders to a port pause keeps the queue too short to be "
            + "marked.", switches.marking().minBytes() / BYTES_PER_KB,
                switches.pause().xoffBytes() / BYTES_PER_KB,
                switches.marking().minBytes() / switches.pause().xoffBytes()),
            "Every rank but the hot one sends it all its tokens here (`incast:8`), on one leaf:"));
        page.command("expertlane simulate --ep S+1 --routing incast:8" + DEEP + QUEUES + MARKING + " --json");
        final List<List<String>> rows = new ArrayList<>();
        for (final int senders : SENDERS) {
            final Congestion network = network(ofSenders(senders));
            rows.add(List.of(Integer.toString(senders), Long.toString(network.pauses()),
                Long.toString(network.marked()), format("%.2f", PERCENT * network.markedShare()),
                format("%.0f", network.mostHeldBytes() / BYTES_PER_KB),
                format("%.0f", network.mostQueuedBytes() / BYTES_PER_KB)));
        }
        page.table(List.of("senders S", "pauses", "marked", "marked [%]", "most held of a link [KB]",
            "longest queue [KB]"), rows);
        page.text(signWords());
    }

    private LayerSimulation.Result ofSenders(final int senders) {
        return runs.of("--ep " + (senders + 1) + " --routing incast:8" + DEEP + QUEUES + MARKING);
    }

    private String signWords() {
        final String calm = senders(network -> network.pauses() == 0 && network.marked() == 0);
        final String blind = senders(network -> network.pauses() > 0 && network.marked() == 0);
        final String seen = senders(network -> network.pauses() > 0 && network.marked() > 0);
        return paragraph(when(!calm.isEmpty(), "With S = %s there are neither pauses nor marks.", calm),
            when(!blind.isEmpty(), "With S = %s there are pauses and not one mark: DCQCN is blind to the skew there,"
                + " unless Kmin is set below XOFF times the number of senders.", blind),
            when(!seen.isEmpty(), "With S = %s there are both.", seen));
    }

    private String senders(final Predicate<Congestion> sign) {
        return Arrays.stream(SENDERS).filter(senders -> sign.test(network(ofSenders(senders))))
            .mapToObj(Integer::toString).collect(Collectors.joining(", "));
    }

    private void experiments() {
        page.text("""
            ## One constant at a time

            PFC, ECN and DCQCN at 8 times the mean load (`incast:2`), and what one other value changes:""");
        page.command("expertlane simulate --ep 32 --routing incast:2" + LEAVES + DEEP + QUEUES + CONTROL
            + " [...] --json");
        final Map<String, String> changes = new LinkedHashMap<>();
        changes.put("as above", "");
        changes.put("marks from 100 to 400 KB on", EARLY);
        changes.put("marks as steep: Pmax 1", STEEP);
        changes.put("a notification every 4 us, not 50", " --set fabric.switches.rateControl.noticeNanos=4000");
        changes.put("ways 10 times as long: links of 500 ns", LONG);
        changes.put("XOFF 4 times as high", HIGH);
        final List<List<String>> rows = new ArrayList<>();
        changes.forEach((name, change) -> {
            rows.add(experiment(name + (change.isEmpty() ? "" : ": `" + change.strip() + "`"),
                of(HOT, DEEP + QUEUES + CONTROL + change)));
        });
        rows.add(experiment("without DCQCN: rate control not enabled", of(HOT, DEEP + QUEUES + MARKING)));
        page.table(List.of("what", "cold / hot rank [us]", "marked [%]", "notifications", "pauses",
            "NIC ports' pause [us]"), rows);
        page.text(experimentWords());
    }

    private static List<String> experiment(final String name, final LayerSimulation.Result result) {
        final Congestion network = network(result);
        return List.of(name, coldAndHot(result), format("%.2f", PERCENT * network.markedShare()),
            Long.toString(network.notifications()),
            Long.toString(network.pauses()), format("%.0f", network.paused(Tier.NIC_TO_LEAF).pausedMicros()));
    }

    private String experimentWords() {
        final LayerSimulation.Result without = of(HOT, DEEP + QUEUES + MARKING);
        final LayerSimulation.Result with = of(HOT, DEEP + QUEUES + CONTROL);
        final LayerSimulation.Result early = of(HOT, DEEP + QUEUES + CONTROL + EARLY);
        final LayerSimulation.Result steep = of(HOT, DEEP + QUEUES + CONTROL + STEEP);
        final LayerSimulation.Result high = of(HOT, DEEP + QUEUES + CONTROL + HIGH);
        final double pauses = (double) network(of(HOT, DEEP + QUEUES + CONTROL + LONG)).pauses() / network(with)
            .pauses();
        final SwitchProfile.RateControl control = with.parameters().fabric().switches().rateControl();
        return paragraph(format("With rate control a cold rank takes %s (%.0f us, not %.0f) and the hot one %s.",
            longer(cold(with) / cold(without)), cold(with), cold(without),
                longer(hot(with) / hot(without))),
            when(hot(with) > (1 + SAME) * hot(without),
                "**A dispatch is over before DCQCN has settled**, as we read it: notifications come %.0f us apart, "
                + "rates recover in steps of %.0f us,"
                    + " and the whole call takes %.0f us without it.",
                control.noticeNanos() / NANOS_PER_MICRO, control.increaseTimerNanos() / NANOS_PER_MICRO, hot(without)),
            when(Math.max(cold(early), cold(steep)) < cold(with) && Math.min(hot(early), hot(steep)) > hot(with),
            "Marking earlier or more makes both effects larger."),
            when(cold(high) < cold(with),
            "With the higher XOFF cold ranks take %s, at the price of buffer: a switch holds up to %.0f KB of a link, "
            + "not %.0f.",
                longer(cold(high) / cold(with)), network(high).mostHeldBytes() / BYTES_PER_KB,
                network(with).mostHeldBytes() / BYTES_PER_KB),
            when(Math.abs(pauses - 1) > SAME, "Longer ways make pauses %.1f times as many; why was not examined.",
            pauses),
            when(hot(with) >= hot(without),
                "What a lossless low-latency exchange needs is not slower senders but fewer rows for one rank: "
                + "replicas of hot experts (`LoadPlanner`)."));
    }
}

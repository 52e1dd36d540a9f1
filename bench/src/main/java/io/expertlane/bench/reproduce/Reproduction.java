package io.expertlane.bench.reproduce;

import io.expertlane.bench.report.LineChart;
import io.expertlane.bench.results.AtomicFile;
import io.expertlane.kernel.moe.RoutingSource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;

/**
 * The source paper's claims beside what is simulated on the configurations they were made on; as a page with charts.
 */
public final class Reproduction {
    private static final String PAGE = "reproduction.md";
    private static final String IMAGES = "images";

    private final List<Claim.Outcome> outcomes;
    private final boolean recorded;

    /**
     * A row of the result.
     *
     * @param figure        the claim's name
     * @param what          what is claimed
     * @param paperLow      smallest published figure
     * @param paperHigh     largest published figure
     * @param simulatedLow  smallest simulated figure
     * @param simulatedHigh largest simulated figure
     * @param unit          of all four
     * @param within        how many simulated points lie in the published range
     * @param inside        whether the ranges overlap, and what else is claimed holds
     * @param configuration what was simulated
     * @param remark        why it is outside, or what being inside does not show
     */
    public record Row(String figure, String section, String what, double paperLow, double paperHigh,
        double simulatedLow, double simulatedHigh, String unit,
                      String within, boolean inside, String configuration, String remark) {
    }

    private Reproduction(final List<Claim.Outcome> outcomes, final boolean recorded) {
        this.outcomes = outcomes;
        this.recorded = recorded;
    }

    /** Names of the claims. */
    public static List<String> figures() {
        return PaperClaims.all().stream().map(Claim::id).toList();
    }

    /**
     * Simulates claims.
     *
     * @param figure   name of one, or null for all
     * @param recorded choices of a real gate, or null
     * @param progress told what is simulated next
     */
    public static Reproduction of(final String figure, final RoutingSource recorded, final Consumer<String> progress) {
        final ClaimRuns runs = new ClaimRuns(recorded, progress);
        return new Reproduction(PaperClaims.all().stream().filter(claim -> figure == null || claim.id().equals(figure))
            .map(claim -> claim.simulate(runs)).toList(),
            recorded != null);
    }

    /** The result as rows. */
    public List<Row> rows() {
        return outcomes.stream().map(outcome -> {
            final Claim claim = outcome.claim();
            return new Row(claim.id(), claim.section(), claim.what(), claim.paperLow(), claim.paperHigh(),
                outcome.low(), outcome.high(), claim.unit(),
                outcome.within(), outcome.inside(), claim.configuration(), claim.remark());
        }).toList();
    }

    /** Writes the page and, in a folder beside it, a chart of each claim as SVG and PNG. */
    public void write(final Path folder) throws IOException {
        final Path images = Files.createDirectories(folder.resolve(IMAGES));
        for (final Claim.Outcome outcome : outcomes) {
            final LineChart chart = chart(outcome);
            chart.writeSvg(images.resolve(image(outcome) + ".svg"));
            chart.writePng(images.resolve(image(outcome) + ".png"));
        }
        final byte[] page = page().getBytes(StandardCharsets.UTF_8);
        AtomicFile.write(folder.resolve(PAGE), channel -> {
            final ByteBuffer bytes = ByteBuffer.wrap(page);
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        });
    }

    private static String image(final Claim.Outcome outcome) {
        return "reproduction-" + outcome.claim().id();
    }

    private static LineChart chart(final Claim.Outcome outcome) {
        final Claim claim = outcome.claim();
        final LineChart chart = new LineChart(claim.id() + " (simulated), section " + claim.section(), claim.xTitle(),
            claim.unit());
        for (final Claim.Point point : outcome.points()) {
            chart.add(point.series(), point.x(), point.value());
        }
        return claim.paperLow() == claim.paperHigh() ? chart.level("published", claim.paperLow())
            : chart.level("published, lowest", claim.paperLow()).level("published, highest", claim.paperHigh());
    }

    private String page() {
        final StringBuilder page = new StringBuilder("""
            # The source paper, reproduced

            Written by `expertlane reproduce --out docs`; do not edit. All figures are **simulated**. Each claim is run on the configuration that the paper states and,
            for what it leaves open, the one that DeepEP ships: one source port, 24 SMs, a channel for two SMs, chunks of 16 tokens (32 where the CPU
            posts, the largest that its tests try), rings of 128, one queue pair an expert in low-latency mode. One parameter set a cluster, fitted on published measurements (cluster-model.md). *Overlap*: the simulated range overlaps the
            published one, rounded figures standing for all that round to them. That says little where the simulated range is wide: the last column counts the points.

            Configurations were revised with the published figures in view (decisions/0601), and two effects are put in rather than found: the 10 us of single-rail and cross-rail.
            What is said about causes is a reading of the model unless an experiment is named with it.

            """);
        page.append("Gate: ").append(recorded ? "recorded choices of DeepSeek-V2-Lite where a real one is claimed"
            : "Zipf where a real one is claimed")
            .append(", else uniform. ").append(outcomes.stream().filter(Claim.Outcome::inside).count()).append(" of ")
            .append(outcomes.size())
            .append(" claims overlap.\n\n| figure | section | claim | paper | simulated | overlap | points in the "
            + "published range |\n|---|---|---|---|---|---|---|\n");
        for (final Claim.Outcome outcome : outcomes) {
            final Claim claim = outcome.claim();
            page.append("| [").append(claim.id()).append("](#").append(claim.id()).append(") | ")
                .append(claim.section()).append(" | ").append(claim.what())
                .append(" | ").append(range(claim.paperLow(), claim.paperHigh(), claim.unit())).append(" | ")
                .append(range(outcome.low(), outcome.high(), claim.unit())).append(" | ")
                .append(outcome.inside() ? "yes" : "**no**").append(" | ").append(outcome.within()).append(" |\n");
        }
        for (final Claim.Outcome outcome : outcomes) {
            section(outcome, page);
        }
        return page.toString();
    }

    private static void section(final Claim.Outcome outcome, final StringBuilder page) {
        final Claim claim = outcome.claim();
        page.append("\n## ").append(claim.id()).append("\n\nClaim (section ").append(claim.section()).append("): ")
            .append(claim.what()).append(", ")
            .append(range(claim.paperLow(), claim.paperHigh(), claim.unit())).append(".\nSimulated: ")
            .append(claim.configuration()).append(". `expertlane reproduce --figure ")
            .append(claim.id()).append("`\n\n");
        if (!claim.remark().isEmpty()) {
            page.append(claim.remark()).append("\n\n");
        }
        page.append("| series | ").append(claim.xTitle()).append(" | simulated [").append(claim.unit())
            .append("] |\n|---|---|---|\n");
        for (final Claim.Point point : outcome.points()) {
            page.append("| ").append(point.series()).append(point.counted() ? "" : " (not counted)").append(" | ")
                .append((long) point.x()).append(" | ")
                .append(number(point.value())).append(" |\n");
        }
        page.append("\n![").append(claim.id()).append("](").append(IMAGES).append('/').append(image(outcome))
            .append(".png)\n");
    }

    private static String range(final double low, final double high, final String unit) {
        final String last = number(high) + " " + unit;
        return number(low).equals(number(high)) ? last : number(low) + " to " + last;
    }

    private static String number(final double value) {
        return value > 1e6 ? "a port carried nothing" : String.format(Locale.ROOT, "%.4g", value);
    }
}

package io.expertlane.bench.report;

import io.expertlane.bench.results.AtomicFile;
import io.expertlane.bench.results.ChangesFile;
import io.expertlane.bench.results.EnvironmentClass;
import io.expertlane.bench.results.Json;
import io.expertlane.bench.results.Measurement;
import io.expertlane.bench.results.Run;
import io.expertlane.bench.results.Series;
import io.expertlane.bench.statistics.Verdict;
import java.io.IOException;
import java.io.InputStream;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.function.ToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import tools.jackson.databind.ObjectWriter;
import tools.jackson.databind.SerializationFeature;

/**
 * The dashboard: a folder of static files that a browser opens without a server or a network. {@code data.js} holds the
 * history, {@code report.js} shows it; charts are drawn by uPlot, which is copied in with its licence.
 *
 * <p>Failure: each file is replaced whole, {@code data.js} last.
 */
public final class Dashboard {
    /** The file by which a folder is known as a dashboard. */
    private static final String MARK = "report.js";
    private static final List<String> OWN_FILES = List.of(MARK, "report.css", "index.html");
    private static final String UPLOT = "/META-INF/resources/webjars/uplot/";
    private static final Map<String,
        String> UPLOT_FILES = Map.of("uplot.js", "dist/uPlot.iife.min.js", "uplot.css", "dist/uPlot.min.css",
        "uplot-LICENSE.txt", "LICENSE");
    private static final MathContext DIGITS = new MathContext(6);
    private static final int CURVES = 2;
    private static final Pattern PERCENTILE = Pattern.compile("\\s*([0-9.]+)\\s+([0-9.]+)\\s+\\d+\\s+([0-9.]+)\\s*");
    private static final ObjectWriter COMPACT = Json.mapper().writer().without(SerializationFeature.INDENT_OUTPUT);

    private final History history;

    private Dashboard(final History history) {
        this.history = history;
    }

    /**
     * What the light shows.
     *
     * @param state {@code red} for a regression, {@code amber} for something that keeps the latest run from being like
     *              the others, else {@code green}
     * @param text why
     */
    private record Light(String state, String text) {
    }

    private record RunData(String id, long date, String commit, Boolean dirty, boolean interrupted, List<String> failed,
        String preset, int environment) {
    }

    private record ChangeData(int run, int previous, int from, int to, double before, double after, double change,
        double p, String verdict, Integer flag, String muted,
                              boolean news) {
    }

    /** A percentile curve: the values, in us, at 1 / (1 - percentile). */
    private record Curve(int run, List<double[]> points) {
    }

    private record SeriesData(String name, String params, String metric, String unit, String better, boolean simulated,
        List<Double> value, List<Double> low,
                              List<Double> high, List<Double> roof, String roofline, String rerun, Long bytes,
                              Long moved, String flame, List<Curve> curves,
                              List<ChangeData> changes) {
    }

    private record Flag(String letter, String date, String series, String reason) {
    }

    private record Data(Light light, List<RunData> runs, List<Map<String, String>> environments, List<Flag> flags,
        List<SeriesData> series) {
    }

    /**
     * Checks that a dashboard may be written to {@code folder}: it is new, empty, or a dashboard.
     *
     * @param field name of the option that gave the folder, for messages
     */
    public static void check(final String field, final Path folder) throws IOException {
        if (Files.notExists(folder)) {
            return;
        }
        if (!Files.isDirectory(folder)) {
            throw new IllegalArgumentException(field + "=" + folder + ": exists and is not a folder");
        }
        try (Stream<Path> entries = Files.list(folder)) {
            if (entries.findAny().isPresent() && Files.notExists(folder.resolve(MARK))) {
                throw new IllegalArgumentException(field + "=" + folder + ": exists and is no report");
            }
        }
    }

    /** Writes the dashboard of {@code history} to {@code folder}; gives its front page. */
    public static Path write(final History history, final Path folder) throws IOException {
        return new Dashboard(history).write(folder);
    }

    private Path write(final Path folder) throws IOException {
        Files.createDirectories(folder);
        for (final String file : OWN_FILES) {
            write(folder.resolve(file), resource(file));
        }
        final String uplot = uplotRoot();
        for (final Map.Entry<String, String> file : UPLOT_FILES.entrySet()) {
            write(folder.resolve(file.getKey()), resource(uplot + file.getValue()));
        }
        final List<SeriesData> series = new ArrayList<>();
        for (final History.Line line : history.lines()) {
            series.add(series(line, folder));
        }
        final Data data = new Data(light(), history.runs().stream().map(this::run).toList(),
            history.environments().stream().map(EnvironmentClass::values).toList(),
            flags(), series);
        write(folder.resolve("data.js"),
            ("window.EXPERTLANE = " + COMPACT.writeValueAsString(data) + ";\n").getBytes(StandardCharsets.UTF_8));
        return folder.resolve("index.html");
    }

    private Light light() {
        final List<History.Change> news = history.lines().stream().flatMap(line -> line.changes().stream())
            .filter(History.Change::news).toList();
        final long slower = news.stream().filter(change -> change.verdict() == Verdict.SLOWER).count();
        final long faster = news.size() - slower;
        final String improved = faster == 0 ? "" : ", " + count(faster, "change") + " for the better";
        if (slower > 0) {
            return new Light("red", count(slower, "regression") + improved);
        }
        final Run latest = history.runs().getLast();
        if (latest.summary().partial()) {
            return new Light("amber", "no regression, but the latest run is partial" + improved);
        }
        final int runs = history.runs().size();
        if (runs > 1 && !Objects.equals(history.environmentOfRun().get(runs - 1),
            history.environmentOfRun().get(runs - 2))) {
            return new Light("amber", "no regression, but the latest run is on another environment" + improved);
        }
        return new Light("green", faster == 0 ? "nothing changed" : "no regression" + improved);
    }

    private static String count(final long number, final String what) {
        return number + " " + what + (number == 1 ? "" : "s");
    }

    private RunData run(final Run run) {
        final List<String> failed = run.summary().failed().stream().map(f -> f.benchmark() + ": " + f.reason())
            .toList();
        return new RunData(run.id(), run.environment().date().getEpochSecond(), run.environment().git().commit(),
            run.environment().git().dirty(),
            run.summary().interrupted(), failed, run.summary().preset(),
            history.environmentOfRun().get(history.runs().indexOf(run)));
    }

    private List<Flag> flags() {
        final List<Flag> flags = new ArrayList<>();
        for (final ChangesFile.Known known : history.flags()) {
            flags.add(new Flag(History.letter(flags.size()), known.date(), known.series(), known.reason()));
        }
        return flags;
    }

    private SeriesData series(final History.Line line, final Path folder) throws IOException {
        final Series series = line.series();
        final Measurement latest = line.latest();
        final List<ChangeData> changes = line.changes().stream()
            .map(c -> new ChangeData(c.run(), c.previousRun(), c.levelStart(), c.levelEnd(), rounded(c.before()),
            rounded(c.after()),
            rounded(c.change()), c.pValue(), c.verdict().toString(), c.flag(), c.muted(), c.news())).toList();
        final boolean spread = line.nights().stream().anyMatch(night -> night != null && night.low() != night.high());
        final boolean roofed = line.nights().stream().anyMatch(night -> night != null && night.rooflineRatio() != null);
        return new SeriesData(series.name(), series.paramText(), series.metric(), series.unit(),
            series.better().toString(), series.simulated(),
            values(line, Measurement::value), spread ? values(line, Measurement::low) : null,
            spread ? values(line, Measurement::high) : null,
            roofed ? values(line, night -> night.rooflineRatio() == null ? Double.NaN : night.rooflineRatio()) : null,
            latest.roofline(), latest.rerun(),
            latest.bytesPerOp(), latest.movedBytesPerOp(), flameGraph(line, folder), curves(line), changes);
    }

    private static List<Double> values(final History.Line line, final ToDoubleFunction<Measurement> value) {
        return line.nights().stream().map(night -> night == null ? null : rounded(value.applyAsDouble(night))).toList();
    }

    private static Double rounded(final double value) {
        return Double.isFinite(value) ? new BigDecimal(value).round(DIGITS).doubleValue() : null;
    }

    /** Copies the latest flame graph. */
    private String flameGraph(final History.Line line, final Path folder) throws IOException {
        for (int run = line.nights().size() - 1; run >= 0; run--) {
            final Measurement night = line.nights().get(run);
            if (night != null && night.flameGraph() != null) {
                final String name = history.runs().get(run).id() + "/" + night.flameGraph();
                final Path copy = folder.resolve(name);
                Files.createDirectories(copy.getParent());
                write(copy, Files.readAllBytes(history.runs().get(run).folder().resolve(night.flameGraph())));
                return name;
            }
        }
        return null;
    }

    /** The latest percentile curves, newest first. */
    private List<Curve> curves(final History.Line line) throws IOException {
        final List<Curve> curves = new ArrayList<>();
        for (int run = line.nights().size() - 1; run >= 0 && curves.size() < CURVES; run--) {
            final Measurement night = line.nights().get(run);
            if (night != null && night.percentiles() != null) {
                curves.add(curve(run, Files.readAllLines(history.runs().get(run).folder()
                    .resolve(night.percentiles()))));
            }
        }
        return curves.isEmpty() ? null : curves;
    }

    /** Reads HdrHistogram's percentile file: value, percentile, count, 1 / (1 - percentile). */
    private static Curve curve(final int run, final List<String> lines) {
        final List<double[]> points = new ArrayList<>();
        for (final String text : lines) {
            final Matcher matcher = PERCENTILE.matcher(text);
            if (matcher.matches()) {
                points.add(new double[] {Double.parseDouble(matcher.group(3)), Double.parseDouble(matcher.group(1))});
            }
        }
        return new Curve(run, points);
    }

    private static String uplotRoot() throws IOException {
        try (InputStream in = Dashboard.class.getResourceAsStream(
            "/META-INF/maven/org.webjars.npm/uplot/pom.properties")) {
            final Properties properties = new Properties();
            properties.load(in);
            return UPLOT + properties.getProperty("version") + "/";
        }
    }

    private static byte[] resource(final String name) throws IOException {
        try (InputStream in = Dashboard.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException(String.format(Locale.ROOT, "%s is not in the jar", name));
            }
            return in.readAllBytes();
        }
    }

    private static void write(final Path file, final byte[] bytes) throws IOException {
        AtomicFile.write(file, channel -> {
            final ByteBuffer buffer = ByteBuffer.wrap(bytes);
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
        });
    }
}

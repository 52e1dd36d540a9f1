package io.expertlane.bench.sweep;

import io.expertlane.bench.report.LineChart;
import io.expertlane.bench.results.AtomicFile;
import io.expertlane.bench.results.Json;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * The results of a sweep or of a shard of one: {@code sweep.json}, what was swept; {@code results.csv}; charts as
 * {@code plot-N.svg}; and {@code points.jsonl}, a line a point, which is written last: where it is, the folder is
 * complete. Equal sweeps give equal bytes, however they were run.
 */
final class SweepFolder {
    static final String JOURNAL = "journal.jsonl";
    private static final String POINTS = "points.jsonl";
    private static final String DEFINITION = "sweep.json";

    private SweepFolder() {
    }

    static boolean isComplete(final Path folder) {
        return Files.exists(folder.resolve(POINTS));
    }

    /** First line of journal and definition file: what is swept, and which part of it. */
    static String header(final SweepDefinition definition, final SweepInputs inputs, final Shard shard) {
        return "{\"shard\":\"" + shard + "\",\"sweep\":" + definition.line() + inputs.field() + "}";
    }

    static String readHeader(final Path folder) throws IOException {
        final Path file = folder.resolve(DEFINITION);
        if (!Files.isRegularFile(file) || !isComplete(folder)) {
            throw new IllegalArgumentException("sweep=" + folder
                + ": no complete sweep; run it again with the same options to complete it");
        }
        return String.join("\n", lines(file)).strip();
    }

    /** What was swept, of which the folder may hold a shard. */
    static SweepDefinition readDefinition(final Path folder) throws IOException {
        final String header = readHeader(folder);
        try {
            final JsonNode sweep = Json.mapper().readTree(header).path("sweep");
            return SweepDefinition.ofLine(sweep.toString());
        } catch (final JacksonException | IllegalArgumentException e) {
            throw new IllegalArgumentException("sweep=" + folder.resolve(DEFINITION) + ": is not what a sweep writes",
                e);
        }
    }

    /** The content of the files that the sweep has read. */
    static SweepInputs readInputs(final Path folder) throws IOException {
        try {
            return SweepInputs.ofHeader(Json.mapper().readTree(readHeader(folder)));
        } catch (final JacksonException | IllegalArgumentException e) {
            throw new IllegalArgumentException("sweep=" + folder.resolve(DEFINITION) + ": is not what a sweep writes",
                e);
        }
    }

    static List<String> readPoints(final Path folder) throws IOException {
        return lines(folder.resolve(POINTS));
    }

    private static List<String> lines(final Path file) throws IOException {
        try {
            return Files.readAllLines(file);
        } catch (final CharacterCodingException e) {
            throw new IllegalArgumentException("sweep=" + file + ": expected text in UTF-8", e);
        }
    }

    static void write(final Path folder, final SweepDefinition definition, final SweepInputs inputs, final Shard shard,
        final Map<Integer, String> lines) throws IOException {
        writeText(folder.resolve("results.csv"), csv(definition, lines));
        if (shard.equals(Shard.WHOLE)) {
            for (int i = 0; i < definition.plots().size(); i++) {
                plots(definition.plots().get(i), "plot-" + (i + 1), folder, lines);
            }
        }
        writeText(folder.resolve(DEFINITION), header(definition, inputs, shard) + "\n");
        writeText(folder.resolve(POINTS), String.join("\n", lines.values()) + "\n");
    }

    private static void writeText(final Path file, final String text) throws IOException {
        AtomicFile.write(file, channel -> {
            final ByteBuffer bytes = ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        });
    }

    private static String csv(final SweepDefinition definition, final Map<Integer, String> lines) {
        final StringBuilder csv = new StringBuilder("index");
        definition.grid().keySet().forEach(name -> csv.append(',').append(cell(name)));
        SweepValues.COLUMNS.forEach(name -> csv.append(',').append(name));
        csv.append('\n');
        lines.forEach((index, line) -> {
            csv.append(index);
            definition.parameters(index).values().forEach(value -> csv.append(',').append(cell(value)));
            final JsonNode values = Json.mapper().readTree(line).get("values");
            SweepValues.COLUMNS.forEach(name ->
                csv.append(',').append(values.get(name).isNull() ? "" : values.get(name).asString()));
            csv.append('\n');
        });
        return csv.toString();
    }

    /** RFC 4180. */
    private static String cell(final String text) {
        return text.matches("[^\",\\r\\n]*") ? text : "\"" + text.replace("\"", "\"\"") + "\"";
    }

    /** One chart for each combination of the parameters that are neither x nor series. */
    private static void plots(final SweepDefinition.Plot plot, final String name, final Path folder, final Map<Integer,
        String> lines) throws IOException {
        final SortedMap<String, LineChart> charts = new TreeMap<>();
        lines.values().forEach(line -> {
            final JsonNode point = Json.mapper().readTree(line);
            final List<String> fixed = new ArrayList<>();
            point.get("point").properties().forEach(entry -> {
                if (!entry.getKey().equals(plot.x()) && !entry.getKey().equals(plot.series())) {
                    fixed.add(entry.getKey() + "=" + entry.getValue().asString());
                }
            });
            final JsonNode y = point.get("values").get(plot.y());
            if (!y.isNull()) {
                final String title = plot.y() + " (simulated)"
                    + (fixed.isEmpty() ? "" : ": " + String.join(", ", fixed));
                final String series = plot.series() == null ? plot.y() : plot.series() + "="
                    + point.get("point").get(plot.series()).asString();
                charts.computeIfAbsent(title, text -> new LineChart(text, plot.x(), plot.y()))
                    .add(series, Double.parseDouble(point.get("point").get(plot.x()).asString()), y.doubleValue());
            }
        });
        int number = 0;
        for (final LineChart chart : charts.values()) {
            number++;
            chart.writeSvg(folder.resolve(name + (charts.size() == 1 ? "" : "-" + number) + ".svg"));
        }
    }
}

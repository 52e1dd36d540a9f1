package io.expertlane.bench.study;

import io.expertlane.bench.report.LineChart;
import io.expertlane.bench.results.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A page of a study, in Markdown, and its charts. */
public final class StudyPage {
    private static final String IMAGES = "images";

    private final String name;
    private final StringBuilder markdown = new StringBuilder();
    private final Map<String, LineChart> charts = new LinkedHashMap<>();

    StudyPage(final String name, final String title) {
        this.name = name;
        markdown.append("# ").append(title).append("\n\nWritten by `expertlane study ").append(name)
            .append(" --out docs`; do not edit. All figures are **simulated**.\n");
    }

    /** Adds text, a paragraph or several. */
    StudyPage text(final String paragraphs) {
        markdown.append('\n').append(paragraphs.strip()).append('\n');
        return this;
    }

    /** Adds a command line. */
    StudyPage command(final String line) {
        return text("```\n" + line + "\n```");
    }

    /** Adds a table whose rows have a cell for each name in its head. */
    StudyPage table(final List<String> head, final List<List<String>> rows) {
        markdown.append('\n').append(row(head)).append(row(head.stream().map(_ -> "---").toList()).replace(" ", ""));
        rows.forEach(cells -> markdown.append(row(cells)));
        return this;
    }

    private static String row(final List<String> cells) {
        return "| " + String.join(" | ", cells) + " |\n";
    }

    /** Adds a chart, kept beside the page as {@code images/NAME-id}. */
    StudyPage chart(final String id, final LineChart chart, final String shows) {
        charts.put(name + "-" + id, chart);
        return text("![" + shows + "](" + IMAGES + "/" + name + "-" + id + ".png)");
    }

    /** The page without its charts. */
    public String markdown() {
        return markdown.toString();
    }

    /** Writes the page as {@code NAME.md} and its charts as SVG and PNG to a folder {@code images} beside it. */
    public void write(final Path folder) throws IOException {
        final Path images = Files.createDirectories(folder.resolve(IMAGES));
        for (final Map.Entry<String, LineChart> chart : charts.entrySet()) {
            chart.getValue().writeSvg(images.resolve(chart.getKey() + ".svg"));
            chart.getValue().writePng(images.resolve(chart.getKey() + ".png"));
        }
        AtomicFile.write(folder.resolve(name + ".md"), channel -> {
            final ByteBuffer bytes = ByteBuffer.wrap(markdown().getBytes(StandardCharsets.UTF_8));
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        });
    }
}

package io.expertlane.bench.report;

import io.expertlane.bench.results.AtomicFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;

/** A chart of y over x, a line a series. The same points give the same file. */
public final class LineChart {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 540;

    private final String title;
    private final String xTitle;
    private final String yTitle;
    private final Map<String, SortedMap<Double, Double>> series = new TreeMap<>();

    /** An empty chart. */
    public LineChart(final String title, final String xTitle, final String yTitle) {
        this.title = title;
        this.xTitle = xTitle;
        this.yTitle = yTitle;
    }

    /** Adds a point to the series {@code name}, which begins to exist with it; of points with the same x the last one counts. */
    public LineChart add(final String name, final double x, final double y) {
        series.computeIfAbsent(name, _ -> new TreeMap<>()).put(x, y);
        return this;
    }

    private XYChart chart() {
        final XYChart chart = new XYChartBuilder().width(WIDTH).height(HEIGHT).title(title).xAxisTitle(xTitle).yAxisTitle(yTitle).build();
        chart.getStyler().setYAxisMin(0.0);
        series.forEach((name, points) -> {
            final List<Double> x = new ArrayList<>(points.keySet());
            final List<Double> y = new ArrayList<>(points.values());
            chart.addSeries(name, x, y);
        });
        return chart;
    }

    /** Writes the chart as SVG; the file appears whole or not at all. */
    public void writeSvg(final Path file) throws IOException {
        write(file, "svg");
    }

    /** Writes the chart as PNG; the file appears whole or not at all. */
    public void writePng(final Path file) throws IOException {
        write(file, "png");
    }

    private void write(final Path file, final String format) throws IOException {
        final byte[] bytes = ChartEncoder.getBytes(chart(), format);
        AtomicFile.write(file, channel -> {
            final ByteBuffer buffer = ByteBuffer.wrap(bytes);
            while (buffer.hasRemaining()) {
                channel.write(buffer);
            }
        });
    }
}

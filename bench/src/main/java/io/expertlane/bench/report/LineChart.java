package io.expertlane.bench.report;

import io.expertlane.bench.results.AtomicFile;
import java.awt.Color;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.DoubleSummaryStatistics;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.knowm.xchart.ChartEncoder;
import org.knowm.xchart.XYChart;
import org.knowm.xchart.XYChartBuilder;
import org.knowm.xchart.XYSeries;
import org.knowm.xchart.style.lines.SeriesLines;
import org.knowm.xchart.style.markers.SeriesMarkers;

/** A chart of y over x, a line a series. The same points give the same file. */
public final class LineChart {
    private static final int WIDTH = 900;
    private static final int HEIGHT = 540;

    private final String title;
    private final String xTitle;
    private final String yTitle;
    private final Map<String, SortedMap<Double, Double>> series = new TreeMap<>();
    private final Map<String, Double> levels = new TreeMap<>();
    private boolean doubling;
    private boolean logarithmic;

    /** An empty chart. */
    public LineChart(final String title, final String xTitle, final String yTitle) {
        this.title = title;
        this.xTitle = xTitle;
        this.yTitle = yTitle;
    }

    /**
     * Adds a point to the series {@code name}, which begins to exist with it; of points with the same x the last one
     * counts.
     */
    public LineChart add(final String name, final double x, final double y) {
        series.computeIfAbsent(name, _ -> new TreeMap<>()).put(x, y);
        return this;
    }

    /** Adds a level that the series are held against: dashed, over the whole width. */
    public LineChart level(final String name, final double y) {
        levels.put(name, y);
        return this;
    }

    /** Lets x, which is at least 1, go in powers of two: every doubling is as wide as the one before. */
    public LineChart doublingX() {
        doubling = true;
        return this;
    }

    /** Lets y, which is above 0, go in powers of ten. */
    public LineChart logarithmicY() {
        logarithmic = true;
        return this;
    }

    private double place(final double x) {
        return doubling ? Math.log(x) / Math.log(2) : x;
    }

    private static String powerOfTwo(final double exponent) {
        return exponent == Math.rint(exponent) ? Long.toString(1L << (int) exponent) : " ";
    }

    private XYChart chart() {
        final XYChart chart = new XYChartBuilder().width(WIDTH).height(HEIGHT).title(title).xAxisTitle(xTitle)
            .yAxisTitle(yTitle).build();
        chart.getStyler().setChartBackgroundColor(Color.WHITE).setLegendBorderColor(Color.WHITE)
            .setPlotBorderVisible(false);
        final DoubleSummaryStatistics all =
            Stream.concat(series.values().stream().flatMap(points -> points.values().stream()),
            levels.values().stream())
            .mapToDouble(Double::doubleValue).summaryStatistics();
        if (doubling) {
            chart.setCustomXAxisTickLabelsFormatter(LineChart::powerOfTwo);
        }
        if (logarithmic) {
            chart.getStyler().setYAxisLogarithmic(true);
        } else if (all.getMin() >= 0) {
            chart.getStyler().setYAxisMin(0.0);
        } else if (all.getMax() <= 0) {
            chart.getStyler().setYAxisMax(0.0);
        }
        series.forEach((name, points) -> {
            final List<Double> x = new ArrayList<>(points.keySet());
            x.replaceAll(this::place);
            final List<Double> y = new ArrayList<>(points.values());
            chart.addSeries(name, x, y);
        });
        final DoubleSummaryStatistics width = series.values().stream().flatMap(points -> points.keySet().stream())
            .mapToDouble(Double::doubleValue)
            .summaryStatistics();
        levels.forEach((name, y) -> {
            final XYSeries level = chart.addSeries(name, new double[] {place(width.getMin()), place(width.getMax())},
                new double[] {y, y});
            level.setMarker(SeriesMarkers.NONE).setLineStyle(SeriesLines.DASH_DASH).setLineColor(Color.DARK_GRAY);
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

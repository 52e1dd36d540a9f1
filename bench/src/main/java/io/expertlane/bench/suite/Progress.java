package io.expertlane.bench.suite;

import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.function.LongSupplier;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.results.BenchmarkResult;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.IterationType;
import org.openjdk.jmh.runner.format.OutputFormat;

/**
 * Progress of a run, in the place of JMH's own report: on a terminal one line that is overwritten, elsewhere one line a
 * trial. Remaining time is the expected time of what is left, corrected by how long the finished trials took against
 * their expectation. What JMH and the forks print is kept for the trial at hand, to be shown if it fails.
 * <p>Threading: JMH calls from several threads; all methods are synchronised.
 */
final class Progress implements OutputFormat {
    private static final long NANOS_PER_MILLI = 1_000_000;
    private static final int MAX_OUTPUT_CHARS = 1 << 16;
    private static final String START_OF_CLEARED_LINE = "\r\033[K";
    /** A line that is wider than the terminal is cut by it, not wrapped: what wraps cannot be overwritten. */
    private static final String WRAP_OFF = "\033[?7l";
    private static final String WRAP_ON = "\033[?7h";

    private final PrintWriter err;
    private final boolean terminal;
    private final LongSupplier nanoClock;
    private final List<Trial> trials;
    private final StringBuilder output = new StringBuilder();
    private int current = -1;
    private long runStartNanos;
    private long trialStartNanos;

    Progress(final PrintWriter err, final boolean terminal, final LongSupplier nanoClock, final List<Trial> trials) {
        this.err = err;
        this.terminal = terminal;
        this.nanoClock = nanoClock;
        this.trials = trials;
    }

    /** The next trial begins. */
    synchronized void nextTrial() {
        trialStartNanos = nanoClock.getAsLong();
        if (current < 0) {
            runStartNanos = trialStartNanos;
        }
        current++;
        output.setLength(0);
        show("");
    }

    /** The run is over: the terminal's line is wiped. */
    synchronized void done() {
        if (terminal) {
            err.print(START_OF_CLEARED_LINE);
            err.flush();
        }
    }

    /** What was printed during the trial at hand. */
    synchronized String trialOutput() {
        return output.toString().strip();
    }

    @Override
    public synchronized void iteration(final BenchmarkParams benchmark, final IterationParams params,
        final int iteration) {
        if (terminal) {
            final String phase = params.getType() == IterationType.WARMUP ? "warm-up" : "measuring";
            show("  " + phase + " " + iteration + "/" + params.getCount());
        }
    }

    private void show(final String phase) {
        final String line = String.format(Locale.ROOT, "[%d/%d] %s%s  %s left", current + 1, trials.size(),
            trials.get(current).label(), phase,
            minutes(remainingMillis()));
        if (terminal) {
            err.print(START_OF_CLEARED_LINE + WRAP_OFF + line + WRAP_ON);
        } else {
            err.println(line);
        }
        err.flush();
    }

    private long remainingMillis() {
        final long now = nanoClock.getAsLong();
        final long finishedExpected = trials.subList(0, current).stream().mapToLong(t -> t.row().expectedMillis())
            .sum();
        final double correction = finishedExpected == 0 ? 1
            : (double) (trialStartNanos - runStartNanos) / NANOS_PER_MILLI / finishedExpected;
        final long ahead = trials.subList(current, trials.size()).stream().mapToLong(t -> t.row().expectedMillis())
            .sum();
        return Math.max(0, Math.round(ahead * correction) - (now - trialStartNanos) / NANOS_PER_MILLI);
    }

    private static String minutes(final long millis) {
        final long seconds = Math.ceilDiv(millis, 1000);
        return String.format(Locale.ROOT, "%d:%02d", seconds / 60, seconds % 60);
    }

    @Override
    public synchronized void print(final String text) {
        output.append(text);
        final int excess = output.length() - MAX_OUTPUT_CHARS;
        if (excess > 0) {
            output.delete(0, excess);
        }
    }

    @Override
    public void println(final String text) {
        print(text + System.lineSeparator());
    }

    @Override
    public void verbosePrintln(final String text) {
        // Details of JMH's doings, asked for by nobody.
    }

    @Override
    public void write(final int b) {
        write(new byte[] {(byte) b});
    }

    @Override
    public void write(final byte[] bytes) {
        print(new String(bytes, StandardCharsets.UTF_8));
    }

    @Override
    public void iterationResult(final BenchmarkParams benchmark, final IterationParams params, final int iteration,
        final IterationResult result) {
        // The summary shows results.
    }

    @Override
    public void startBenchmark(final BenchmarkParams benchmark) {
        // nextTrial() has shown it.
    }

    @Override
    public void endBenchmark(final BenchmarkResult result) {
        // The summary shows results.
    }

    @Override
    public void startRun() {
        // A run of JMH is one trial here.
    }

    @Override
    public void endRun(final Collection<RunResult> results) {
        // A run of JMH is one trial here.
    }

    @Override
    public void flush() {
        // Every line is flushed.
    }

    @Override
    public void close() {
        // The stream is the caller's.
    }
}

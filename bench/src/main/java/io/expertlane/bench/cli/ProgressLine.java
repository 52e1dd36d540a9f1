package io.expertlane.bench.cli;

import java.io.PrintWriter;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Supplier;

/**
 * Says on the error stream what a command is doing: on a terminal one line that is overwritten, elsewhere a line each
 * time.
 * <p>Threading: one thread.
 */
final class ProgressLine implements AutoCloseable {
    private static final long INTERVAL_NANOS = TimeUnit.SECONDS.toNanos(1);
    private static final String START_OF_CLEARED_LINE = "\r\033[K";

    private final PrintWriter err;
    private final boolean terminal;
    private final LongSupplier nanoClock;
    private long lastNanos;

    ProgressLine(final PrintWriter err, final boolean terminal, final LongSupplier nanoClock) {
        this.err = err;
        this.terminal = terminal;
        this.nanoClock = nanoClock;
        this.lastNanos = nanoClock.getAsLong();
    }

    /** A stage begins that may take a while. */
    void stage(final String text) {
        lastNanos = nanoClock.getAsLong();
        if (terminal) {
            err.print(START_OF_CLEARED_LINE + text);
        } else {
            err.println(text);
        }
        err.flush();
    }

    /** Work goes on: shown if a second has passed since anything was. */
    void tick(final Supplier<String> text) {
        if (nanoClock.getAsLong() - lastNanos >= INTERVAL_NANOS) {
            stage(text.get());
        }
    }

    /** The work is over: a terminal's line is wiped. */
    @Override
    public void close() {
        if (terminal) {
            err.print(START_OF_CLEARED_LINE);
            err.flush();
        }
    }
}

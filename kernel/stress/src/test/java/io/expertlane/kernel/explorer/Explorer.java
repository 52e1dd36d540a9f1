package io.expertlane.kernel.explorer;

import java.io.PrintStream;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/** The command: runs schedules, says what does not hold, cuts it down, and says how to repeat it. */
public final class Explorer {
    /** Nothing was found. */
    static final int CLEAN = 0;
    /** Something does not hold. */
    static final int VIOLATED = 1;
    /** The command was not understood. */
    static final int MISUSED = 2;

    private static final long SECOND_NANOS = 1_000_000_000L;

    private final Options options;
    private final Memory memory;
    private final Map<String, Integer> counts = new TreeMap<>();
    private final Map<String, Outcome> shortest = new TreeMap<>();
    private long seeds;
    private long violations;
    private long waitedOut;
    private long joins;
    private long steps;
    private double longest;

    Explorer(final Options options, final Memory memory) {
        this.options = options;
        this.memory = memory;
    }

    /** Runs as the command line says; exits with 0, 1 if something does not hold, 2 if the command was not understood. */
    public static void main(final String[] arguments) {
        System.exit(run(System.out, System.err, arguments));
    }

    static int run(final PrintStream out, final PrintStream errors, final String... arguments) {
        final Options options;
        try {
            options = Options.parse(arguments);
        } catch (final Options.UsageException e) {
            errors.println("explore: " + e.getMessage());
            return MISUSED;
        }
        try (Memory memory = new Memory()) {
            final Explorer explorer = new Explorer(options, memory);
            if (options.trace) {
                explorer.trace(out);
            }
            final long from = System.nanoTime();
            explorer.exploreAll();
            final double seconds = (System.nanoTime() - from) / (double) SECOND_NANOS;
            out.print(explorer.report());
            out.printf(Locale.ROOT, "%d seeds, %d violations, %.0f seeds/s%n", explorer.seeds, explorer.violations, explorer.seeds / seconds);
            return explorer.violations == 0 ? CLEAN : VIOLATED;
        }
    }

    /** Shows what happens in the first schedule. */
    private void trace(final PrintStream out) {
        final Outcome outcome = Outcome.of(options.plan(options.first), memory, true);
        out.println(outcome.plan());
        outcome.trace().forEach(out::println);
        if (outcome.violation() != null) {
            outcome.violation().printStackTrace(out);
        }
    }

    /** Runs all seeds, or those for which there is time. */
    void exploreAll() {
        final boolean isTerminal = System.console() != null && System.console().isTerminal();
        final long from = System.nanoTime();
        long shown = from;
        for (long number = 0; number < options.count; number++) {
            final long now = System.nanoTime();
            if ((now - from) / SECOND_NANOS >= options.seconds) {
                break;
            }
            if (isTerminal && now - shown > SECOND_NANOS) {
                shown = now;
                System.err.printf(Locale.ROOT, "\r%d seeds, %d violations ", seeds, violations);
            }
            add(Outcome.of(options.plan(options.first + number), memory, false));
        }
        if (isTerminal) {
            System.err.print("\r");
        }
    }

    private void add(final Outcome outcome) {
        seeds++;
        waitedOut += outcome.waitedOut() ? 1 : 0;
        joins += outcome.joins();
        steps += outcome.steps();
        longest = Math.max(longest, outcome.longest());
        if (outcome.violation() != null) {
            violations++;
            counts.merge(outcome.violation().kind(), 1, Integer::sum);
            shortest.merge(outcome.violation().kind(), outcome, (one, other) -> one.steps() <= other.steps() ? one : other);
        }
    }

    /** Seeds in which something did not hold. */
    long violations() {
        return violations;
    }

    /** What was met, and for each kind of violation the shortest schedule and the command that repeats it. */
    String report() {
        final StringBuilder text = new StringBuilder();
        text.append(String.format(Locale.ROOT, "%d joins, %d steps, longest half of a call %.2f time-outs, %d seeds ended by the longest wait%n",
            joins, steps, longest, waitedOut));
        for (final Map.Entry<String, Outcome> entry : shortest.entrySet()) {
            final Outcome outcome = entry.getValue();
            text.append(String.format(Locale.ROOT, "%d x %s%n  %s%n  %s%n", counts.get(entry.getKey()), outcome.violation().getMessage(), outcome.plan(),
                Options.command(outcome.plan(), outcome.plan().features, options.limits)));
            if (options.shrink) {
                text.append("  shrunk: ").append(Shrinker.shrink(memory, outcome, options)).append(System.lineSeparator());
            }
        }
        return text.toString();
    }
}

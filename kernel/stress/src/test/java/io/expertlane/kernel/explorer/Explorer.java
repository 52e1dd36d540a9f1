package io.expertlane.kernel.explorer;

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
    private long run;
    private long violations;
    private long joins;
    private long steps;
    private double longest;

    Explorer(final Options options, final Memory memory) {
        this.options = options;
        this.memory = memory;
    }

    /** Runs as the command line says; exits with 0, 1 if something does not hold, 2 if the command was not understood. */
    public static void main(final String[] arguments) {
        System.exit(run(arguments));
    }

    static int run(final String... arguments) {
        final Options options;
        try {
            options = Options.parse(arguments);
        } catch (final Options.UsageException e) {
            System.err.println("explore: " + e.getMessage());
            return MISUSED;
        }
        try (Memory memory = new Memory()) {
            return new Explorer(options, memory).run();
        }
    }

    private int run() {
        final boolean isTerminal = System.console() != null && System.console().isTerminal();
        final long from = System.nanoTime();
        long reported = from;
        for (long number = 0; number < options.count; number++) {
            final long now = System.nanoTime();
            if ((now - from) / SECOND_NANOS >= options.seconds) {
                break;
            }
            if (isTerminal && now - reported > SECOND_NANOS) {
                reported = now;
                System.err.printf(Locale.ROOT, "\r%d seeds, %d violations ", run, violations);
            }
            add(explore(options.first + number));
        }
        final double seconds = (System.nanoTime() - from) / (double) SECOND_NANOS;
        if (isTerminal) {
            System.err.print("\r");
        }
        report();
        System.out.printf(Locale.ROOT, "%d seeds, %d violations, %.0f seeds/s%n", run, violations, run / seconds);
        return violations == 0 ? CLEAN : VIOLATED;
    }

    /** Runs a seed. */
    Outcome explore(final long seed) {
        final Outcome outcome = Outcome.of(options.plan(seed), memory, options.trace);
        if (options.trace) {
            System.out.println(outcome.plan());
            outcome.trace().forEach(System.out::println);
            if (outcome.violation() != null) {
                outcome.violation().printStackTrace(System.out);
            }
        }
        return outcome;
    }

    private void add(final Outcome outcome) {
        run++;
        joins += outcome.joins();
        steps += outcome.steps();
        longest = Math.max(longest, outcome.longest());
        if (outcome.violation() != null) {
            violations++;
            counts.merge(outcome.violation().kind(), 1, Integer::sum);
            shortest.merge(outcome.violation().kind(), outcome, (one, other) -> one.steps() <= other.steps() ? one : other);
        }
    }

    private void report() {
        System.out.printf(Locale.ROOT, "%d joins, %d steps, longest half of a call %.2f time-outs%n", joins, steps, longest);
        for (final Map.Entry<String, Outcome> entry : shortest.entrySet()) {
            final Outcome outcome = entry.getValue();
            System.out.printf(Locale.ROOT, "%d x %s%n  %s%n  %s%n", counts.get(entry.getKey()), outcome.violation().getMessage(), outcome.plan(),
                Options.command(outcome.plan(), outcome.plan().features, options.limits));
            if (options.shrink) {
                System.out.println("  shrunk: " + Shrinker.shrink(memory, outcome, options));
            }
        }
    }
}

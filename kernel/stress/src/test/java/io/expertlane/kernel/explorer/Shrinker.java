package io.expertlane.kernel.explorer;

import java.util.Locale;

/** Cuts a failing schedule down, one dimension after another, as long as it fails in the same kind. */
final class Shrinker {
    private static final int ORDERS = 24;
    private static final int MOST_ROUNDS = 4;

    private final Memory memory;
    private final String kind;
    private int features;
    private Limits limits;
    private Outcome best;

    private Shrinker(final Memory memory, final Outcome failed, final Options options) {
        this.memory = memory;
        this.kind = failed.violation().kind();
        this.features = failed.plan().features;
        this.limits = options.limits;
        this.best = failed;
    }

    /** The command that repeats the shortest failure found, and what it says. */
    static String shrink(final Memory memory, final Outcome failed, final Options options) {
        final Shrinker shrinker = new Shrinker(memory, failed, options);
        int before;
        int round = 0;
        do {
            before = shrinker.best.steps();
            shrinker.shrinkOnce();
        } while (++round < MOST_ROUNDS && shrinker.best.steps() < before);
        return String.format(Locale.ROOT, "%s%n    %d steps: %s", Options.command(shrinker.best.plan(), shrinker.features, shrinker.limits),
            shrinker.best.steps(), shrinker.best.violation().getMessage());
    }

    private void shrinkOnce() {
        for (final Feature feature : Feature.values()) {
            if ((features & feature.bit()) != 0) {
                attempt(features & ~feature.bit(), limits);
            }
        }
        for (int ranks = 2; ranks < best.plan().ranks; ranks++) {
            attempt(features, limits.withRanks(ranks));
        }
        for (int calls = 0; calls < best.plan().calls; calls++) {
            attempt(features, limits.withCalls(calls));
        }
        for (final Fault fault : best.plan().faults) {
            attempt(features, limits.withFaults(mask() & ~(1 << fault.number())));
        }
        for (int tokens = 1; tokens < best.plan().tokens; tokens++) {
            attempt(features, limits.withTokens(tokens));
        }
        for (int salt = 1; salt < ORDERS; salt++) {
            final Outcome outcome = run(features, limits.withSalt(salt));
            if (outcome != null && outcome.steps() < best.steps()) {
                best = outcome;
                limits = limits.withSalt(salt);
            }
        }
    }

    private int mask() {
        int mask = 0;
        for (final Fault fault : best.plan().faults) {
            mask |= 1 << fault.number();
        }
        return mask;
    }

    /** Takes a smaller schedule if it fails in some order. */
    private void attempt(final int smaller, final Limits limited) {
        for (int order = 0; order < ORDERS; order++) {
            final Limits ordered = order == 0 ? limited : limited.withSalt(order);
            final Outcome outcome = run(smaller, ordered);
            if (outcome != null) {
                features = smaller;
                limits = ordered;
                best = outcome;
                return;
            }
        }
    }

    private Outcome run(final int chosen, final Limits limited) {
        final Plan from = best.plan();
        final Outcome outcome = Outcome.of(new Plan(from.seed, from.lowLatency, from.ring, chosen, from.network, limited), memory, false);
        return outcome.violation() != null && outcome.violation().kind().equals(kind) ? outcome : null;
    }
}

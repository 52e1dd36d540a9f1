package io.expertlane.kernel.explorer;

import java.util.Arrays;
import java.util.Locale;

/** What is to be explored, as the command line says it. */
final class Options {
    static final String USAGE = "usage: explore --mode ll|ht|all --path zero|ring|all --first SEED --count N [--features A,B|all|none]"
        + " [--transport direct|queued|nic|all] [--seconds N] [--trace] [--no-shrink] [--ranks 2..6] [--calls N] [--tokens N] [--faults 0,1|none]"
        + " [--salt N]";

    private static final String ALL = "all";
    private static final int NIC_SHARE = 32;

    String mode = ALL;
    String path = ALL;
    String transport = "seed";
    long first = 1;
    long count = 1;
    long seconds = Long.MAX_VALUE;
    int features = allFeatures();
    Limits limits = Limits.UNLIMITED;
    boolean trace;
    boolean shrink = true;

    /** A value that is not understood. */
    static final class UsageException extends RuntimeException {
        private static final long serialVersionUID = 1;

        UsageException(final String message) {
            super(message);
        }
    }

    static int allFeatures() {
        return (1 << Feature.values().length) - 1;
    }

    static Options parse(final String... arguments) {
        final Options options = new Options();
        for (int at = 0; at < arguments.length; at++) {
            final String name = arguments[at];
            if (name.equals("--trace")) {
                options.trace = true;
            } else if (name.equals("--no-shrink")) {
                options.shrink = false;
            } else if (at + 1 == arguments.length) {
                throw new UsageException(name + ": not an option, or without its value; " + USAGE);
            } else {
                options.set(name, arguments[++at]);
            }
        }
        return options;
    }

    private void set(final String name, final String value) {
        switch (name) {
            case "--mode" -> mode = oneOf(name, value, "ll", "ht", ALL);
            case "--path" -> path = oneOf(name, value, "zero", "ring", ALL);
            case "--transport" -> transport = oneOf(name, value, "seed", "direct", "queued", "nic", ALL);
            case "--first" -> first = number(name, value, Long.MIN_VALUE, Long.MAX_VALUE);
            case "--count" -> count = number(name, value, 1, Long.MAX_VALUE);
            case "--seconds" -> seconds = number(name, value, 1, Integer.MAX_VALUE);
            case "--features" -> features = features(value);
            case "--ranks" -> limits = limits.withRanks((int) number(name, value, 2, Plan.MOST_RANKS));
            case "--calls" -> limits = limits.withCalls((int) number(name, value, 0, 100));
            case "--tokens" -> limits = limits.withTokens((int) number(name, value, 1, 4));
            case "--faults" -> limits = limits.withFaults(faults(value));
            case "--salt" -> limits = limits.withSalt((int) number(name, value, 0, Integer.MAX_VALUE));
            default -> throw new UsageException(name + ": not an option; " + USAGE);
        }
    }

    private static String oneOf(final String name, final String value, final String... values) {
        if (!Arrays.asList(values).contains(value)) {
            throw new UsageException(name + "=" + value + ": one of " + String.join(", ", values));
        }
        return value;
    }

    private static long number(final String name, final String value, final long least, final long most) {
        try {
            final long number = Long.parseLong(value);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (final NumberFormatException e) {
            // Said below.
        }
        throw new UsageException(name + "=" + value + ": a whole number from " + least + " to " + most);
    }

    private static int features(final String value) {
        if (value.equalsIgnoreCase(ALL)) {
            return allFeatures();
        }
        int features = 0;
        for (final String name : value.equalsIgnoreCase("none") ? new String[0] : value.split(",")) {
            try {
                features |= Feature.valueOf(name.toUpperCase(Locale.ROOT)).bit();
            } catch (final IllegalArgumentException e) {
                throw new UsageException("--features=" + value + ": " + name + " is none of all, none, " + Arrays.toString(Feature.values()));
            }
        }
        return features;
    }

    private static int faults(final String value) {
        int faults = 0;
        for (final String number : value.equals("none") ? new String[0] : value.split(",")) {
            faults |= 1 << number("--faults", number, 0, 30);
        }
        return faults;
    }

    /** The schedule of a seed. */
    Plan plan(final long seed) {
        final boolean lowLatency = mode.equals(ALL) ? Math.floorMod(seed, 4) < 2 : mode.equals("ll");
        final boolean ring = path.equals(ALL) ? Math.floorMod(seed, 2) == 1 : path.equals("ring");
        return new Plan(seed, lowLatency, ring, features, network(seed), limits);
    }

    private Network network(final long seed) {
        return switch (transport) {
            case "direct" -> Network.DIRECT;
            case "queued" -> Network.QUEUED;
            case "nic" -> Network.NIC;
            case ALL -> Math.floorMod(Dice.mix(seed, 5), NIC_SHARE) == 0 ? Network.NIC : null;
            default -> null;
        };
    }

    /** The command that runs a plan alone. */
    static String command(final Plan plan, final int features, final Limits limits) {
        final StringBuilder text = new StringBuilder("kernel/stress/explore --mode ").append(plan.lowLatency ? "ll" : "ht").append(" --path ")
            .append(plan.ring ? "ring" : "zero").append(" --first ").append(plan.seed).append(" --count 1 --features ").append(names(features));
        text.append(" --transport ").append(plan.pull ? "seed" : plan.network.name().toLowerCase(Locale.ROOT));
        append(text, " --ranks ", limits.ranks());
        append(text, " --calls ", limits.calls());
        append(text, " --tokens ", limits.tokens());
        if (limits.faults() != Limits.NONE) {
            final StringBuilder numbers = new StringBuilder();
            for (int number = 0; number < Integer.SIZE; number++) {
                if ((limits.faults() >> number & 1) != 0) {
                    numbers.append(numbers.isEmpty() ? "" : ",").append(number);
                }
            }
            text.append(" --faults ").append(numbers.isEmpty() ? "none" : numbers);
        }
        if (limits.salt() != 0) {
            text.append(" --salt ").append(limits.salt());
        }
        return text.toString();
    }

    private static void append(final StringBuilder text, final String name, final int value) {
        if (value != Limits.NONE) {
            text.append(name).append(value);
        }
    }

    private static String names(final int features) {
        if (features == allFeatures()) {
            return ALL;
        }
        final StringBuilder names = new StringBuilder();
        for (final Feature feature : Feature.values()) {
            if ((features & feature.bit()) != 0) {
                names.append(names.isEmpty() ? "" : ",").append(feature);
            }
        }
        return names.isEmpty() ? "none" : names.toString();
    }
}

package io.expertlane.bench.cli;

import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.GroupLimit;
import io.expertlane.kernel.moe.IncastRouting;
import io.expertlane.kernel.moe.RecordedRouting;
import io.expertlane.kernel.moe.RoutingSource;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** What {@code --routing} can say. */
final class RoutingOption {
    private static final String ZIPF = "zipf:";
    private static final String MAX_OVER_MEAN = "max-mean:";
    private static final String ESFT = "esft:";
    private static final String INCAST = "incast:";
    private static final String EXPECTED = "expected uniform, zipf:S, max-mean:R, incast:N or esft:DIR";

    private RoutingOption() {
    }

    /**
     * The source that {@code text} names: {@code uniform}, {@code zipf:S}, {@code max-mean:R}, {@code incast:N} or
     * {@code esft:DIR}.
     */
    static RoutingSource parse(final String text, final GroupLimit limit) throws IOException {
        if (text.equals("uniform")) {
            return DrawnRouting.uniform().limitedTo(limit);
        }
        if (text.startsWith(ZIPF)) {
            return DrawnRouting.zipf(number(text, ZIPF, "S of zipf:S must be a number, 0 to 10")).limitedTo(limit);
        }
        if (text.startsWith(MAX_OVER_MEAN)) {
            final double ratio = number(text, MAX_OVER_MEAN,
                "R of max-mean:R must be a number, 1 to experts over top-k");
            return DrawnRouting.maxOverMean(ratio).limitedTo(limit);
        }
        if (text.startsWith(INCAST)) {
            requireNone(limit, text);
            return new IncastRouting(number(text, INCAST, "N of incast:N must be a number, 0 to K"));
        }
        if (text.startsWith(ESFT) && text.length() > ESFT.length()) {
            requireNone(limit, text);
            return RecordedRouting.read(folder(text));
        }
        throw new UsageException("--routing", text, EXPECTED);
    }

    private static void requireNone(final GroupLimit limit, final String text) {
        if (!limit.equals(GroupLimit.NONE)) {
            throw new UsageException("--topk-groups", limit.perToken(), "not together with --routing " + text
                + ", whose choices are made");
        }
    }

    private static double number(final String text, final String prefix, final String limit) {
        try {
            return Double.parseDouble(text.substring(prefix.length()));
        } catch (final NumberFormatException e) {
            throw new UsageException("--routing", text, limit);
        }
    }

    private static Path folder(final String text) {
        try {
            return Path.of(text.substring(ESFT.length()));
        } catch (final InvalidPathException e) {
            throw new UsageException("--routing", text, "DIR of esft:DIR must be a path");
        }
    }
}

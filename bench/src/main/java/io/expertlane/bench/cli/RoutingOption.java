package io.expertlane.bench.cli;

import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.RecordedRouting;
import io.expertlane.kernel.moe.RoutingSource;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** What {@code --routing} can say. */
final class RoutingOption {
    private static final String ZIPF = "zipf:";
    private static final String ESFT = "esft:";
    private static final String EXPECTED = "expected uniform, zipf:S or esft:DIR";

    private RoutingOption() {
    }

    /** The source that {@code text} names: {@code uniform}, {@code zipf:S} or {@code esft:DIR}. */
    static RoutingSource parse(final String text) throws IOException {
        if (text.equals("uniform")) {
            return DrawnRouting.uniform();
        }
        if (text.startsWith(ZIPF)) {
            return DrawnRouting.zipf(exponent(text));
        }
        if (text.startsWith(ESFT) && text.length() > ESFT.length()) {
            return RecordedRouting.read(folder(text));
        }
        throw new UsageException("--routing", text, EXPECTED);
    }

    private static double exponent(final String text) {
        try {
            return Double.parseDouble(text.substring(ZIPF.length()));
        } catch (final NumberFormatException e) {
            throw new UsageException("--routing", text, "S of zipf:S must be a number, 0 to 10");
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

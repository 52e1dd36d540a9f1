package io.expertlane.bench.jmh;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.Locale;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Defaults;
import org.openjdk.jmh.runner.options.Options;

/**
 * The file that JMH writes its results to for {@code -rf} and {@code -rff}. JMH says that it is saved, whether it is or
 * not.
 */
final class ResultFile {
    private ResultFile() {
    }

    /**
     * Checks that all of {@code results} is in the file that {@code options} ask for, if they ask for one.
     *
     * @throws IOException if it is not
     */
    static void requireWhole(final Options options, final Collection<RunResult> results) throws IOException {
        if (!options.getResult().hasValue() && !options.getResultFormat().hasValue()) {
            return;
        }
        final ResultFormatType format = options.getResultFormat().orElse(Defaults.RESULT_FORMAT);
        final Path file = Path.of(options.getResult()
            .orElse(Defaults.RESULT_FILE_PREFIX + "." + format.name().toLowerCase(Locale.ROOT)));
        if (Files.isRegularFile(file) && Files.size(file) != size(format, results)) {
            throw new IOException(file + ": cannot be written whole: disk full?");
        }
    }

    private static long size(final ResultFormatType format, final Collection<RunResult> results) {
        final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (PrintStream out = new PrintStream(bytes, false, StandardCharsets.UTF_8)) {
            ResultFormatFactory.getInstance(format, out).writeOut(results);
        }
        return bytes.size();
    }
}

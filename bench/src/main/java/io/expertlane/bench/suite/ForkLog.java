package io.expertlane.bench.suite;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What the output of a JMH run that failed says of the reason, on one line: the benchmark it was in, and the exception
 * or the error.
 */
final class ForkLog {
    private static final String BENCHMARK = "# Benchmark: ";
    private static final String FAILURE = "<failure>";
    private static final String FORK_ERRORS = "<stderr last=";
    private static final String ERROR = "ERROR: ";
    /** Stack frames, JMH's own settings, and what follows the reason. */
    private static final Pattern NO_REASON = Pattern.compile(
        "\\s+at .*|\\s+\\.\\.\\. \\d+ more|#.*|</?std(?:out|err).*|Use EXTRA verbose mode.*|\\s*");

    private ForkLog() {
    }

    /** The reason that {@code log} gives. */
    static String reason(final String log) {
        final List<String> lines = log.lines().toList();
        final String benchmark = lines.stream().filter(line -> line.startsWith(BENCHMARK)).reduce((_, last) -> last)
            .map(line -> line.substring(BENCHMARK.length()) + ": ").orElse("");
        return Stream.of(after(lines, FORK_ERRORS), after(lines, FAILURE), error(lines), last(lines))
            .flatMap(Optional::stream).findFirst().map(reason -> benchmark + reason).orElse("no output");
    }

    /** What follows the first line that has {@code mark}. */
    private static Optional<String> after(final List<String> lines, final String mark) {
        return lines.stream().dropWhile(line -> !line.contains(mark)).skip(1).filter(ForkLog::isReason)
            .map(String::strip).findFirst();
    }

    private static Optional<String> error(final List<String> lines) {
        return lines.stream().filter(line -> line.startsWith(ERROR)).map(line -> line.substring(ERROR.length()))
            .findFirst();
    }

    private static Optional<String> last(final List<String> lines) {
        return lines.stream().filter(ForkLog::isReason).map(String::strip).reduce((_, last) -> last);
    }

    private static boolean isReason(final String line) {
        return !NO_REASON.matcher(line).matches();
    }
}

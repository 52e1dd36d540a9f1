package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.NoSuchFileException;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

class ErrorPolicyTest {
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @Command(name = "sample")
    private static final class Sample implements Callable<Integer> {
        private final Exception failure;

        @Option(names = "--ranks")
        private int ranks;

        @Option(names = "--mode")
        private Mode mode;

        @Option(names = "--out", required = true)
        private String folder;

        Sample(final Exception failure) {
            this.failure = failure;
        }

        @Override
        public Integer call() throws Exception {
            throw failure;
        }
    }

    private enum Mode { ll, ht }

    @Test
    void showsBadInputAsOneLine() {
        assertThat(fail(new UsageException("--ranks", 3, "must divide 256 experts"))).isEqualTo(2);
        assertThat(err.toString()).isEqualTo("expertlane: --ranks=3: must divide 256 experts\n");
        assertThat(fail(new IllegalArgumentException("hidden=100: must be a multiple of 128\nat somewhere")))
            .isEqualTo(2);
        assertThat(err.toString()).isEqualTo("expertlane: hidden=100: must be a multiple of 128\\u000aat somewhere\n");
    }

    /** A value with a line end took the limit behind it away, one with an escape sequence changed the terminal. */
    @Test
    void valuesOfAnyKindLeaveTheLineWhole() {
        assertThat(fail(new UsageException("--model", "a\nb\u001b[2J\u2028", "expected one of x, y"))).isEqualTo(2);
        assertThat(err.toString()).isEqualTo("expertlane: --model=a\\u000ab\\u001b[2J\\u2028: expected one of x, y\n");
        assertThat(fail(new UsageException("--model", "9".repeat(100_000), "expected one of x, y"))).isEqualTo(2);
        assertThat(err.toString()).startsWith("expertlane: --model=999").endsWith("99: expected one of x, y\n")
            .hasSizeLessThan(700);
    }

    @Test
    void showsFailedInputAndOutputAsOneLine() {
        assertThat(fail(new NoSuchFileException("/a"))).isEqualTo(2);
        assertThat(err.toString()).isEqualTo("expertlane: NoSuchFileException: /a\n");
        assertThat(fail(new UncheckedIOException(new IOException("No space left on device")))).isEqualTo(2);
        assertThat(err.toString()).isEqualTo("expertlane: IOException: No space left on device\n");
    }

    @Test
    void tooLittleMemoryIsOneLineWhateverThreadRanOutOfIt() {
        assertThat(fail(new IllegalStateException(new ExecutionException(new OutOfMemoryError("Java heap space")))))
            .isEqualTo(2);
        assertThat(err.toString())
            .isEqualTo("expertlane: memory=" + Runtime.getRuntime().maxMemory()
            + ": too little for input of this size (Java heap space)\n");
    }

    @Test
    void showsOurOwnFaultsWithTheirStackTrace() {
        assertThat(fail(new IllegalStateException("ring is torn"))).isEqualTo(1);
        assertThat(err.toString()).startsWith("java.lang.IllegalStateException: ring is torn\n").contains("\tat ");
    }

    @Test
    void showsBadParametersAsOneLineWithAHint() {
        assertParameterError("expertlane: Missing required option: '--out=<folder>' (see sample --help)\n");
        assertParameterError("expertlane: --ranks=many: 'many' is not an int (see sample --help)\n", "--out", "x",
            "--ranks", "many");
        assertParameterError("expertlane: --mode=lx: expected one of [ll, ht] (case-sensitive) but was 'lx' (see "
            + "sample --help)\n", "--out", "x", "--mode", "lx");
        assertParameterError("expertlane: Unknown options: '--rank', '3' (see sample --help)\n", "--out", "x", "--rank",
            "3");
    }

    @Test
    void teachesItself() {
        assertThat(expertlane("--help")).isZero();
        assertThat(out.toString()).contains("Examples:", "expertlane bench", "Exit codes");
        assertThat(expertlane("bench", "--help")).isZero();
        assertThat(out.toString()).contains("--preset", "--include", "--results", "--json", "Examples:", "99.9 %");
        assertThat(expertlane("--version")).isZero();
        assertThat(out.toString()).matches("expertlane \\d[^\\n$]*\\nJDK \\d+[^\\n]*\\n");
        assertThat(expertlane("bnech")).isEqualTo(2);
        assertThat(err.toString()).hasLineCount(1).contains("bnech").contains("--help");
        assertThat(expertlane()).isEqualTo(2);
        assertThat(err.toString()).hasLineCount(1).contains("COMMAND");
    }

    private int expertlane(final String... arguments) {
        return execute(ExpertlaneCommand.commandLine(), arguments);
    }

    private void assertParameterError(final String line, final String... arguments) {
        final CommandLine commandLine = new CommandLine(new Sample(new IllegalStateException("not reached")));
        ErrorPolicy.install(commandLine);
        assertThat(execute(commandLine, arguments)).isEqualTo(2);
        assertThat(err.toString()).isEqualTo(line);
    }

    private int fail(final Exception failure) {
        final CommandLine commandLine = new CommandLine(new Sample(failure));
        ErrorPolicy.install(commandLine);
        return execute(commandLine, "--out", "x");
    }

    private int execute(final CommandLine commandLine, final String... arguments) {
        out.getBuffer().setLength(0);
        err.getBuffer().setLength(0);
        return commandLine.setOut(new PrintWriter(out, true)).setErr(new PrintWriter(err, true)).execute(arguments);
    }
}

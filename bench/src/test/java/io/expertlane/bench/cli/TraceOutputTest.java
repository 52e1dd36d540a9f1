package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Traces of commands in JVMs of their own, which may write no more than so much to a file, are interrupted, or killed.
 */
class TraceOutputTest {
    private static final int PATIENCE_SECONDS = 120;

    @TempDir
    private Path folder;

    /** Starts the command behind {@code prefix}, a line of the shell. */
    private Process start(final String prefix, final String... arguments) throws IOException {
        final List<String> java = new ArrayList<>(List.of(ProcessHandle.current().info().command().orElse("java")));
        try (InputStream flags = Objects.requireNonNull(
            ExpertlaneCommand.class.getResourceAsStream("/io/expertlane/bench/jvm.flags"))) {
            java.addAll(List.of(new String(flags.readAllBytes(), StandardCharsets.UTF_8).strip().split(" ")));
        }
        java.addAll(List.of("-cp", System.getProperty("java.class.path"), ExpertlaneCommand.class.getName()));
        java.addAll(List.of(arguments));
        final List<String> command = new ArrayList<>(List.of("bash", "-c", prefix + " exec \"$@\"", "bash"));
        command.addAll(java);
        return new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true)
            .redirectOutput(folder.resolveSibling("log").toFile())
            .start();
    }

    private int exitCode(final Process process) throws InterruptedException {
        assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    private List<String> said() throws IOException {
        return Files.readAllLines(folder.resolveSibling("log")).stream()
            .filter(line -> !line.startsWith("WARNING: Using incubator modules")).toList();
    }

    /** Traces, with a trace long enough to be interrupted in its midst, and waits until it is being written. */
    private Process tracing(final String name) throws IOException, InterruptedException {
        final Process process = start("", "simulate", "--ep", "32", "--tokens", "4096", "--trace", name);
        while (process.isAlive() && names().stream().noneMatch(found -> found.startsWith("." + name))) {
            Thread.sleep(10);
        }
        assertThat(process.isAlive()).as("%s", said()).isTrue();
        return process;
    }

    @ParameterizedTest
    @ValueSource(strings = {"json", "pcap", "xltrace"})
    void whatCannotBeWrittenIsOneLineAndLeavesNothing(final String format) throws IOException, InterruptedException {
        assertThat(exitCode(start("ulimit -f 256;", "simulate", "--ep", "8", "--tokens", "32", "--trace", "run."
            + format))).isEqualTo(2);
        assertThat(said()).singleElement().asString().startsWith("expertlane: ").contains("run." + format + ": ")
            .doesNotContain(".tmp");
        assertThat(names()).isEmpty();
    }

    @Test
    void interruptedItLeavesNothing() throws IOException, InterruptedException {
        final Process process = tracing("run.json");
        process.destroy();
        assertThat(exitCode(process)).isNotZero();
        assertThat(names()).isEmpty();
    }

    @Test
    void whatAKilledRunLeavesTheNextOneRemoves() throws IOException, InterruptedException {
        final Process process = tracing("run.json");
        process.destroyForcibly();
        assertThat(exitCode(process)).isNotZero();
        assertThat(names()).hasSize(1);
        assertThat(exitCode(start("", "simulate", "--ep", "8", "--tokens", "1", "--trace", "run.json")))
            .as("%s", said()).isZero();
        assertThat(names()).containsExactly("run.json");
    }
}

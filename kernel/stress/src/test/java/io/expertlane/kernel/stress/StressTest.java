package io.expertlane.kernel.stress;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Runs all jcstress tests of the module, briefly; {@code -Dstress.mode=default} and others of jcstress run them longer. */
class StressTest {
    private static final int TESTS = 12;
    private static final long LIMIT_MINUTES = 60;

    @Test
    @Timeout(value = LIMIT_MINUTES, unit = TimeUnit.MINUTES)
    void noForbiddenOutcome(@TempDir final Path results) throws Exception {
        final List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        final List<String> flags = List.of(System.getProperty("jvm.flags").split(" "));
        command.addAll(flags);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), "org.openjdk.jcstress.Main", "-r", results.toString()));
        final String mode = System.getProperty("stress.mode");
        command.addAll(mode == null
            ? List.of("-f", "1", "-iters", "2", "-time", "250", "-sc", "false", "-af", "NONE", "-jvmArgs", String.join(" ", flags))
            : List.of("-m", mode, "-jvmArgsPrepend", String.join(" ", flags)));
        final Path output = results.resolve("output.txt");
        final Process process = new ProcessBuilder(command).directory(results.toFile()).redirectErrorStream(true).redirectOutput(output.toFile()).start();
        try {
            assertThat(process.waitFor()).as(() -> read(output)).isZero();
        } finally {
            process.destroyForcibly();
        }
        assertThat(read(output)).contains("Failed tests: No matches", "Error tests: No matches", "All remaining tests: " + TESTS + " matching");
    }

    private static String read(final Path file) {
        try {
            return Files.readString(file);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

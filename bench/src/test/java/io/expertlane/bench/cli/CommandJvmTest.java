package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.expertlane.bench.jmh.BenchmarkMain;
import io.expertlane.bench.results.SampleRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Commands in JVMs of their own: on a full disk, without native access, with files that are none. */
class CommandJvmTest {
    private static final Path FULL = Path.of("/dev/full");
    private static final int PATIENCE_SECONDS = 120;
    private static final String[] EXCHANGE = {"exchange", "--routing", "uniform", "--ranks", "2", "--tokens-per-rank",
        "16", "--hidden", "1024",
        "--experts", "4", "--topk", "2", "--warmup-seconds", "0", "--threads", "1", "--out"};

    @TempDir
    private Path folder;

    /**
     * Runs {@code main} with its output in {@code out}; returns the exit code and leaves the lines of its error stream
     * in {@code said}.
     */
    private int run(final List<String> flags, final Class<?> main, final Path out, final String... arguments)
        throws IOException, InterruptedException {
        final List<String> command =
            new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(flags);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(List.of(arguments));
        final Process process = new ProcessBuilder(command).directory(folder.toFile()).redirectOutput(out.toFile())
            .redirectError(folder.resolve("err").toFile()).start();
        assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        return process.exitValue();
    }

    private List<String> said() throws IOException {
        return Files.readAllLines(folder.resolve("err")).stream()
            .filter(line -> !line.startsWith("WARNING: Using incubator modules")).toList();
    }

    @ParameterizedTest
    @ValueSource(strings = {"profile", "profile --schema", "--help", "--version", "bench --plan", "jmh -l",
        "tune --help",
        "simulate --ep 4 --tokens 4 --experts 8 --json", "simulate --ep 4 --tokens 4 --experts 8"})
    void outputThatIsLostIsAFailure(final String arguments) throws IOException, InterruptedException {
        assumeTrue(Files.exists(FULL), "no /dev/full");
        assertThat(run(List.of(BenchmarkMain.jvmFlags()), ExpertlaneCommand.class, FULL, arguments.split(" ")))
            .isEqualTo(2);
        assertThat(said()).containsExactly("expertlane: standard output: No space left on device");
    }

    @Test
    void outputOfTheJarThatIsLostIsAFailure() throws IOException, InterruptedException {
        assumeTrue(Files.exists(FULL), "no /dev/full");
        assertThat(run(List.of(BenchmarkMain.jvmFlags()), BenchmarkMain.class, FULL, "-l")).isEqualTo(2);
        assertThat(said()).containsExactly("expertlane: jmh: standard output: No space left on device");
    }

    @Test
    void withoutNativeAccessTheResultIsTheSame() throws IOException, InterruptedException {
        final Path out = folder.resolve("out");
        final List<String> denied = Stream.of(BenchmarkMain.jvmFlags())
            .map(flag -> flag.startsWith("--enable-native-access") ? "--illegal-native-access=deny" : flag).toList();
        assertThat(denied).contains("--illegal-native-access=deny");
        assertThat(run(denied, ExpertlaneCommand.class, out, with(EXCHANGE, "denied"))).as("%s", said()).isZero();
        assertThat(said()).filteredOn(line -> line.contains("native access is denied")).singleElement().asString()
            .contains("--enable-native-access=");
        assertThat(run(List.of(BenchmarkMain.jvmFlags()), ExpertlaneCommand.class, out, with(EXCHANGE, "allowed")))
            .as("%s", said()).isZero();
        assertThat(said()).noneMatch(line -> line.contains("native access"));
        for (final String file : List.of("combined.npy", "recv_count.npy", "recv_rows.npy")) {
            assertThat(folder.resolve("denied").resolve(file))
                .hasSameBinaryContentAs(folder.resolve("allowed").resolve(file));
        }
    }

    /** A device or FIFO under the name that is to be written takes what is written, and stays. */
    @Test
    void writesToWhatIsNoFileAndLeavesIt() throws IOException, InterruptedException {
        final Path fifo = folder.resolve("fifo");
        assumeTrue(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor() == 0, "no mkfifo");
        final Path read = folder.resolve("read");
        final Process reader = new ProcessBuilder("cat", fifo.toString()).redirectOutput(read.toFile()).start();
        final Path results = Files.createDirectory(folder.resolve("results"));
        final Path run = new SampleRun("2026-01-01T00:00:00Z")
            .timed("A.x", Map.of(), 16, new double[] {100}, new double[] {102}).write(results);
        assertThat(run(List.of(BenchmarkMain.jvmFlags()), ExpertlaneCommand.class, folder.resolve("out"), "export",
            run.toString(), "--format", "csv",
            "--out", "fifo")).as("%s", said()).isZero();
        assertThat(reader.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(Files.readString(read)).isEqualTo(CommandRun.of("export", run, "--format", "csv").succeeded().out());
        assertThat(Files.isRegularFile(fifo)).isFalse();
    }

    private static String[] with(final String[] arguments, final String last) {
        return Stream.concat(Stream.of(arguments), Stream.of(last)).toArray(String[]::new);
    }
}

package io.expertlane.kernel.exchange;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks in processes of their own give what ranks in one process give, bit for bit: both modes over both paths, mapped or not, by push and by pull. */
@EnabledOnOs(OS.LINUX)
@Timeout(value = 600, unit = TimeUnit.SECONDS)
class RankProcessesTest {
    private static final String[] COMBINATIONS = {"LL ZERO", "LL RING", "HT ZERO", "HT RING"};

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(ints = {2, 4})
    void agreeWithTheCases(final int ranks) throws Exception {
        run(ranks, 5);
    }

    @Tag("slow")
    @ParameterizedTest
    @ValueSource(ints = {8, 3})
    void agreeWithManyCases(final int ranks) throws Exception {
        run(ranks, 20);
    }

    @Test
    void pulledCombineReadsTheMemoryOfOtherProcesses() throws Exception {
        assertThat(run(2, 12)).contains("done ZERO PULL", "done ZERO PUSH", "done RING PUSH");
    }

    /** Returns what was run. */
    private TreeSet<String> run(final int ranks, final int cases) throws Exception {
        final long firstSeed = new SplittableRandom().nextLong(1L << 40);
        System.out.println("RankProcessesTest ranks=" + ranks + " firstSeed=" + firstSeed);
        final List<Process> processes = new ArrayList<>();
        final TreeSet<String> answers = new TreeSet<>();
        try {
            for (int rank = 0; rank < ranks; rank++) {
                processes.add(start(rank, ranks));
            }
            for (int index = 0; index < cases * COMBINATIONS.length; index++) {
                final long seed = firstSeed + index;
                final String combination = COMBINATIONS[index % COMBINATIONS.length];
                tellAll(processes, combination + " " + seed + " " + (seed + 1));
                for (final Process process : processes) {
                    final String answer = answer(process);
                    assertThat(answer).as("%s seed %s", combination, seed).startsWith("done");
                    answers.add(answer);
                }
                tellAll(processes, "next");
            }
            for (final Process process : processes) {
                process.outputWriter().close();
                assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
                assertThat(process.exitValue()).isZero();
            }
        } finally {
            processes.forEach(Process::destroyForcibly);
        }
        try (Stream<Path> left = Files.list(folder)) {
            assertThat(left).isEmpty();
        }
        return answers;
    }

    private Process start(final int rank, final int ranks) throws IOException {
        return new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx256m",
            "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"),
            RankProcess.class.getName(), folder.toString(), Integer.toString(rank), Integer.toString(ranks))
            .redirectError(ProcessBuilder.Redirect.INHERIT).start();
    }

    private static void tellAll(final List<Process> processes, final String line) {
        for (final Process process : processes) {
            final PrintWriter writer = new PrintWriter(process.outputWriter(StandardCharsets.UTF_8), true);
            writer.println(line);
        }
    }

    private static String answer(final Process process) throws IOException {
        final BufferedReader reader = process.inputReader(StandardCharsets.UTF_8);
        return reader.readLine();
    }
}

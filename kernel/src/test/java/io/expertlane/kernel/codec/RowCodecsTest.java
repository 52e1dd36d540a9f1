package io.expertlane.kernel.codec;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Runs {@link TwinComparison} in child JVMs with other flags. */
class RowCodecsTest {
    @Test
    void withoutTheModuleWarnsOnceAndLoadsNoVectorClass() throws IOException, InterruptedException {
        final List<String> lines = run("-verbose:class");
        final List<String> printed = lines.stream().filter(line -> !line.startsWith("[")).toList();
        assertThat(printed).contains("ScalarRowCodec", "equal");
        assertThat(printed.stream().filter(line -> line.contains("--add-modules jdk.incubator.vector"))).hasSize(1);
        assertThat(lines).anyMatch(line -> line.contains(ScalarRowCodec.class.getName()))
                .noneMatch(line -> line.contains(VectorRowCodec.class.getName())
                || line.contains("jdk.incubator.vector.IntVector"));
    }

    @ParameterizedTest
    @ValueSource(ints = {16, 32, 64})
    void twinsAgreeWhateverTheVectorSize(final int maxVectorBytes) throws IOException, InterruptedException {
        final List<String> lines = run("--add-modules=jdk.incubator.vector", "-XX:MaxVectorSize=" + maxVectorBytes);
        assertThat(lines).contains("VectorRowCodec", "equal");
    }

    private static List<String> run(final String... flags) throws IOException, InterruptedException {
        final List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(flags));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), TwinComparison.class.getName()));
        final Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        final List<String> lines = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines()
            .toList();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(() -> String.join("\n", lines)).isZero();
        return lines;
    }
}

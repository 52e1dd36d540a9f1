package io.expertlane.kernel.explorer;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.difflib.DiffUtils;
import com.github.difflib.UnifiedDiffUtils;
import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Defects put back: each patch of {@code mutations} is applied to a copy of the kernel's sources it names, and must be found. The patch's first
 * line says by which seeds: {@code explore: --mode ll ...}.
 */
@Tag("slow")
class MutationTest {
    private static final String COMMAND = "explore: ";
    private static final Path KERNEL = Path.of("").toAbsolutePath().getParent();

    static Stream<Path> mutations() throws IOException, URISyntaxException {
        try (Stream<Path> files = Files.list(Path.of(MutationTest.class.getResource("/mutations").toURI()))) {
            return files.sorted().toList().stream();
        }
    }

    @ParameterizedTest
    @MethodSource("mutations")
    void isFound(final Path mutation, @TempDir final Path folder) throws Exception {
        final List<String> lines = Files.readAllLines(mutation);
        assertThat(lines.getFirst()).startsWith(COMMAND);
        compile(patch(lines, folder), folder);
        final List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(List.of(System.getProperty("jvm.flags").split(" ")));
        command.addAll(List.of("-cp", folder + System.getProperty("path.separator") + System.getProperty("java.class.path"), Explorer.class.getName(),
            "--no-shrink"));
        command.addAll(List.of(lines.getFirst().substring(COMMAND.length()).split(" +")));
        final Path output = folder.resolve("output.txt");
        final int exitCode = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start().waitFor();
        assertThat(exitCode).as("%s: %s", mutation.getFileName(), Files.readString(output)).isEqualTo(Explorer.VIOLATED);
    }

    /** Writes the patched sources; gives them. */
    private static List<Path> patch(final List<String> lines, final Path folder) throws Exception {
        final List<Path> sources = new ArrayList<>();
        for (int from = 0; from < lines.size(); from++) {
            if (lines.get(from).startsWith("--- a/kernel/")) {
                int to = from + 1;
                while (to < lines.size() && !lines.get(to).startsWith("--- a/")) {
                    to++;
                }
                final String name = lines.get(from).substring("--- a/kernel/".length()).split("\t")[0];
                final List<String> patched = DiffUtils.patch(Files.readAllLines(KERNEL.resolve(name)),
                    UnifiedDiffUtils.parseUnifiedDiff(lines.subList(from, to)));
                final Path source = folder.resolve("sources").resolve(name);
                Files.createDirectories(source.getParent());
                sources.add(Files.write(source, patched));
            }
        }
        assertThat(sources).isNotEmpty();
        return sources;
    }

    private static void compile(final List<Path> sources, final Path folder) {
        final List<String> arguments = new ArrayList<>(List.of("-nowarn", "--add-modules=jdk.incubator.vector", "-proc:none", "-d", folder.toString(), "-cp",
            System.getProperty("java.class.path")));
        sources.forEach(source -> arguments.add(source.toString()));
        assertThat(ToolProvider.getSystemJavaCompiler().run(null, null, null, arguments.toArray(String[]::new))).as("compiler's exit code").isZero();
    }
}

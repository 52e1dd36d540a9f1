package io.expertlane.kernel.explorer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Defects put back: each file of {@code mutations} changes a copy of the sources that it names, and must be found within its seeds. Its first line
 * says by which schedules, {@code explore: --mode ll ...}; then, for each change, {@code in: FILE} and the lines that go ({@code -}) and come
 * ({@code +}). What goes has to stand in the file once.
 */
class MutationTest {
    private static final String COMMAND = "explore: ";
    private static final String FILE = "in: ";
    private static final Path KERNEL = Path.of("").toAbsolutePath().getParent();

    static Stream<Path> mutations() throws IOException, URISyntaxException {
        try (Stream<Path> files = Files.list(Path.of(MutationTest.class.getResource("/mutations").toURI()))) {
            return files.sorted().toList().stream();
        }
    }

    /** So that the mutations follow the sources. */
    @ParameterizedTest
    @MethodSource("mutations")
    void stillApplies(final Path mutation, @TempDir final Path folder) throws IOException {
        assertThat(change(Files.readAllLines(mutation), folder)).isNotEmpty();
    }

    @Tag("slow")
    @ParameterizedTest
    @MethodSource("mutations")
    void isFound(final Path mutation, @TempDir final Path folder) throws Exception {
        final List<String> lines = Files.readAllLines(mutation);
        assertThat(lines.getFirst()).startsWith(COMMAND);
        compile(change(lines, folder), folder);
        final List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(List.of(System.getProperty("jvm.flags").split(" ")));
        command.addAll(List.of("-cp", folder + System.getProperty("path.separator") + System.getProperty("java.class.path"), Explorer.class.getName(),
            "--no-shrink"));
        command.addAll(List.of(lines.getFirst().substring(COMMAND.length()).split(" +")));
        final Path output = folder.resolve("output.txt");
        final int exitCode = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile()).start().waitFor();
        assertThat(exitCode).as("%s: %s", mutation.getFileName(), Files.readString(output)).isEqualTo(Explorer.VIOLATED);
    }

    /** Writes the changed sources; returns them. */
    private static List<Path> change(final List<String> lines, final Path folder) throws IOException {
        final Map<Path, String> sources = new LinkedHashMap<>();
        Path name = null;
        for (int from = 1; from < lines.size();) {
            if (lines.get(from).startsWith(FILE)) {
                name = Path.of(lines.get(from++).substring(FILE.length()));
            }
            final StringBuilder before = new StringBuilder();
            for (; from < lines.size() && lines.get(from).startsWith("-"); from++) {
                before.append(lines.get(from).substring(1)).append('\n');
            }
            final StringBuilder after = new StringBuilder();
            for (; from < lines.size() && lines.get(from).startsWith("+"); from++) {
                after.append(lines.get(from).substring(1)).append('\n');
            }
            final String source = sources.containsKey(name) ? sources.get(name) : Files.readString(KERNEL.resolve(name));
            assertThat(source.split(Pattern.quote(before.toString()), -1)).as("parts around the lines that go, in %s", name).hasSize(2);
            sources.put(name, source.replace(before, after));
        }
        final List<Path> written = new ArrayList<>();
        for (final Map.Entry<Path, String> source : sources.entrySet()) {
            final Path file = folder.resolve("sources").resolve(source.getKey());
            Files.createDirectories(file.getParent());
            written.add(Files.writeString(file, source.getValue()));
        }
        assertThat(written).isNotEmpty();
        return written;
    }

    private static void compile(final List<Path> sources, final Path folder) {
        final List<String> arguments = new ArrayList<>(List.of("-nowarn", "--add-modules=jdk.incubator.vector", "-proc:none", "-d", folder.toString(), "-cp",
            System.getProperty("java.class.path")));
        sources.forEach(source -> arguments.add(source.toString()));
        assertThat(ToolProvider.getSystemJavaCompiler().run(null, null, null, arguments.toArray(String[]::new))).as("compiler's exit code").isZero();
    }
}

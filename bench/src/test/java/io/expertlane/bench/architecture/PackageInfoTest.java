package io.expertlane.bench.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every package of every module says in its {@code package-info} what lives there. */
class PackageInfoTest {
    @TempDir
    private Path folder;

    @Test
    void everyPackageHasADocumentedPackageInfo() throws IOException {
        for (final String module : List.of("kernel", "sim-nic", "bench")) {
            final Path sources = Path.of("..", module, "src", "main", "java");
            assertThat(sources).isDirectory();
            assertThat(undocumentedPackages(sources)).as(module).isEmpty();
        }
    }

    @Test
    void findsPackagesWithoutOne() throws IOException {
        source("documented/A.java", "");
        source("documented/package-info.java", "/** Holds A. */\npackage documented;");
        source("bare/B.java", "");
        source("silent/C.java", "");
        source("silent/package-info.java", "package silent;");
        assertThat(undocumentedPackages(folder))
            .containsExactlyInAnyOrder(folder.resolve("bare"), folder.resolve("silent"));
    }

    private static List<Path> undocumentedPackages(final Path sources) throws IOException {
        try (Stream<Path> files = Files.walk(sources)) {
            return files.filter(f -> f.toString().endsWith(".java")).map(Path::getParent).distinct()
                .filter(p -> !isDocumented(p)).toList();
        }
    }

    private static boolean isDocumented(final Path folder) {
        final Path info = folder.resolve("package-info.java");
        try {
            return Files.exists(info) && Files.readString(info).startsWith("/**");
        } catch (final IOException e) {
            throw new AssertionError(e);
        }
    }

    private void source(final String name, final String text) throws IOException {
        final Path file = folder.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, text);
    }
}

package io.expertlane.examples;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What is published: built twice it is the same to the byte, and a project that depends on it alone runs on it. Minutes
 * of two builds, so slow.
 */
class ArtifactsTest {
    @Test
    @Tag("slow")
    void builtTwiceTheyAreEqualAndAnOutsideProjectRunsOnThem(@TempDir final Path folder) throws Exception {
        final Path said = folder.resolve("said.txt");
        final Process process = new ProcessBuilder("../../.ci/artifacts", folder.resolve("work").toString())
            .redirectErrorStream(true).redirectOutput(said.toFile()).start();
        final boolean ended = process.waitFor(30, TimeUnit.MINUTES);
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
        assertThat(ended).as("ends within 30 minutes").isTrue();
        assertThat(process.waitFor()).as(Files.readString(said)).isZero();
        assertThat(Files.readAllLines(said)).last().isEqualTo("artifacts: ok");
    }

    /** What Maven Central asks of a pom, whoever of the parents has it. */
    @Test
    void pomsHaveWhatMavenCentralAsksFor() throws IOException {
        final Path root = Path.of("../..");
        final List<String> inherited = List.of("<url>", "<license>", "<developer>", "<scm", "<connection>");
        for (final String pom : List.of("pom.xml", "kernel/bom/pom.xml")) {
            assertThat(Files.readString(root.resolve(pom))).as(pom).contains(inherited)
                .contains("<name>", "<description>");
        }
        for (final String pom : List.of("kernel/pom.xml", "sim-nic/pom.xml")) {
            assertThat(Files.readString(root.resolve(pom))).as(pom).contains("<parent>", "<name>", "<description>");
        }
    }
}

package io.expertlane.nic.files;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.memory.ProcessIdentity;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What processes leave behind that are interrupted, killed, or alive. */
class TemporaryFilesTest {
    private static final int PATIENCE_SECONDS = 60;

    @TempDir
    private Path folder;

    /** Makes a temporary file and a folder with a file in it, says so, and waits to be ended. */
    static final class Holder {
        private Holder() {
        }

        public static void main(final String[] arguments) throws IOException, InterruptedException {
            final Path target = Path.of(arguments[0]).resolve("result");
            final Path file = Files.createFile(TemporaryFiles.beside(target));
            final Path directory = Files.createDirectory(TemporaryFiles.beside(target));
            Files.createFile(directory.resolve("inside"));
            if (Boolean.parseBoolean(arguments[1])) {
                TemporaryFiles.removeAtExit(file);
                TemporaryFiles.removeAtExit(directory);
            }
            System.out.println("made");
            Thread.sleep(Long.MAX_VALUE);
        }
    }

    private Process start(final boolean removeAtExit) throws IOException {
        final Process process = new ProcessBuilder(ProcessHandle.current().info().command().orElse("java"), "-cp",
            System.getProperty("java.class.path"),
            Holder.class.getName(), folder.toString(), Boolean.toString(removeAtExit)).redirectErrorStream(true)
            .start();
        assertThat(process.inputReader().readLine()).isEqualTo("made");
        return process;
    }

    private List<Path> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList();
        }
    }

    @Test
    void whatAnInterruptedProcessWasWritingIsGone() throws IOException, InterruptedException {
        final Process process = start(true);
        assertThat(names()).hasSize(2);
        process.destroy();
        assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
        assertThat(names()).isEmpty();
    }

    @Test
    void whatAKilledProcessLeftIsRemovedByTheNextAndALiveOnesStays() throws IOException, InterruptedException {
        final Process killed = start(true);
        final Process live = start(false);
        try {
            killed.destroyForcibly();
            assertThat(killed.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).isTrue();
            assertThat(names()).hasSize(4);
            final List<Path> others = new ArrayList<>(List.of(Files.createFile(folder.resolve(".result.tmp")),
                Files.createFile(folder.resolve(".result.0123abcd-1-2-3.tmp")),
                Files.createFile(folder.resolve("result"))));
            start(false).destroyForcibly().waitFor();
            others.addAll(names().stream().filter(name -> name.toString().contains("-" + live.pid() + "-")).toList());
            assertThat(others).as("the live one's and foreign ones").hasSize(5);
            assertThat(names()).containsAll(others)
                .noneMatch(name -> name.toString().contains("-" + killed.pid() + "-"));
        } finally {
            live.destroyForcibly().waitFor();
        }
    }

    @Test
    void aProcessWithANumberUsedAgainIsAnotherOne() {
        final ProcessIdentity self = ProcessIdentity.current();
        assertThat(self.hasEnded()).isFalse();
        assertThat(new ProcessIdentity(self.place(), self.pid(), self.start() + 1).hasEnded()).isTrue();
        assertThat(new ProcessIdentity("00000000", self.pid(), self.start() + 1).hasEnded()).as("elsewhere").isFalse();
        assertThat(new ProcessIdentity(self.place(), Integer.MAX_VALUE, self.start()).hasEnded()).as("no such process")
            .isTrue();
    }

    @Test
    void foldersAreTheUsersOwnAndNamesDiffer() throws IOException {
        final Path made = TemporaryFiles.newFolder("expertlane-test");
        try {
            assertThat(made).isEmptyDirectory();
            assertThat(made.getFileName().toString()).startsWith(".expertlane-test.");
            assertThat(TemporaryFiles.beside(folder.resolve("a"))).hasParentRaw(folder)
                .isNotEqualTo(TemporaryFiles.beside(folder.resolve("a")));
            assertThat(TemporaryFiles.beside(Path.of("a")).getParent()).isNull();
        } finally {
            Files.delete(made);
        }
    }
}

package io.expertlane.bench.results;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class OutputDirectoryTest {
    @TempDir
    private Path folder;

    @Test
    void appearsWholeOnCommit() throws IOException {
        final Path target = folder.resolve("a/b/out");
        try (OutputDirectory directory = OutputDirectory.open("--out", target)) {
            Files.writeString(directory.file("x"), "1");
            assertThat(target).doesNotExist();
            directory.commit();
        }
        assertThat(target.resolve("x")).hasContent("1");
        assertThat(entries(target.getParent())).containsExactly(target);
    }

    @Test
    void leavesNothingWithoutCommit() throws IOException {
        try (OutputDirectory directory = OutputDirectory.open("--out", folder.resolve("a/b/out"))) {
            Files.createDirectory(directory.file("deep"));
            Files.writeString(directory.file("deep").resolve("x"), "1");
        }
        assertThat(entries(folder)).isEmpty();
    }

    /** Removing what is interrupted went on beside the renaming of it: a folder with a part of its files could appear. */
    @Test
    void doesNotAppearOnceItIsDiscarded() throws IOException {
        try (OutputDirectory directory = OutputDirectory.open("--out", folder.resolve("a/b"))) {
            Files.writeString(directory.file("one"), "1");
            directory.discardAtExit();
            assertThatThrownBy(directory::commit).isInstanceOf(IOException.class);
        }
        assertThat(folder).isEmptyDirectory();
    }

    /** An interrupted command may write on while its files are removed: that ended in a stack trace. */
    @Test
    void discardsWhatIsStillWritten() throws Exception {
        for (int round = 0; round < 20; round++) {
            final OutputDirectory directory = OutputDirectory.open("--out", folder.resolve("out"));
            final Thread writer = Thread.ofPlatform().start(() -> {
                for (int i = 0; i < 200; i++) {
                    try {
                        Json.write(directory.file("file-" + i), i);
                    } catch (final IOException _) {
                        // Its folder is gone.
                        return;
                    }
                }
            });
            directory.discardAtExit();
            writer.join();
            directory.close();
            assertThat(folder.resolve("out")).doesNotExist();
        }
    }

    @Test
    void takesAnEmptyFolderAndKeepsParentsThatOthersUse() throws IOException {
        final Path target = Files.createDirectory(folder.resolve("out"));
        try (OutputDirectory directory = OutputDirectory.open("--out", target)) {
            Files.writeString(directory.file("x"), "1");
            directory.commit();
        }
        assertThat(target.resolve("x")).exists();
        try (OutputDirectory directory = OutputDirectory.open("--out", folder.resolve("a/out"))) {
            Files.writeString(directory.target().resolveSibling("other"), "2");
        }
        assertThat(entries(folder.resolve("a"))).containsExactly(folder.resolve("a/other"));
    }

    @Test
    void refusesWhatExists() throws IOException {
        final Path full = Files.createDirectory(folder.resolve("full"));
        Files.writeString(full.resolve("x"), "1");
        for (final String action : List.of("check", "open")) {
            assertRefused(action, full, "--out=" + full + ": exists and is not empty");
            assertRefused(action, full.resolve("x"), "--out=" + full.resolve("x") + ": exists and is not a folder");
            assertRefused(action, full.resolve("x/y"), "--out=" + full.resolve("x/y") + ": cannot be made (");
        }
        assertThat(full.resolve("x")).hasContent("1");
        assertThat(entries(folder)).containsExactly(full);
    }

    @Test
    void replacesAFileWholeOrNotAtAll() throws IOException {
        final Path file = Files.writeString(folder.resolve("f"), "old");
        assertThatThrownBy(() -> AtomicFile.write(file, channel -> {
            channel.write(ByteBuffer.wrap(new byte[3]));
            throw new IOException("disk full");
        })).hasMessage("disk full");
        assertThat(file).hasContent("old");
        AtomicFile.write(file, channel -> channel.write(StandardCharsets.US_ASCII.encode("new")));
        assertThat(file).hasContent("new");
        assertThat(entries(folder)).containsExactly(file);
    }

    private static void assertRefused(final String action, final Path target, final String message) {
        assertThatThrownBy(() -> {
            if ("check".equals(action)) {
                OutputDirectory.check("--out", target);
            } else {
                OutputDirectory.open("--out", target).close();
            }
        }).as(action).isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith(message);
    }

    private static List<Path> entries(final Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList();
        }
    }
}

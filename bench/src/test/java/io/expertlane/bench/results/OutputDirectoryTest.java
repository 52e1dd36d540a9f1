package io.expertlane.bench.results;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.FileInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
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

    /**
     * Removing what is interrupted went on beside the renaming of it: a folder with a part of its files could appear.
     */
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

    /**
     * Neither the temporary folder's name nor another one fits beside it: as with a mount, or a parent that is not
     * ours.
     */
    @Test
    void keepsAnEmptyFolderThatCannotBeRenamed() throws IOException {
        final Path target = Files.createDirectory(folder.resolve("x".repeat(240)));
        final Object key = Files.readAttributes(target, BasicFileAttributes.class).fileKey();
        OutputDirectory.check("--out", target);
        try (OutputDirectory directory = OutputDirectory.open("--out", target)) {
            Files.writeString(directory.file("x"), "1");
            assertThat(target.resolve("x")).doesNotExist();
        }
        assertThat(entries(target)).isEmpty();
        try (OutputDirectory directory = OutputDirectory.open("--out", target)) {
            Files.writeString(directory.file("x"), "1");
            Files.writeString(Files.createDirectory(directory.file("deep")).resolve("y"), "2");
            directory.commit();
        }
        assertThat(entries(target)).containsExactlyInAnyOrder(target.resolve("x"), target.resolve("deep"));
        assertThat(target.resolve("deep/y")).hasContent("2");
        assertThat(Files.readAttributes(target, BasicFileAttributes.class).fileKey()).isEqualTo(key);
    }

    @Test
    void writesIntoAMount() throws IOException, InterruptedException {
        final Path target = Files.createDirectory(folder.resolve("volume"));
        final boolean mounted = new ProcessBuilder("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", target.toString())
            .redirectError(ProcessBuilder.Redirect.DISCARD).start().waitFor() == 0;
        assumeTrue(mounted, "mounts take root");
        try {
            try (OutputDirectory directory = OutputDirectory.open("--out", target)) {
                Files.writeString(directory.file("x"), "1");
                directory.commit();
            }
            assertThat(entries(target)).containsExactly(target.resolve("x"));
        } finally {
            new ProcessBuilder("umount", target.toString()).start().waitFor();
        }
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
    void makesSharedFoldersBeforeAnyWork() throws IOException {
        OutputDirectory.makeShared("--out", folder.resolve("a/b"));
        OutputDirectory.makeShared("--out", Files.createSymbolicLink(folder.resolve("link"), folder.resolve("a/b")));
        assertThat(entries(folder.resolve("a/b"))).isEmpty();
        final Path file = Files.writeString(folder.resolve("file"), "1");
        assertThatThrownBy(() -> OutputDirectory.makeShared("--out", file)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("--out=" + file + ": exists and is not a folder");
        assertThatThrownBy(() -> OutputDirectory.makeShared("--out", file.resolve("x")))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith("--out=" + file.resolve("x") + ": cannot be made (");
    }

    @Test
    void replacesAFileWholeOrNotAtAll() throws IOException {
        final Path file = Files.writeString(folder.resolve("f"), "old");
        assertThatThrownBy(() -> AtomicFile.write(file, channel -> {
            channel.write(ByteBuffer.wrap(new byte[3]));
            throw new IOException("disk full");
        })).hasMessage(file + ": disk full");
        assertThat(file).hasContent("old");
        AtomicFile.write(file, channel -> channel.write(StandardCharsets.US_ASCII.encode("new")));
        assertThat(file).hasContent("new");
        assertThat(entries(folder)).containsExactly(file);
    }

    @Test
    void keepsLinksAndReplacesWhatTheyLeadTo() throws IOException {
        final Path file = Files.writeString(Files.createDirectory(folder.resolve("data")).resolve("f"), "old");
        final Path link = Files.createSymbolicLink(folder.resolve("link"), Path.of("data/f"));
        final Path chain = Files.createSymbolicLink(folder.resolve("chain"), link);
        AtomicFile.write(chain, channel -> channel.write(StandardCharsets.US_ASCII.encode("new")));
        assertThat(file).hasContent("new");
        assertThat(List.of(link, chain)).allMatch(Files::isSymbolicLink);
        final Path dangling = Files.createSymbolicLink(folder.resolve("dangling"), Path.of("data/g"));
        AtomicFile.write(dangling, channel -> channel.write(StandardCharsets.US_ASCII.encode("made")));
        assertThat(folder.resolve("data/g")).hasContent("made");
        assertThat(dangling).isSymbolicLink();
        assertThat(entries(folder.resolve("data"))).hasSize(2);
        final Path loop = Files.createSymbolicLink(folder.resolve("loop"), Path.of("loop"));
        assertThatThrownBy(() -> AtomicFile.write(loop, _ -> { })).isInstanceOf(IOException.class)
            .hasMessageContaining(loop.toString());
    }

    /** The shell's {@code > file}, and /dev/stdout: the descriptor has been written to, and will be again. */
    @Test
    void writesToDescriptorsAsTheyAre() throws IOException {
        final Path file = Files.writeString(folder.resolve("f"), "before ");
        try (FileInputStream in = new FileInputStream(file.toFile())) {
            final Path descriptor = descriptor(file);
            final Object key = Files.readAttributes(file, BasicFileAttributes.class).fileKey();
            AtomicFile.check("--out", descriptor);
            AtomicFile.write(descriptor, channel -> channel.write(StandardCharsets.US_ASCII.encode("after")));
            assertThat(Files.readAttributes(file, BasicFileAttributes.class).fileKey()).isEqualTo(key);
            assertThat(new String(in.readAllBytes(), StandardCharsets.US_ASCII)).isEqualTo("before after");
        }
        assertThat(entries(folder)).containsExactly(file);
    }

    private static Path descriptor(final Path file) throws IOException {
        final Path descriptors = Path.of("/proc/self/fd");
        assumeTrue(Files.isDirectory(descriptors), "Linux shows descriptors as files");
        for (final Path each : entries(descriptors)) {
            if (Files.isSymbolicLink(each) && Files.exists(each) && Files.isSameFile(each, file)) {
                return each;
            }
        }
        throw new AssertionError("no descriptor of " + file);
    }

    @Test
    void namesTheFileAndTheFolderThatIsMissing() throws IOException {
        final Path file = folder.resolve("nodir/x.csv");
        assertThatThrownBy(() -> AtomicFile.check("--out", file)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("--out=" + file + ": no folder " + folder.resolve("nodir"));
        assertThatThrownBy(() -> AtomicFile.write(file, _ -> { })).isInstanceOf(IOException.class)
            .hasMessage(file + ": no folder " + folder.resolve("nodir"));
        assertThatThrownBy(() -> AtomicFile.check("--out", folder)).hasMessage("--out=" + folder + ": is a folder");
        AtomicFile.check("--out", Path.of("here"));
        assertThat(entries(folder)).isEmpty();
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

package io.expertlane.bench.results;

import io.expertlane.nic.files.TemporaryFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.stream.Stream;

/**
 * A folder of results that appears whole or not at all: files go to a temporary sibling folder, {@link #commit()}
 * forces them to the disk and renames it. An empty folder that cannot be renamed (a mount, such as a container's
 * volume) has the temporary folder inside, and its files appear one after the other. Closed without a commit, or when
 * the JVM is interrupted, nothing is left, parent folders made for it included; what a JVM that was killed leaves, the
 * next one removes.
 * <p>Threading: one thread.
 * <p>Failure: a target that exists and is not an empty folder is refused when opened, before any work is done.
 */
public final class OutputDirectory implements AutoCloseable {
    private static final int DISCARD_ATTEMPTS = 100;

    private final Path target;
    private final Path temporary;
    private final Deque<Path> createdParents = new ArrayDeque<>();
    private final Thread onInterrupt = new Thread(this::discardAtExit, "remove-temporary-output");
    private final boolean inside;
    /** Written by the thread that writes and by the one that discards when the JVM ends. */
    private boolean open = true;

    private OutputDirectory(final Path target, final boolean inside) {
        this.target = target;
        this.inside = inside;
        this.temporary = TemporaryFiles.beside(inside ? target.resolve("unfinished") : target);
    }

    /**
     * Checks that {@link #open} can be expected to succeed later, and makes nothing.
     *
     * @param field name of the option that gave the folder, for messages
     * @throws IllegalArgumentException if the target exists and is anything but an empty folder, or no folder can be
     *         made there
     */
    public static void check(final String field, final Path target) throws IOException {
        requireFree(field, target);
        Path ancestor = target.toAbsolutePath().normalize();
        while (!Files.exists(ancestor, LinkOption.NOFOLLOW_LINKS)) {
            ancestor = ancestor.getParent();
        }
        if (!Files.isDirectory(ancestor) || !Files.isWritable(ancestor)) {
            throw new IllegalArgumentException(field + "=" + target + ": cannot be made (" + ancestor
                + " is no writable folder)");
        }
    }

    /**
     * Makes the temporary folder for {@code target}.
     *
     * @param field name of the option that gave the folder, for messages
     * @throws IllegalArgumentException if the target exists and is anything but an empty folder, or cannot be made
     */
    public static OutputDirectory open(final String field, final Path target) throws IOException {
        requireFree(field, target);
        final Path real = Files.exists(target) ? target.toRealPath() : target.toAbsolutePath().normalize();
        if (real.getFileName() == null) {
            throw new IllegalArgumentException(field + "=" + target + ": expected a folder below the root");
        }
        final OutputDirectory directory = new OutputDirectory(real, Files.exists(real) && !canBeRenamed(real));
        try {
            directory.createParents(real.getParent());
            Files.createDirectory(directory.temporary);
        } catch (final IOException e) {
            directory.discard();
            throw new IllegalArgumentException(field + "=" + target + ": cannot be made ("
                + TemporaryFiles.withTargets(e.toString()) + ")", e);
        }
        directory.discardOnInterrupt();
        return directory;
    }

    /**
     * Makes a folder whose files are written one by one and whose other files stay, before the work whose results they
     * are.
     *
     * @param field name of the option that gave the folder, for messages
     * @throws IllegalArgumentException if it cannot be made, or cannot be written
     */
    public static void makeShared(final String field, final Path folder) {
        try {
            Files.createDirectories(folder);
        } catch (final FileAlreadyExistsException e) {
            throw new IllegalArgumentException(field + "=" + folder + ": exists and is not a folder", e);
        } catch (final IOException e) {
            throw new IllegalArgumentException(field + "=" + folder + ": cannot be made (" + e + ")", e);
        }
        if (!Files.isWritable(folder)) {
            throw new IllegalArgumentException(field + "=" + folder + ": cannot be written");
        }
    }

    /** Only the system knows of all mounts and rights: asked by renaming the folder, and back. */
    private static boolean canBeRenamed(final Path folder) throws IOException {
        final Path aside = TemporaryFiles.beside(folder);
        try {
            Files.move(folder, aside, StandardCopyOption.ATOMIC_MOVE);
        } catch (final IOException _) {
            return false;
        }
        Files.move(aside, folder, StandardCopyOption.ATOMIC_MOVE);
        return true;
    }

    private void discardOnInterrupt() {
        try {
            Runtime.getRuntime().addShutdownHook(onInterrupt);
        } catch (final IllegalStateException _) {
            // Opened to keep what is done while the JVM shuts down: close() still discards.
        }
    }

    private static void requireFree(final String field, final Path target) throws IOException {
        if (!Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        if (!Files.isDirectory(target)) {
            throw new IllegalArgumentException(field + "=" + target + ": exists and is not a folder");
        }
        TemporaryFiles.removeLeftBehind(target.toAbsolutePath());
        try (Stream<Path> entries = Files.list(target)) {
            if (entries.findAny().isPresent()) {
                throw new IllegalArgumentException(field + "=" + target + ": exists and is not empty");
            }
        }
    }

    private void createParents(final Path parent) throws IOException {
        if (!Files.isDirectory(parent)) {
            createParents(parent.getParent());
            Files.createDirectory(parent);
            createdParents.push(parent);
        }
    }

    /** Where the folder will be after {@link #commit()}. */
    public Path target() {
        return target;
    }

    /** Where to write the file that will be {@code target/name}. */
    public Path file(final String name) {
        return temporary.resolve(name);
    }

    /** Forces the files to the disk and renames the temporary folder to the target. */
    public void commit() throws IOException {
        try (Stream<Path> entries = Files.walk(temporary)) {
            for (final Path entry : (Iterable<Path>) entries::iterator) {
                force(entry);
            }
        }
        appear();
        forgetInterrupt();
        force(inside ? target : target.getParent());
    }

    /** Excludes {@link #discardAtExit}: a folder of which it has removed a part must not get its name. */
    private synchronized void appear() throws IOException {
        if (!open) {
            throw new IOException(target + ": interrupted before it was complete");
        }
        if (inside) {
            moveInside();
        } else {
            Files.deleteIfExists(target);
            Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
        }
        open = false;
    }

    private void moveInside() throws IOException {
        final List<Path> files;
        try (Stream<Path> entries = Files.list(temporary)) {
            files = entries.toList();
        }
        for (final Path file : files) {
            Files.move(file, target.resolve(file.getFileName()), StandardCopyOption.ATOMIC_MOVE);
        }
        Files.delete(temporary);
    }

    /** fsync(2); of folders too, where the system can. */
    private static void force(final Path entry) throws IOException {
        final boolean folder = Files.isDirectory(entry);
        try (FileChannel channel = FileChannel.open(entry,
            folder ? StandardOpenOption.READ : StandardOpenOption.WRITE)) {
            channel.force(true);
        } catch (final IOException e) {
            if (!folder) {
                throw e;
            }
        }
    }

    /** Removes everything that was written, unless it was committed. */
    @Override
    public void close() {
        if (end()) {
            forgetInterrupt();
            try {
                discard();
            } catch (final IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }

    /** Ends the writing; gives whether it had not ended before. */
    private synchronized boolean end() {
        final boolean wasOpen = open;
        open = false;
        return wasOpen;
    }

    /** What the JVM does when it is interrupted. */
    void discardAtExit() {
        boolean left = end();
        for (int attempt = 0; left && attempt < DISCARD_ATTEMPTS; attempt++) {
            try {
                discard();
                left = false;
            } catch (final IOException _) {
                // The interrupted thread writes there still. What stays in the end, the next run removes.
            }
        }
    }

    private void forgetInterrupt() {
        try {
            Runtime.getRuntime().removeShutdownHook(onInterrupt);
        } catch (final IllegalStateException _) {
            // The JVM shuts down and the hook runs already: after a commit it finds nothing, else it removes the same
            // files.
        }
    }

    private void discard() throws IOException {
        delete(temporary);
        for (final Path parent : createdParents) {
            deleteIfEmpty(parent);
        }
    }

    /** Removes {@code folder} and all in it, if it exists. */
    public static void delete(final Path folder) throws IOException {
        if (Files.exists(folder)) {
            Files.walkFileTree(folder, new Deletion());
        }
    }

    private static void deleteIfEmpty(final Path folder) throws IOException {
        if (!Files.exists(folder)) {
            return;
        }
        try (Stream<Path> entries = Files.list(folder)) {
            if (entries.findAny().isPresent()) {
                return;
            }
        }
        Files.deleteIfExists(folder);
    }

    private static final class Deletion extends SimpleFileVisitor<Path> {
        @Override
        public FileVisitResult visitFile(final Path file, final BasicFileAttributes attributes) throws IOException {
            Files.deleteIfExists(file);
            return FileVisitResult.CONTINUE;
        }

        /** Renamed or removed meanwhile, or else the folder cannot be removed either. */
        @Override
        public FileVisitResult visitFileFailed(final Path file, final IOException failure) {
            return FileVisitResult.CONTINUE;
        }

        @Override
        public FileVisitResult postVisitDirectory(final Path folder, final IOException failure) throws IOException {
            Files.deleteIfExists(folder);
            return FileVisitResult.CONTINUE;
        }
    }
}

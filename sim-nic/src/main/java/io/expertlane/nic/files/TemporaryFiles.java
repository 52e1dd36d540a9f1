package io.expertlane.nic.files;

import io.expertlane.kernel.memory.ProcessIdentity;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.UserPrincipal;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Names for files and folders that are to be renamed or removed: hidden, and with the process that made them in the
 * name. What a process left behind that was killed is removed when the next one asks for a name in the same folder;
 * what a live process, another machine or another user has there stays.
 *
 * <p>Threading: any thread.
 */
public final class TemporaryFiles {
    private static final ProcessIdentity SELF = ProcessIdentity.current();
    private static final String OWNER = "." + SELF.place() + "-" + SELF.pid() + "-" + SELF.start() + "-";
    private static final Pattern NAME = Pattern.compile("\\..*\\.([0-9a-f]{8})-(\\d{1,18})-(\\d{1,18})-\\d+(?:\\.tmp)?",
        Pattern.DOTALL);
    private static final Pattern IN_MESSAGE =
        Pattern.compile("\\.([^/\\\\]+)\\.[0-9a-f]{8}-\\d{1,18}-\\d{1,18}-\\d+\\.tmp");
    private static final AtomicLong COUNT = new AtomicLong();
    private static final Set<Path> CLEANED = ConcurrentHashMap.newKeySet();
    private static final Set<Path> REMOVED_AT_EXIT = ConcurrentHashMap.newKeySet();

    static {
        try {
            Runtime.getRuntime().addShutdownHook(new Thread(() ->
                REMOVED_AT_EXIT.forEach(TemporaryFiles::removeQuietly), "remove-temporary-files"));
        } catch (final IllegalStateException _) {
            // First used while the JVM shuts down: whoever writes then removes what it made itself.
        }
    }

    private TemporaryFiles() {
    }

    /**
     * A name that nothing has, in the folder of {@code target} and hence on its file system; removes what ended
     * processes left there.
     */
    public static Path beside(final Path target) {
        removeLeftBehind(target.toAbsolutePath().getParent());
        return target.resolveSibling("." + target.getFileName() + OWNER + COUNT.incrementAndGet() + ".tmp");
    }

    /** A message with the names that files and folders will have in place of their temporary ones. */
    public static String withTargets(final String message) {
        return IN_MESSAGE.matcher(message).replaceAll("$1");
    }

    /**
     * Makes a folder that only this user may read in the system's folder for temporary files; removes what ended
     * processes left there.
     */
    public static Path newFolder(final String name) throws IOException {
        final Path folder = Files.createTempDirectory("." + name + OWNER);
        removeLeftBehind(folder.getParent());
        return folder;
    }

    /** Has {@code path} removed, with all in it, when the JVM is interrupted or ends, unless it is forgotten before. */
    public static void removeAtExit(final Path path) {
        REMOVED_AT_EXIT.add(path);
    }

    /** Ends what {@link #removeAtExit} began. */
    public static void forget(final Path path) {
        REMOVED_AT_EXIT.remove(path);
    }

    /**
     * Removes what ended processes left in {@code folder}. Looks at each folder once: whoever writes a thousand files
     * does not list it a thousand times.
     */
    public static void removeLeftBehind(final Path folder) {
        if (folder.getFileSystem() != FileSystems.getDefault() || !CLEANED.add(folder.normalize())) {
            return;
        }
        try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, TemporaryFiles::isLeftBehind)) {
            entries.forEach(TemporaryFiles::removeQuietly);
        } catch (final IOException | RuntimeException _) {
            // A folder that is missing or may not be listed is for whoever writes there to complain of.
        }
    }

    private static boolean isLeftBehind(final Path entry) {
        final Matcher name = NAME.matcher(entry.getFileName().toString());
        if (!name.matches()) {
            return false;
        }
        try {
            return new ProcessIdentity(name.group(1), Long.parseLong(name.group(2)), Long.parseLong(name.group(3)))
                .hasEnded()
                && Files.getOwner(entry, LinkOption.NOFOLLOW_LINKS).equals(user());
        } catch (final IOException _) {
            // It has just been removed or renamed.
            return false;
        }
    }

    private static UserPrincipal user() throws IOException {
        final Path self = Path.of("/proc/self");
        return Files.getOwner(Files.exists(self) ? self : Path.of(System.getProperty("user.home")));
    }

    private static void removeQuietly(final Path path) {
        try {
            remove(path);
        } catch (final IOException _) {
            // Another process removes the same, or its owner still writes: the next run finds it again.
        }
    }

    private static void remove(final Path path) throws IOException {
        if (!Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS)) {
            Files.deleteIfExists(path);
            return;
        }
        Files.walkFileTree(path, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(final Path file, final BasicFileAttributes attributes) throws IOException {
                Files.deleteIfExists(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(final Path folder, final IOException failure) throws IOException {
                Files.deleteIfExists(folder);
                return FileVisitResult.CONTINUE;
            }
        });
    }
}

package io.expertlane.bench.results;

import io.expertlane.nic.files.TemporaryFiles;
import java.io.FileOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;

/**
 * Writes a file under a temporary name beside it, forces it to the disk, then renames: readers see the old file or the
 * whole new one.
 *
 * <p>A symbolic link stays, and the file that it leads to is replaced. What is no file but takes bytes (a device, a
 * FIFO, a descriptor such as {@code /dev/stdout}) stays, too, and is written to as it is.
 *
 * <p>Failure: {@link FileSystemException} that names the file, never the temporary one.
 */
public final class AtomicFile {
    /** As many as Linux follows. */
    private static final int MAX_LINKS = 40;

    /** Writes the contents. */
    @FunctionalInterface
    public interface Contents {
        /** Writes all of it to {@code channel}. */
        void writeTo(WritableByteChannel channel) throws IOException;
    }

    private AtomicFile() {
    }

    /**
     * Checks that {@link #write} can be expected to succeed later, and makes nothing.
     *
     * @param field name of the option that gave the file, for messages
     * @throws IllegalArgumentException if the file is a folder, or its folder is missing or cannot be written
     */
    public static void check(final String field, final Path file) throws IOException {
        if (Files.isDirectory(file)) {
            throw new IllegalArgumentException(field + "=" + file + ": is a folder");
        }
        final Path end = endOfLinks(file);
        if (takesBytes(end)) {
            require(Files.isWritable(end), field, file, "cannot be written");
            return;
        }
        final Path folder = end.getParent() == null ? Path.of("") : end.getParent();
        require(Files.isDirectory(folder), field, file, "no folder " + folder);
        require(Files.isWritable(folder), field, file, "folder " + folder.toAbsolutePath() + " cannot be written");
    }

    private static void require(final boolean holds, final String field, final Path file, final String limit) {
        if (!holds) {
            throw new IllegalArgumentException(field + "=" + file + ": " + limit);
        }
    }

    /**
     * Writes {@code contents} to {@code file}; on failure or interruption the temporary file is removed and {@code
     * file} is as it was.
     */
    public static void write(final Path file, final Contents contents) throws IOException {
        try {
            final Path end = endOfLinks(file);
            if (takesBytes(end)) {
                append(end, contents);
            } else {
                replace(end, contents);
            }
        } catch (final IOException e) {
            throw named(file, e);
        }
    }

    private static void replace(final Path file, final Contents contents) throws IOException {
        final Path temporary = TemporaryFiles.beside(file);
        TemporaryFiles.removeAtExit(temporary);
        try {
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW,
                StandardOpenOption.WRITE)) {
                contents.writeTo(channel);
                channel.force(true);
            }
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary);
            TemporaryFiles.forget(temporary);
        }
    }

    /** A descriptor may be that of a file which others have written to. */
    private static void append(final Path file, final Contents contents) throws IOException {
        try (FileOutputStream out = new FileOutputStream(file.toFile(), true)) {
            contents.writeTo(Channels.newChannel(out));
        }
    }

    /** Where the links of {@code file} lead, or the first of them that is a descriptor of a process. */
    private static Path endOfLinks(final Path file) throws IOException {
        Path end = file;
        for (int links = 0; Files.isSymbolicLink(end) && !isDescriptor(end); links++) {
            if (links == MAX_LINKS) {
                throw new FileSystemException(file.toString(), null, "more than " + MAX_LINKS + " links");
            }
            end = end.resolveSibling(Files.readSymbolicLink(end));
        }
        return end;
    }

    private static boolean takesBytes(final Path file) throws IOException {
        return Files.exists(file)
            && (isDescriptor(file) || Files.readAttributes(file, BasicFileAttributes.class).isOther());
    }

    /** The links of {@code /proc/PID/fd} lead to what is open, whatever name they show. */
    private static boolean isDescriptor(final Path link) throws IOException {
        if (!Files.isSymbolicLink(link)) {
            return false;
        }
        final Path folder = link.toAbsolutePath().getParent().toRealPath();
        return folder.startsWith("/proc") && folder.endsWith("fd");
    }

    private static FileSystemException named(final Path file, final IOException failure) {
        if (failure instanceof final FileSystemException e && file.toString().equals(e.getFile())) {
            return e;
        }
        final FileSystemException named = new FileSystemException(file.toString(), null, reason(file, failure));
        named.initCause(failure);
        return named;
    }

    private static String reason(final Path file, final IOException failure) {
        return switch (failure) {
            case final NoSuchFileException _ -> "no folder " + file.getParent();
            case final AccessDeniedException _ -> "access denied";
            case final FileSystemException e when e.getReason() != null -> e.getReason();
            default -> failure.getMessage();
        };
    }
}

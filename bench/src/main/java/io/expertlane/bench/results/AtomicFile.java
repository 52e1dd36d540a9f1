package io.expertlane.bench.results;

import io.expertlane.nic.files.TemporaryFiles;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;

/** Writes a file under a temporary name beside it, forces it to the disk, then renames: readers see the old file or the whole new one. */
public final class AtomicFile {
    /** Writes the contents. */
    @FunctionalInterface
    public interface Contents {
        /** Writes all of it to {@code channel}. */
        void writeTo(WritableByteChannel channel) throws IOException;
    }

    private AtomicFile() {
    }

    /** Writes {@code contents} to {@code file}; on failure or interruption the temporary file is removed and {@code file} is as it was. */
    public static void write(final Path file, final Contents contents) throws IOException {
        final Path temporary = TemporaryFiles.beside(file);
        TemporaryFiles.removeAtExit(temporary);
        try {
            try (FileChannel channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                contents.writeTo(channel);
                channel.force(true);
            }
            Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(temporary);
            TemporaryFiles.forget(temporary);
        }
    }
}

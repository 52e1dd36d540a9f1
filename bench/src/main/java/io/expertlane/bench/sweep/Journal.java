package io.expertlane.bench.sweep;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Map;
import java.util.TreeMap;

/**
 * The points that a sweep has done, in a file of lines: what is swept, then one line a point, in whatever order they
 * came. A line counts once it ends in a line feed; what a killed run left behind after the last of them is cut off.
 *
 * <p>Threading: one thread; one process a file, which is locked.
 */
final class Journal implements AutoCloseable {
    private final FileChannel channel;
    /** By point: its line. */
    private final Map<Integer, String> lines = new TreeMap<>();

    private Journal(final FileChannel channel) {
        this.channel = channel;
    }

    /**
     * Opens or makes the journal of {@code header}.
     *
     * @throws IllegalArgumentException if the file is another sweep's, holds a line that is no point of {@code
     *         definition}, or another process has it
     */
    static Journal open(final Path file, final String header, final SweepDefinition definition) throws IOException {
        final FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ,
            StandardOpenOption.WRITE);
        final Journal journal = new Journal(channel);
        try {
            lock(file, channel);
            journal.recover(file, header, definition);
        } catch (final IOException | RuntimeException e) {
            channel.close();
            throw e;
        }
        return journal;
    }

    private static void lock(final Path file, final FileChannel channel) throws IOException {
        FileLock lock = null;
        try {
            lock = channel.tryLock();
        } catch (final OverlappingFileLockException _) {
            // Held by this process: refused as any other holder.
        }
        if (lock == null) {
            throw new IllegalArgumentException("journal=" + file + ": another process is running this sweep");
        }
    }

    private void recover(final Path file, final String header, final SweepDefinition definition) throws IOException {
        final byte[] bytes = new byte[Math.toIntExact(channel.size())];
        final ByteBuffer buffer = ByteBuffer.wrap(bytes);
        while (buffer.hasRemaining() && channel.read(buffer) >= 0) {
            // Reads on.
        }
        int end = bytes.length;
        while (end > 0 && bytes[end - 1] != '\n') {
            end--;
        }
        final String[] all = new String(bytes, 0, Math.max(0, end - 1), StandardCharsets.UTF_8).split("\n", -1);
        channel.truncate(end);
        channel.position(end);
        if (end == 0) {
            append(header);
            return;
        }
        if (!all[0].equals(header)) {
            throw new IllegalArgumentException("journal=" + file
                + ": is of another sweep or shard, or of other contents of the files it names; remove its folder or "
                + "choose another");
        }
        for (int i = 1; i < all.length; i++) {
            lines.put(SweepPoint.index("journal=" + file + ": line " + (i + 1), all[i], definition), all[i]);
        }
    }

    /** Adds a point, which survives from then on. */
    void add(final int index, final String line) throws IOException {
        append(line);
        lines.put(index, line);
    }

    private void append(final String line) throws IOException {
        final ByteBuffer bytes = ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8));
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
        channel.force(false);
    }

    /** Lines by point, in the order of points. */
    Map<Integer, String> lines() {
        return lines;
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}

package io.expertlane.bench.npy;

import io.expertlane.bench.results.AtomicFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;

/** Writes {@code .npy} files, version 1.0, as numpy writes them. The file appears whole or not at all. */
public final class NpyWriter {
    private static final long CHUNK_BYTES = 1L << 24;

    private NpyWriter() {
    }

    /**
     * Writes an array; a file that was there before is replaced.
     *
     * @param data the elements in C order, little endian; its size must be that of the shape
     * @param shape lengths of the dimensions, outermost first
     * @throws IllegalArgumentException if data and shape do not fit
     */
    public static void write(final Path file, final NpyType type, final MemorySegment data, final long... shape)
        throws IOException {
        long bytes = type.sizeBytes();
        for (final long length : shape) {
            bytes = Math.multiplyExact(bytes, length);
        }
        final List<Long> lengths = Arrays.stream(shape).boxed().toList();
        if (bytes != data.byteSize()) {
            throw new IllegalArgumentException("data bytes=" + data.byteSize() + ": shape "
                + NpyHeader.shapeText(lengths) + " of " + type.descr()
                + " takes " + bytes);
        }
        AtomicFile.write(file, channel -> {
            writeFully(channel, ByteBuffer.wrap(NpyHeader.encode(type, lengths)));
            for (long at = 0; at < data.byteSize(); at += CHUNK_BYTES) {
                writeFully(channel, bytes(data.asSlice(at, Math.min(CHUNK_BYTES, data.byteSize() - at))));
            }
        });
    }

    /** Arrays of anything but bytes have no view as a buffer and are copied. */
    private static ByteBuffer bytes(final MemorySegment chunk) {
        return chunk.isNative() ? chunk.asByteBuffer() : ByteBuffer.wrap(chunk.toArray(ValueLayout.JAVA_BYTE));
    }

    private static void writeFully(final WritableByteChannel channel, final ByteBuffer buffer) throws IOException {
        while (buffer.hasRemaining()) {
            channel.write(buffer);
        }
    }
}

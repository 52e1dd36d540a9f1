package io.expertlane.bench.npy;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/**
 * Reads {@code .npy} files, versions 1.0, 2.0 and 3.0, strictly: C order, little endian, one of the given types,
 * exactly the bytes that the header promises. The data is mapped, so size is bound by the address space alone; the file
 * must not be cut while the arena lives.
 */
public final class NpyReader {
    private static final int VERSION_AT = NpyHeader.MAGIC.length;
    private static final int LENGTH_AT = VERSION_AT + 2;
    private static final int MAX_PREFIX_BYTES = LENGTH_AT + Integer.BYTES;

    private NpyReader() {
    }

    /**
     * Reads {@code file}. Lengths of zero are allowed, as numpy allows them.
     *
     * @param arena owner of the memory
     * @param dimensions number of dimensions that the array must have
     * @param accepted types that the array may have
     * @throws NpyException if the file is missing or not such an array
     * @throws IOException if reading fails
     */
    public static NpyArray read(final Path file, final Arena arena, final int dimensions, final NpyType... accepted)
        throws IOException {
        if (Files.isDirectory(file)) {
            throw new NpyException(file, "is a folder, expected an npy file");
        }
        if (!Files.isReadable(file)) {
            throw new NpyException(file, Files.exists(file) ? "may not be read" : "no such file");
        }
        if (!Files.isRegularFile(file)) {
            throw new NpyException(file, "is a pipe or device, and an array is mapped: needs a regular file");
        }
        try (FileChannel channel = FileChannel.open(file)) {
            return read(file, channel, arena, dimensions, accepted);
        }
    }

    private static NpyArray read(final Path file, final FileChannel channel, final Arena arena, final int dimensions,
        final NpyType... accepted)
        throws IOException {
        final ByteBuffer prefix = readFully(channel, 0, MAX_PREFIX_BYTES);
        requireMagic(file, prefix);
        final int lengthBytes = lengthFieldBytes(file, prefix);
        final int headerAt = LENGTH_AT + lengthBytes;
        if (prefix.limit() < headerAt) {
            throw new NpyException(file, "bytes", channel.size(), "truncated in the header, expected at least "
                + headerAt);
        }
        final long headerBytes = lengthBytes == Short.BYTES
            ? Short.toUnsignedLong(prefix.getShort(LENGTH_AT)) : Integer.toUnsignedLong(prefix.getInt(LENGTH_AT));
        if (headerBytes > NpyHeader.MAX_LENGTH_BYTES) {
            throw new NpyException(file, "header length", headerBytes, "expected at most "
                + NpyHeader.MAX_LENGTH_BYTES);
        }
        final ByteBuffer header = readFully(channel, headerAt, (int) headerBytes);
        if (header.limit() < headerBytes) {
            throw new NpyException(file, "bytes", channel.size(), "truncated in the header, expected at least "
                + (headerAt + headerBytes));
        }
        final NpyHeader parsed = NpyHeader.parse(file, StandardCharsets.ISO_8859_1.decode(header).toString());
        final NpyType type = requireType(file, parsed.descr(), accepted);
        if (parsed.fortranOrder()) {
            throw new NpyException(file, "fortran_order", "True",
                "expected False (numpy.ascontiguousarray makes it so)");
        }
        if (parsed.shape().size() != dimensions) {
            throw new NpyException(file, "shape", NpyHeader.shapeText(parsed.shape()), "expected " + dimensions
                + " dimensions");
        }
        final long dataAt = headerAt + headerBytes;
        final long dataBytes = requireSize(file, parsed.shape(), type, channel.size() - dataAt);
        return new NpyArray(file, type, parsed.shape(), map(channel, dataAt, dataBytes, type, arena));
    }

    private static void requireMagic(final Path file, final ByteBuffer prefix) {
        if (prefix.limit() == 0) {
            throw new NpyException(file, "bytes", 0, "empty, expected an npy file");
        }
        for (int i = 0; i < NpyHeader.MAGIC.length; i++) {
            if (i >= prefix.limit() || prefix.get(i) != NpyHeader.MAGIC[i]) {
                throw new NpyException(file, "not an npy file, expected it to start with \\x93NUMPY");
            }
        }
    }

    private static int lengthFieldBytes(final Path file, final ByteBuffer prefix) {
        if (prefix.limit() < LENGTH_AT) {
            throw new NpyException(file, "bytes", prefix.limit(), "truncated in the header, expected at least "
                + LENGTH_AT);
        }
        final int major = Byte.toUnsignedInt(prefix.get(VERSION_AT));
        final int minor = Byte.toUnsignedInt(prefix.get(VERSION_AT + 1));
        if (major < 1 || major > 3 || minor != 0) {
            throw new NpyException(file, "version", major + "." + minor, "expected 1.0, 2.0 or 3.0");
        }
        return major == 1 ? Short.BYTES : Integer.BYTES;
    }

    private static NpyType requireType(final Path file, final String descr, final NpyType... accepted) {
        final Optional<NpyType> type = Arrays.stream(accepted).filter(t -> t.descr().equals(descr)).findFirst();
        if (type.isPresent()) {
            return type.get();
        }
        final String wanted = "expected "
            + Arrays.stream(accepted).map(t -> t.descr() + " (" + t.name().toLowerCase(Locale.ROOT) + ")")
            .collect(Collectors.joining(" or "));
        throw new NpyException(file, "dtype", descr, descr.startsWith(">") ? "big endian, " + wanted : wanted);
    }

    private static long requireSize(final Path file, final List<Long> shape, final NpyType type,
        final long foundBytes) {
        long bytes = shape.contains(0L) ? 0 : type.sizeBytes();
        for (final long length : shape) {
            if (Math.multiplyHigh(bytes, length) != 0 || bytes * length < 0) {
                throw new NpyException(file, "shape", NpyHeader.shapeText(shape), "expected less than 2^63 bytes of "
                    + type.descr());
            }
            bytes *= length;
        }
        if (bytes != foundBytes) {
            throw new NpyException(file, "data bytes", foundBytes, (foundBytes < bytes ? "truncated" : "trailing bytes")
                + ", expected " + bytes
                + " for shape " + NpyHeader.shapeText(shape) + " of " + type.descr());
        }
        return bytes;
    }

    /** numpy pads its headers so that data is aligned; other writers may not, and then the data is copied. */
    private static MemorySegment map(final FileChannel channel, final long at, final long bytes, final NpyType type,
        final Arena arena)
        throws IOException {
        if (bytes == 0) {
            return MemorySegment.NULL;
        }
        final MemorySegment mapped = channel.map(MapMode.READ_ONLY, at, bytes, arena);
        return at % type.sizeBytes() == 0 ? mapped
            : arena.allocate(bytes, type.sizeBytes()).copyFrom(mapped).asReadOnly();
    }

    /** Up to {@code bytes} bytes at {@code position}; fewer at the end of the file. */
    private static ByteBuffer readFully(final FileChannel channel, final long position, final int bytes)
        throws IOException {
        final ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
        int read = 0;
        while (buffer.hasRemaining() && read >= 0) {
            read = channel.read(buffer, position + buffer.position());
        }
        return buffer.flip();
    }
}

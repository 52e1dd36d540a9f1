package io.expertlane.bench.npy;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * An array in C order, as read from a file.
 *
 * @param file where it was read from, for messages
 * @param type element type
 * @param shape lengths of the dimensions, outermost first; a length may be zero
 * @param data the elements, little endian, aligned to their size; read-only; alive as long as the arena it was read
 *             into
 */
public record NpyArray(Path file, NpyType type, List<Long> shape, MemorySegment data) {
    /** In an expected shape: any length will do. */
    public static final long ANY = -1;

    /** Length of dimension {@code index}. */
    public long length(final int index) {
        return shape.get(index);
    }

    /**
     * Checks the shape.
     *
     * @param expected lengths, {@link #ANY} where any will do
     * @return this
     * @throws NpyException if the shape is another
     */
    public NpyArray requireShape(final long... expected) {
        boolean fits = expected.length == shape.size();
        for (int i = 0; fits && i < expected.length; i++) {
            fits = expected[i] == ANY || expected[i] == shape.get(i);
        }
        if (!fits) {
            final String wanted = Arrays.stream(expected).mapToObj(n -> n == ANY ? "any" : Long.toString(n))
                .collect(Collectors.joining(", ", "(", ")"));
            throw new NpyException(file, "shape", NpyHeader.shapeText(shape), "expected " + wanted);
        }
        return this;
    }
}

package io.expertlane.kernel.memory;

/**
 * How records of one size lie one behind another: a small header, then a body that begins on a cache line.
 *
 * <pre>{@code
 *  |<- lead ->|<- header ->|<------ body ------>|<- padding ->|<- header ->|<------ body ...
 *  ^ multiple of 64        ^ multiple of 64                                 ^ multiple of 64
 *             |<------ wire bytes (a multiple of 16) --->|
 *             |<------------ stride (a multiple of 64) ------->|
 * }</pre>
 *
 * <p>Where bodies are left out of memory, headers lie packed, and records have their full length on the wire only.
 *
 * <p>Threading: immutable.
 */
public final class RecordLayout {
    /** Records have a multiple of this many bytes on the wire. Source: DeepEP aligns its HT token records alike. */
    public static final int WIRE_ALIGNMENT_BYTES = 16;
    private static final int MAX_RECORD_BYTES = 1 << 20;

    private final int headerBytes;
    private final int wireBytes;
    private final int wireStride;
    private final int residentBytes;
    private final int stride;
    private final int leadBytes;

    /**
     * Makes a layout.
     *
     * @param headerBytes    bytes before the body, a multiple of 4
     * @param bodyBytes      bytes of the body
     * @param bodiesInMemory whether bodies exist in memory
     */
    public RecordLayout(final int headerBytes, final int bodyBytes, final boolean bodiesInMemory) {
        if (headerBytes < 0 || headerBytes % Integer.BYTES != 0 || headerBytes > MAX_RECORD_BYTES) {
            throw new IllegalArgumentException("headerBytes=" + headerBytes + ": a multiple of 4, at most "
                + MAX_RECORD_BYTES);
        }
        if (bodyBytes < 0 || bodyBytes > MAX_RECORD_BYTES) {
            throw new IllegalArgumentException("bodyBytes=" + bodyBytes + ": 0 to " + MAX_RECORD_BYTES);
        }
        this.headerBytes = headerBytes;
        this.wireBytes = roundUp(headerBytes + bodyBytes, WIRE_ALIGNMENT_BYTES);
        this.wireStride = roundUp(wireBytes, SymmetricHeap.ALIGNMENT_BYTES);
        this.residentBytes = bodiesInMemory ? wireBytes : headerBytes;
        this.stride = bodiesInMemory ? wireStride : roundUp(headerBytes, Long.BYTES);
        this.leadBytes = bodiesInMemory ? roundUp(headerBytes, SymmetricHeap.ALIGNMENT_BYTES) - headerBytes : 0;
    }

    private static int roundUp(final int bytes, final int unit) {
        return (bytes + unit - 1) / unit * unit;
    }

    /** Bytes of the header: the body begins this far behind the record. */
    public int headerBytes() {
        return headerBytes;
    }

    /** Bytes of one record on the wire. */
    public int wireBytes() {
        return wireBytes;
    }

    /** Bytes of one record that exist in memory, from its start. */
    public int residentBytes() {
        return residentBytes;
    }

    /** Bytes from one record to the next in memory. */
    public int stride() {
        return stride;
    }

    /** Bytes before the first record, behind a multiple of {@link SymmetricHeap#ALIGNMENT_BYTES}. */
    public int leadBytes() {
        return leadBytes;
    }

    /** Bytes on the wire of one write that takes {@code records} neighbours. */
    public int wireBytes(final int records) {
        return (records - 1) * wireStride + wireBytes;
    }

    /** Bytes in memory of {@code records} neighbours. */
    public int residentBytes(final int records) {
        return (records - 1) * stride + residentBytes;
    }
}

package io.expertlane.bench.npy;

/** The element types that Expertlane reads and writes, all little endian. */
public enum NpyType {
    /** Unsigned 16-bit; token rows hold BF16 bit patterns in it. */
    UINT16("<u2", Short.BYTES),
    /** Signed 32-bit. */
    INT32("<i4", Integer.BYTES),
    /** Signed 64-bit. */
    INT64("<i8", Long.BYTES),
    /** IEEE binary32. */
    FLOAT32("<f4", Float.BYTES);

    private final String descr;
    private final int sizeBytes;

    NpyType(final String descr, final int sizeBytes) {
        this.descr = descr;
        this.sizeBytes = sizeBytes;
    }

    /** The type as numpy's header writes it, such as {@code <u2}. */
    public String descr() {
        return descr;
    }

    /** Bytes of one element. */
    public int sizeBytes() {
        return sizeBytes;
    }
}

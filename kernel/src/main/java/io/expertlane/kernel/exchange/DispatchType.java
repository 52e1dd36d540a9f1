package io.expertlane.kernel.exchange;

import io.expertlane.kernel.codec.Float8E4M3;

/** Number format in which dispatch sends token rows. Combine always sends BF16. */
public enum DispatchType {
    /** BF16, as given. */
    BF16 {
        @Override
        public int rowBytes(final int hidden) {
            return hidden * Short.BYTES;
        }
    },
    /** FP8 e4m3 with one fp32 scale per 128 channels behind the values. */
    FP8 {
        @Override
        public int rowBytes(final int hidden) {
            return hidden + Float8E4M3.scalesBytes(hidden);
        }
    };

    /** Bytes of a row of {@code hidden} channels, scales included. */
    public abstract int rowBytes(int hidden);
}

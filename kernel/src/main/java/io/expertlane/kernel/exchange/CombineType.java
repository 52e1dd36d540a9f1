package io.expertlane.kernel.exchange;

import io.expertlane.kernel.codec.LogFmt10;

/** Number format in which combine sends output rows. The caller writes outputs and gets sums in BF16 in any case. */
public enum CombineType {
    /** BF16, as given. */
    BF16 {
        @Override
        public int rowBytes(final int hidden) {
            return hidden * Short.BYTES;
        }
    },
    /** {@link LogFmt10}, encoded by the sender and decoded before the sum. */
    LOGFMT10 {
        @Override
        public int rowBytes(final int hidden) {
            return LogFmt10.rowBytes(hidden);
        }
    };

    /** Bytes of a row of {@code hidden} channels. */
    public abstract int rowBytes(int hidden);
}

package io.expertlane.kernel.exchange;

import io.expertlane.kernel.codec.Float8E4M3;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.verbs.QueuePairPlan;

/** What the configurations of both modes ask of values that they share. Every refusal is an {@link IllegalArgumentException} that names the value and the limit. */
final class ExchangeLimits {
    private static final long MIN_TIMEOUT_NANOS = 1_000;
    private static final long MAX_TIMEOUT_NANOS = 3_600_000_000_000L;
    private static final int MAX_CHUNK_TOKENS = 1024;
    private static final int MAX_RING_TOKENS = 1 << 16;
    private static final int MAX_SEND_QUEUE_DEPTH = 1 << 15;

    private ExchangeLimits() {
    }

    static void requireRange(final String name, final long value, final long least, final long most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(name + "=" + value + ": " + least + " to " + most);
        }
    }

    /** FP8 rows have a scale for every 128 channels. */
    static void requireHidden(final MoeShape shape, final DispatchType dispatchType) {
        if (dispatchType == DispatchType.FP8 && shape.hidden() % Float8E4M3.CHANNELS_PER_SCALE != 0) {
            throw new IllegalArgumentException("hidden=" + shape.hidden() + ": a multiple of " + Float8E4M3.CHANNELS_PER_SCALE + " with FP8 dispatch");
        }
    }

    static void requireChunk(final int chunkTokens) {
        requireRange("chunkTokens", chunkTokens, 1, MAX_CHUNK_TOKENS);
    }

    /** Rings hold whole chunks, two at least: see {@link io.expertlane.kernel.ring.RingLayout}. */
    static void requireRing(final int chunkTokens, final int ringTokens) {
        requireRange("ringTokens", ringTokens, 2L * chunkTokens, MAX_RING_TOKENS);
        if (ringTokens % chunkTokens != 0) {
            throw new IllegalArgumentException("ringTokens=" + ringTokens + ": a multiple of chunkTokens=" + chunkTokens);
        }
    }

    static void requireElements(final int segmentBytes, final int sendQueueDepth, final int doorbellBatch) {
        requireRange("segmentBytes", segmentBytes, QueuePairPlan.MIN_SEGMENT_BYTES, QueuePairPlan.NO_SEGMENTATION);
        requireRange("sendQueueDepth", sendQueueDepth, 2, MAX_SEND_QUEUE_DEPTH);
        if (Integer.bitCount(sendQueueDepth) != 1) {
            throw new IllegalArgumentException("sendQueueDepth=" + sendQueueDepth + ": a power of two");
        }
        requireRange("doorbellBatch", doorbellBatch, 1, sendQueueDepth);
    }

    static void requireTimeout(final long timeoutNanos) {
        requireRange("timeoutNanos", timeoutNanos, MIN_TIMEOUT_NANOS, MAX_TIMEOUT_NANOS);
    }
}

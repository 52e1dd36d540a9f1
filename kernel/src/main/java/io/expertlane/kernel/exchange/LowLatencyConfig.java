package io.expertlane.kernel.exchange;

import io.expertlane.kernel.codec.Float8E4M3;
import io.expertlane.kernel.moe.MoeShape;

/**
 * What all ranks of a low-latency exchange agree on. Make one with {@link #of(MoeShape)} and the {@code with} methods.
 *
 * @param shape               sizes
 * @param dispatchType        format of dispatched rows; FP8 needs {@code hidden} to be a multiple of 128
 * @param roundScales         FP8 scales are rounded up to powers of two
 * @param queuePairsPerExpert queue pairs of each (peer, local expert), over which every message is split in equal parts (source paper,
 *                            L1); 1 to 8
 * @param segmentBytes        longest work queue element; longer messages are cut (source paper, L2); {@link #NO_SEGMENTATION} or at
 *                            least 64
 * @param sendQueueDepth      elements of a send queue, a power of two, 2 to 32,768
 * @param doorbellBatch       elements posted to a queue pair between doorbells, 1 to {@code sendQueueDepth}; DeepEP uses 4
 * @param combine             push or pull
 * @param payload             whether rows exist
 * @param rowsPerDutyCycle    token rows one {@code doWork()} handles at most, 1 or more
 */
public record LowLatencyConfig(
    MoeShape shape, DispatchType dispatchType, boolean roundScales, int queuePairsPerExpert, int segmentBytes, int sendQueueDepth,
    int doorbellBatch, CombineMethod combine, Payload payload, int rowsPerDutyCycle) {

    /** No message is cut. */
    public static final int NO_SEGMENTATION = Integer.MAX_VALUE;
    private static final int MAX_QUEUE_PAIRS_PER_EXPERT = 8;
    private static final int MIN_SEGMENT_BYTES = 64;
    private static final int MAX_SEND_QUEUE_DEPTH = 1 << 15;

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException naming the value and the limit it breaks
     */
    public LowLatencyConfig {
        if (dispatchType == DispatchType.FP8 && shape.hidden() % Float8E4M3.CHANNELS_PER_SCALE != 0) {
            throw new IllegalArgumentException("hidden=" + shape.hidden() + ": a multiple of " + Float8E4M3.CHANNELS_PER_SCALE + " with FP8 dispatch");
        }
        requireRange("queuePairsPerExpert", queuePairsPerExpert, 1, MAX_QUEUE_PAIRS_PER_EXPERT);
        requireRange("segmentBytes", segmentBytes, MIN_SEGMENT_BYTES, NO_SEGMENTATION);
        requireRange("sendQueueDepth", sendQueueDepth, 2, MAX_SEND_QUEUE_DEPTH);
        if (Integer.bitCount(sendQueueDepth) != 1) {
            throw new IllegalArgumentException("sendQueueDepth=" + sendQueueDepth + ": a power of two");
        }
        requireRange("doorbellBatch", doorbellBatch, 1, sendQueueDepth);
        requireRange("rowsPerDutyCycle", rowsPerDutyCycle, 1, Integer.MAX_VALUE);
    }

    private static void requireRange(final String name, final int value, final int least, final int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(name + "=" + value + ": " + least + " to " + most);
        }
    }

    /** Defaults for {@code shape}: BF16, one queue pair an expert, no segmentation, depth 64, a doorbell every 4 elements, push. */
    public static LowLatencyConfig of(final MoeShape shape) {
        return new LowLatencyConfig(shape, DispatchType.BF16, false, 1, NO_SEGMENTATION, 64, 4, CombineMethod.PUSH, Payload.MOVED, 8);
    }

    /** This with another dispatch type. */
    public LowLatencyConfig withDispatchType(final DispatchType value) {
        return new LowLatencyConfig(
            shape, value, roundScales, queuePairsPerExpert, segmentBytes, sendQueueDepth, doorbellBatch, combine, payload, rowsPerDutyCycle);
    }

    /** This with scales rounded to powers of two, or not. */
    public LowLatencyConfig withRoundScales(final boolean value) {
        return new LowLatencyConfig(
            shape, dispatchType, value, queuePairsPerExpert, segmentBytes, sendQueueDepth, doorbellBatch, combine, payload, rowsPerDutyCycle);
    }

    /** This with another number of queue pairs per expert. */
    public LowLatencyConfig withQueuePairsPerExpert(final int value) {
        return new LowLatencyConfig(
            shape, dispatchType, roundScales, value, segmentBytes, sendQueueDepth, doorbellBatch, combine, payload, rowsPerDutyCycle);
    }

    /** This with another longest element. */
    public LowLatencyConfig withSegmentBytes(final int value) {
        return new LowLatencyConfig(
            shape, dispatchType, roundScales, queuePairsPerExpert, value, sendQueueDepth, doorbellBatch, combine, payload, rowsPerDutyCycle);
    }

    /** This with another send queue depth. */
    public LowLatencyConfig withSendQueueDepth(final int value) {
        return new LowLatencyConfig(
            shape, dispatchType, roundScales, queuePairsPerExpert, segmentBytes, value, doorbellBatch, combine, payload, rowsPerDutyCycle);
    }

    /** This with another doorbell batch. */
    public LowLatencyConfig withDoorbellBatch(final int value) {
        return new LowLatencyConfig(
            shape, dispatchType, roundScales, queuePairsPerExpert, segmentBytes, sendQueueDepth, value, combine, payload, rowsPerDutyCycle);
    }

    /** This with another combine method. */
    public LowLatencyConfig withCombine(final CombineMethod value) {
        return new LowLatencyConfig(
            shape, dispatchType, roundScales, queuePairsPerExpert, segmentBytes, sendQueueDepth, doorbellBatch, value, payload, rowsPerDutyCycle);
    }

    /** This with payload moved or omitted. */
    public LowLatencyConfig withPayload(final Payload value) {
        return new LowLatencyConfig(
            shape, dispatchType, roundScales, queuePairsPerExpert, segmentBytes, sendQueueDepth, doorbellBatch, combine, value, rowsPerDutyCycle);
    }

    /** This with another number of rows per duty cycle. */
    public LowLatencyConfig withRowsPerDutyCycle(final int value) {
        return new LowLatencyConfig(
            shape, dispatchType, roundScales, queuePairsPerExpert, segmentBytes, sendQueueDepth, doorbellBatch, combine, payload, value);
    }
}

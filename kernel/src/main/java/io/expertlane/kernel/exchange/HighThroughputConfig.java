package io.expertlane.kernel.exchange;

import io.expertlane.kernel.codec.Float8E4M3;
import io.expertlane.kernel.moe.MoeShape;

/**
 * What all ranks of a high-throughput exchange agree on. Make one with {@link #of(MoeShape)} and the {@code with} methods.
 *
 * @param shape                sizes
 * @param path                 zero or ring
 * @param dispatchType         format of dispatched rows; FP8 needs {@code hidden} to be a multiple of 128
 * @param roundScales          FP8 scales are rounded up to powers of two
 * @param channels             channels, each a contiguous run of a rank's tokens; 1 to 64. DeepEP has one for two SMs: 10 to 12
 * @param queuePairsPerChannel data queue pairs of each (peer, channel); 1 to 8. On the zero path a stream's writes take them in turn, on
 *                             the ring path each ring has one of them
 * @param chunkTokens          tokens that are sent and told of together, 1 to 1024; DeepEP uses 8 to 20 across nodes
 * @param ringTokens           tokens a ring holds: a multiple of {@code chunkTokens}, at least twice as many; DeepEP uses 128 across nodes
 * @param sendQueueDepth       elements of a send queue, a power of two, 2 to 32,768
 * @param doorbellBatch        elements posted to a queue pair between doorbells, 1 to {@code sendQueueDepth}
 * @param combine              inside a node; push, or pull where the memory of all ranks of a node is mapped. Across nodes always push
 * @param payload              whether rows exist
 * @param liveCalls            calls that may be alive at once, 1 or 2; buffers exist as many times
 * @param maxReceiveRows       most rows one rank receives in one call, 1 or more; the worst case is ranks x maxTokensPerRank
 * @param expertAlignment      {@code recvTokensPerExpert} is rounded up to a multiple of this, 1 or more
 * @param rowsPerTurn          token rows that one {@code doWork()} handles at most for one channel and peer, 1 or more
 */
public record HighThroughputConfig(
    MoeShape shape, TransferPath path, DispatchType dispatchType, boolean roundScales, int channels, int queuePairsPerChannel, int chunkTokens,
    int ringTokens, int sendQueueDepth, int doorbellBatch, CombineMethod combine, Payload payload, int liveCalls, int maxReceiveRows, int
    expertAlignment, int rowsPerTurn) {

    private static final int MAX_CHANNELS = 64;
    private static final int MAX_QUEUE_PAIRS_PER_CHANNEL = 8;
    private static final int MAX_CHUNK_TOKENS = 1024;
    private static final int MAX_RING_TOKENS = 1 << 16;
    private static final int MAX_SEND_QUEUE_DEPTH = 1 << 15;

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException naming the value and the limit it breaks
     */
    public HighThroughputConfig {
        if (dispatchType == DispatchType.FP8 && shape.hidden() % Float8E4M3.CHANNELS_PER_SCALE != 0) {
            throw new IllegalArgumentException("hidden=" + shape.hidden() + ": a multiple of " + Float8E4M3.CHANNELS_PER_SCALE + " with FP8 dispatch");
        }
        requireRange("channels", channels, 1, MAX_CHANNELS);
        requireRange("queuePairsPerChannel", queuePairsPerChannel, 1, MAX_QUEUE_PAIRS_PER_CHANNEL);
        requireRange("chunkTokens", chunkTokens, 1, MAX_CHUNK_TOKENS);
        if (path == TransferPath.RING) {
            if (ringTokens < 2 * chunkTokens || ringTokens > MAX_RING_TOKENS) {
                throw new IllegalArgumentException("ringTokens=" + ringTokens + ": at least two chunks of chunkTokens=" + chunkTokens
                    + ", at most " + MAX_RING_TOKENS);
            }
            if (ringTokens % chunkTokens != 0) {
                throw new IllegalArgumentException("ringTokens=" + ringTokens + ": a multiple of chunkTokens=" + chunkTokens);
            }
        }
        requireRange("sendQueueDepth", sendQueueDepth, 2, MAX_SEND_QUEUE_DEPTH);
        if (Integer.bitCount(sendQueueDepth) != 1) {
            throw new IllegalArgumentException("sendQueueDepth=" + sendQueueDepth + ": a power of two");
        }
        requireRange("doorbellBatch", doorbellBatch, 1, sendQueueDepth);
        requireRange("liveCalls", liveCalls, 1, 2);
        requireRange("maxReceiveRows", maxReceiveRows, 1, Integer.MAX_VALUE);
        requireRange("expertAlignment", expertAlignment, 1, Integer.MAX_VALUE);
        requireRange("rowsPerTurn", rowsPerTurn, 1, Integer.MAX_VALUE);
    }

    private static void requireRange(final String name, final int value, final int least, final int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(name + "=" + value + ": " + least + " to " + most);
        }
    }

    /**
     * Defaults for {@code shape}: zero path, BF16, one channel with one queue pair, chunks of 16 tokens, rings of 64, depth 64, a doorbell
     * every 4 elements, push, one live call, worst-case rows, no alignment.
     */
    public static HighThroughputConfig of(final MoeShape shape) {
        final long worstRows = (long) shape.ranks() * shape.maxTokensPerRank();
        return new HighThroughputConfig(shape, TransferPath.ZERO, DispatchType.BF16, false, 1, 1, 16, 64, 64, 4, CombineMethod.PUSH,
            Payload.MOVED, 1, (int) Math.min(worstRows, Integer.MAX_VALUE), 1, 16);
    }

    /** This with another path. */
    public HighThroughputConfig withPath(final TransferPath value) {
        return new HighThroughputConfig(
            shape, value, dispatchType, roundScales, channels, queuePairsPerChannel, chunkTokens, ringTokens, sendQueueDepth, doorbellBatch,
            combine, payload, liveCalls, maxReceiveRows, expertAlignment, rowsPerTurn);
    }

    /** This with another dispatch type. */
    public HighThroughputConfig withDispatchType(final DispatchType value) {
        return new HighThroughputConfig(
            shape, path, value, roundScales, channels, queuePairsPerChannel, chunkTokens, ringTokens, sendQueueDepth, doorbellBatch, combine,
            payload, liveCalls, maxReceiveRows, expertAlignment, rowsPerTurn);
    }

    /** This with scales rounded to powers of two, or not. */
    public HighThroughputConfig withRoundScales(final boolean value) {
        return new HighThroughputConfig(
            shape, path, dispatchType, value, channels, queuePairsPerChannel, chunkTokens, ringTokens, sendQueueDepth, doorbellBatch, combine,
            payload, liveCalls, maxReceiveRows, expertAlignment, rowsPerTurn);
    }

    /** This with another number of channels. */
    public HighThroughputConfig withChannels(final int value) {
        return new HighThroughputConfig(
            shape, path, dispatchType, roundScales, value, queuePairsPerChannel, chunkTokens, ringTokens, sendQueueDepth, doorbellBatch,
            combine, payload, liveCalls, maxReceiveRows, expertAlignment, rowsPerTurn);
    }

    /** This with another number of queue pairs per channel. */
    public HighThroughputConfig withQueuePairsPerChannel(final int value) {
        return new HighThroughputConfig(
            shape, path, dispatchType, roundScales, channels, value, chunkTokens, ringTokens, sendQueueDepth, doorbellBatch, combine, payload,
            liveCalls, maxReceiveRows, expertAlignment, rowsPerTurn);
    }

    /** This with another chunk and another ring capacity, which go together. */
    public HighThroughputConfig withChunkTokens(final int chunk, final int ring) {
        return new HighThroughputConfig(
            shape, path, dispatchType, roundScales, channels, queuePairsPerChannel, chunk, ring, sendQueueDepth, doorbellBatch,
            combine, payload, liveCalls, maxReceiveRows, expertAlignment, rowsPerTurn);
    }

    /** This with another send queue depth. */
    public HighThroughputConfig withSendQueueDepth(final int value) {
        return new HighThroughputConfig(
            shape, path, dispatchType, roundScales, channels, queuePairsPerChannel, chunkTokens, ringTokens, value, doorbellBatch, combine,
            payload, liveCalls, maxReceiveRows, expertAlignment, rowsPerTurn);
    }

    /** This with another doorbell batch. */
    public HighThroughputConfig withDoorbellBatch(final int value) {
        return new HighThroughputConfig(
            shape, path, dispatchType, roundScales, channels, queuePairsPerChannel, chunkTokens, ringTokens, sendQueueDepth, value, combine,
            payload, liveCalls, maxReceiveRows, expertAlignment, rowsPerTurn);
    }

    /** This with another combine method. */
    public HighThroughputConfig withCombine(final CombineMethod value) {
        return new HighThroughputConfig(
            shape, path, dispatchType, roundScales, channels, queuePairsPerChannel, chunkTokens, ringTokens, sendQueueDepth, doorbellBatch,
            value, payload, liveCalls, maxReceiveRows, expertAlignment, rowsPerTurn);
    }

    /** This with payload moved or omitted. */
    public HighThroughputConfig withPayload(final Payload value) {
        return new HighThroughputConfig(
            shape, path, dispatchType, roundScales, channels, queuePairsPerChannel, chunkTokens, ringTokens, sendQueueDepth, doorbellBatch,
            combine, value, liveCalls, maxReceiveRows, expertAlignment, rowsPerTurn);
    }

    /** This with another number of live calls. */
    public HighThroughputConfig withLiveCalls(final int value) {
        return new HighThroughputConfig(
            shape, path, dispatchType, roundScales, channels, queuePairsPerChannel, chunkTokens, ringTokens, sendQueueDepth, doorbellBatch,
            combine, payload, value, maxReceiveRows, expertAlignment, rowsPerTurn);
    }

    /** This with another most number of received rows. */
    public HighThroughputConfig withMaxReceiveRows(final int value) {
        return new HighThroughputConfig(
            shape, path, dispatchType, roundScales, channels, queuePairsPerChannel, chunkTokens, ringTokens, sendQueueDepth, doorbellBatch,
            combine, payload, liveCalls, value, expertAlignment, rowsPerTurn);
    }

    /** This with another alignment of the counts per expert. */
    public HighThroughputConfig withExpertAlignment(final int value) {
        return new HighThroughputConfig(
            shape, path, dispatchType, roundScales, channels, queuePairsPerChannel, chunkTokens, ringTokens, sendQueueDepth, doorbellBatch,
            combine, payload, liveCalls, maxReceiveRows, value, rowsPerTurn);
    }

    /** This with another number of rows per turn. */
    public HighThroughputConfig withRowsPerTurn(final int value) {
        return new HighThroughputConfig(
            shape, path, dispatchType, roundScales, channels, queuePairsPerChannel, chunkTokens, ringTokens, sendQueueDepth, doorbellBatch,
            combine, payload, liveCalls, maxReceiveRows, expertAlignment, value);
    }
}

package io.expertlane.bench.scenario;

import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.HighThroughputConfig;
import io.expertlane.kernel.exchange.HighThroughputExchange;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.memory.Pages;
import io.expertlane.kernel.moe.DispatchLayout;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.QueuePairPlan;
import java.lang.foreign.Arena;

/**
 * Which exchange is run, in the terms of the command line: mode, path and knobs, whatever the shape.
 *
 * @param mode           low latency or high throughput
 * @param path           zero or ring
 * @param dispatchType   format of dispatched rows
 * @param combine        push or pull
 * @param split          whether what goes to an end point is spread over two queue pairs, equal halves of every write
 *                       (source paper, L1)
 * @param segmentBytes   longest work queue element (source paper, L2), {@link LowLatencyConfig#NO_SEGMENTATION}
 * @param channels       channels, high-throughput mode only
 * @param chunkTokens    tokens that are sent and published together, high-throughput mode or ring path
 * @param ringTokens     tokens a ring holds, ring path only
 * @param sendQueueDepth elements of a send queue
 * @param payload        whether rows exist
 */
public record ExchangeKind(
    Mode mode, TransferPath path, DispatchType dispatchType, CombineMethod combine, boolean split, int segmentBytes,
    int channels, int chunkTokens,
    int ringTokens, int sendQueueDepth,
    Payload payload) {

    /** Chunks and rings in high-throughput mode unless told otherwise: DeepEP's between nodes are 8 to 20 and 128. */
    public static final int DEFAULT_CHUNK_TOKENS = 16;
    /** See {@link #DEFAULT_CHUNK_TOKENS}. */
    public static final int DEFAULT_RING_TOKENS = 64;

    /** Java objects and table entries of a queue pair at both ends; measured about 300, rounded up. */
    private static final int QUEUE_PAIR_OBJECT_BYTES = 512;
    private static final int SPLIT_QUEUE_PAIRS = 2;

    /** What an exchange is tuned for. */
    public enum Mode {
        /** Low latency. */
        LL,
        /** High throughput. */
        HT
    }

    /**
     * Checks that the knobs fit the mode.
     *
     * @throws IllegalArgumentException naming the knob and the mode it belongs to
     */
    public ExchangeKind {
        if (mode == Mode.LL && channels != 1) {
            throw new IllegalArgumentException("channels=" + channels + ": 1 with mode ll, which has none");
        }
    }

    /** Low latency over the zero-buffer path with the defaults of its configuration. */
    public static ExchangeKind lowLatency(final DispatchType dispatchType, final Payload payload) {
        return new ExchangeKind(Mode.LL, TransferPath.ZERO, dispatchType, CombineMethod.PUSH, false,
            LowLatencyConfig.NO_SEGMENTATION, 1, DEFAULT_CHUNK_TOKENS,
            DEFAULT_RING_TOKENS, 32, payload);
    }

    /** The same with rings of {@code tokens}. */
    public ExchangeKind withRingTokens(final int tokens) {
        return new ExchangeKind(mode, path, dispatchType, combine, split, segmentBytes, channels, chunkTokens, tokens,
            sendQueueDepth, payload);
    }

    /** The same with send queues of {@code depth} elements. */
    public ExchangeKind withSendQueueDepth(final int depth) {
        return new ExchangeKind(mode, path, dispatchType, combine, split, segmentBytes, channels, chunkTokens,
            ringTokens, depth, payload);
    }

    /** The same with rows, or without. */
    public ExchangeKind withPayload(final Payload other) {
        return new ExchangeKind(mode, path, dispatchType, combine, split, segmentBytes, channels, chunkTokens,
            ringTokens, sendQueueDepth, other);
    }

    private LowLatencyConfig lowLatencyConfig(final MoeShape shape) {
        final LowLatencyConfig config = LowLatencyConfig.of(shape).withPath(path).withDispatchType(dispatchType)
            .withCombine(combine)
            .withQueuePairsPerExpert(queuePairs()).withSegmentBytes(segmentBytes).withSendQueueDepth(sendQueueDepth)
            .withPayload(payload);
        return path == TransferPath.RING ? config.withRing(chunkTokens, ringTokens) : config;
    }

    private HighThroughputConfig highThroughputConfig(final MoeShape shape) {
        return HighThroughputConfig.of(shape).withPath(path).withDispatchType(dispatchType).withCombine(combine)
            .withQueuePairsPerChannel(queuePairs()).withSegmentBytes(segmentBytes).withChannels(channels)
            .withChunkTokens(chunkTokens, ringTokens)
            .withSendQueueDepth(sendQueueDepth).withPayload(payload);
    }

    private int queuePairs() {
        return split ? SPLIT_QUEUE_PAIRS : 1;
    }

    /** Heap bytes that every rank needs. */
    public long heapBytes(final MoeShape shape) {
        return mode == Mode.LL ? LowLatencyExchange.heapBytes(lowLatencyConfig(shape))
            : HighThroughputExchange.heapBytes(highThroughputConfig(shape));
    }

    /**
     * Pages for that heap: without rows low-latency buffers are dense, so that huge pages cost no more memory; other
     * layouts are for the worst case.
     */
    public Pages pages() {
        return mode == Mode.LL && payload == Payload.OMITTED ? Pages.HUGE : Pages.BASE;
    }

    /** Bytes of one dispatch message on the wire. */
    public int dispatchMessageBytes(final MoeShape shape) {
        return mode == Mode.LL
            ? LowLatencyExchange.messageBytes(lowLatencyConfig(shape))
            : HighThroughputExchange.messageBytes(highThroughputConfig(shape));
    }

    /**
     * Messages that the field counts in algorithmic bandwidth: in low-latency mode one a selection, in high-throughput
     * mode one a token and destination node, those that stay on the rank or node included.
     */
    public long countedMessages(final MoeShape shape, final Routing routing) {
        final DispatchLayout layout = new DispatchLayout(shape, routing);
        long messages = 0;
        if (mode == Mode.LL) {
            for (int expert = 0; expert < shape.experts(); expert++) {
                messages += layout.tokensPerExpert(expert);
            }
        } else {
            for (int node = 0; node < shape.nodes(); node++) {
                messages += layout.tokensPerNode(node);
            }
        }
        return messages;
    }

    /** An upper bound of the bytes of the queue pairs of all ranks, if no peer but the rank itself is mapped. */
    public long queuePairBytes(final MoeShape shape) {
        final QueuePairPlan plan = mode == Mode.LL ? lowLatencyConfig(shape).queuePairPlan()
            : highThroughputConfig(shape).queuePairPlan();
        // Low latency over rings has one more for counts and flags.
        final long perPeer = plan.queuePairsPerPeer() + 1L;
        return (long) shape.ranks() * (shape.ranks() - 1) * perPeer
            * (QueuePair.memoryBytes(sendQueueDepth) + QUEUE_PAIR_OBJECT_BYTES);
    }

    /** Which peers a real run maps: pulled combine needs all, high-throughput mode stores inside a node. */
    public DirectTransport.Mapping mapping() {
        if (mode == Mode.HT) {
            return DirectTransport.Mapping.NODE;
        }
        return combine == CombineMethod.PULL ? DirectTransport.Mapping.ALL : DirectTransport.Mapping.SELF;
    }

    /** Makes the rounds of all ranks; {@code arena} outlives them. */
    public Round.Factory rounds(final MoeShape shape, final ExpertStep step, final Arena arena) {
        if (mode == Mode.LL) {
            return rounds(lowLatencyConfig(shape), step);
        }
        return rounds(highThroughputConfig(shape), step, arena);
    }

    /** Makes the rounds of all ranks of a low-latency exchange. */
    public static Round.Factory rounds(final LowLatencyConfig config, final ExpertStep step) {
        return (transport, rank, meter, nanoClock) ->
            new LowLatencyRound(new LowLatencyExchange(config, transport, rank, meter, nanoClock), step);
    }

    /** Makes the rounds of all ranks of a high-throughput exchange; {@code arena} outlives them. */
    public static Round.Factory rounds(final HighThroughputConfig config, final ExpertStep step, final Arena arena) {
        return (transport, rank, meter, nanoClock) ->
            new HighThroughputRound(new HighThroughputExchange(config, transport, rank, meter, nanoClock), step, arena);
    }
}

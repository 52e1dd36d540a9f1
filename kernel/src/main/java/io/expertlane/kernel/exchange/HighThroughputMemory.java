package io.expertlane.kernel.exchange;

import io.expertlane.kernel.membership.MembershipWords;
import io.expertlane.kernel.memory.HeapPlan;
import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.ring.RingLayout;
import io.expertlane.kernel.verbs.QueuePairPlan;

/**
 * Where everything of a high-throughput exchange lies in every rank's heap region. R ranks in N nodes of P (one node if a node has one
 * rank), C channels, Q queue pairs a channel, K top-k, L local experts, M tokens a rank, m = C x ceil(M / C). "d" is the stride of a
 * dispatched record, "o" that of a returned one (see {@link TokenRecord}; both rounded up to 64); "ring d" and "ring o" the bytes of a
 * ring's end with such records ({@link RingLayout#bytes()}).
 *
 * <pre>
 *  object          count                    bytes each   written by              on path
 *  once for each live call:
 *  pack            m, or C x 2 chunks       d            the rank itself         zero, or ring with FP8
 *  receive         maxReceiveRows           d            writers in the node
 *  output          maxReceiveRows           o            the rank's experts
 *  transit         N x m                    d            source ranks on rail    zero, N &gt; 1
 *  slots           R x m                    o            ranks in the node       zero with push
 *  partial         N x m                    o            ranks on the rail       zero, N &gt; 1
 *  partial, sent   N x m                    o            the rank itself         zero, N &gt; 1
 *  words           2 (R + N) C Q            8            the writers of streams
 *  node counts     2 N x (C (P + 1) + P L)  4            ranks on the rail
 *  rank counts     2 P x (N C + L)          4            ranks in the node
 *  starts          2 P x N C                4            ranks in the node
 *  signals         2 N + 3 P                8            ranks on rail, in node
 *  once:
 *  lost record     1                        d            nobody
 *  membership      R                        block        ranks on rail, in node  (MembershipWords)
 *  rings           2 C (R + N)              ring d       peers                   ring
 *  rings           2 C (R + N)              ring o       peers                   ring
 * </pre>
 * An object begins at a multiple of 64 bytes, records after the lead of their layout; {@link #bytes()} is the sum. Control blocks and rings
 * exist twice, as sent and as received. Pages that are never touched cost nothing.
 */
final class HighThroughputMemory {
    private final Rails rails;
    private final int channels;
    private final int lanes;
    private final int run;
    private final int packSlots;
    private final RecordLayout dispatched;
    private final RecordLayout returned;
    private final RingLayout dispatchRing;
    private final RingLayout returnRing;
    private final int nodeCountsBytes;
    private final int rankCountsBytes;
    private final int startsBytes;
    private final Buffer[] buffers;
    private final long lost;
    private final MembershipWords membership;
    private final long dispatchRings;
    private final long returnRings;
    private final long bytes;

    /** Offsets of the objects of one live call. */
    private static final class Buffer {
        long pack;
        long receive;
        long output;
        long transit;
        long slots;
        long partial;
        long sentPartial;
        long rowWords;
        long transitWords;
        long slotWords;
        long partialWords;
        long nodeCounts;
        long rankCounts;
        long starts;
        long signals;
    }

    HighThroughputMemory(final HighThroughputConfig config, final Rails rails) {
        final MoeShape shape = config.shape();
        final boolean zero = config.path() == TransferPath.ZERO;
        final boolean fp8 = config.dispatchType() == DispatchType.FP8;
        this.rails = rails;
        this.channels = config.channels();
        this.lanes = config.queuePairsPerChannel();
        this.run = (shape.maxTokensPerRank() + channels - 1) / channels;
        this.packSlots = zero ? run : fp8 ? 2 * config.chunkTokens() : 0;
        this.dispatched = TokenRecord.dispatched(config);
        this.returned = TokenRecord.returned(config);
        this.dispatchRing = zero ? null : new RingLayout(dispatched, config.ringTokens(), config.chunkTokens());
        this.returnRing = zero ? null : new RingLayout(returned, config.ringTokens(), config.chunkTokens());
        this.nodeCountsBytes = (channels * (rails.perNode() + 1) + rails.perNode() * shape.localExperts()) * Integer.BYTES;
        this.rankCountsBytes = (rails.nodes() * channels + shape.localExperts()) * Integer.BYTES;
        this.startsBytes = rails.nodes() * channels * Integer.BYTES;
        final HeapPlan plan = new HeapPlan();
        this.buffers = new Buffer[config.liveCalls()];
        for (int i = 0; i < buffers.length; i++) {
            buffers[i] = place(plan, config);
        }
        this.lost = records(plan, "lost record", 1, dispatched);
        this.membership = new MembershipWords(plan, shape.ranks());
        final long rings = zero ? 0 : 2L * channels * (shape.ranks() + rails.nodes());
        this.dispatchRings = plan.reserve("dispatch rings", 0, rings, zero ? 0 : dispatchRing.bytes());
        this.returnRings = plan.reserve("return rings", 0, rings, zero ? 0 : returnRing.bytes());
        this.bytes = plan.bytes();
    }

    private Buffer place(final HeapPlan plan, final HighThroughputConfig config) {
        final boolean zero = config.path() == TransferPath.ZERO;
        final long ranks = config.shape().ranks();
        final long tokens = (long) channels * run;
        final long crossing = zero && rails.nodes() > 1 ? rails.nodes() * tokens : 0;
        final long streamWords = (long) channels * lanes;
        final Buffer buffer = new Buffer();
        buffer.pack = records(plan, "pack slots", (long) channels * packSlots, dispatched);
        buffer.receive = records(plan, "receive rows", config.maxReceiveRows(), dispatched);
        buffer.output = records(plan, "output rows", config.maxReceiveRows(), returned);
        buffer.transit = records(plan, "transit slots", crossing, dispatched);
        buffer.slots = records(plan, "combine slots", zero && config.combine() == CombineMethod.PUSH ? ranks * tokens : 0, returned);
        buffer.partial = records(plan, "partial slots", crossing, returned);
        buffer.sentPartial = records(plan, "partial slots", crossing, returned);
        buffer.rowWords = plan.reserve("row words", 0, ranks * streamWords, Long.BYTES);
        buffer.slotWords = plan.reserve("slot words", 0, ranks * streamWords, Long.BYTES);
        buffer.transitWords = plan.reserve("transit words", 0, rails.nodes() * streamWords, Long.BYTES);
        buffer.partialWords = plan.reserve("partial words", 0, rails.nodes() * streamWords, Long.BYTES);
        buffer.nodeCounts = plan.reserve("node counts", 0, 2L * rails.nodes(), nodeCountsBytes);
        buffer.rankCounts = plan.reserve("rank counts", 0, 2L * rails.perNode(), rankCountsBytes);
        buffer.starts = plan.reserve("starts", 0, 2L * rails.perNode(), startsBytes);
        buffer.signals = plan.reserve("signals", 0, 2L * rails.nodes() + 3L * rails.perNode(), Long.BYTES);
        return buffer;
    }

    private static long records(final HeapPlan plan, final String name, final long count, final RecordLayout layout) {
        return count == 0 ? 0 : plan.reserve(name, layout.leadBytes(), count, layout.stride());
    }

    long bytes() {
        return bytes;
    }

    RecordLayout dispatched() {
        return dispatched;
    }

    RecordLayout returned() {
        return returned;
    }

    RingLayout dispatchRing() {
        return dispatchRing;
    }

    RingLayout returnRing() {
        return returnRing;
    }

    /** Most tokens of one channel. */
    int run() {
        return run;
    }

    /** Slots that one channel packs into, used in turn. */
    int packSlots() {
        return packSlots;
    }

    long pack(final int buffer, final int channel, final int slot) {
        return buffers[buffer].pack + ((long) channel * packSlots + slot) * dispatched.stride();
    }

    long receive(final int buffer, final int row) {
        return buffers[buffer].receive + (long) row * dispatched.stride();
    }

    long output(final int buffer, final int row) {
        return buffers[buffer].output + (long) row * returned.stride();
    }

    /** First place for tokens that come from {@code sourceNode} on one channel. */
    long transit(final int buffer, final int sourceNode, final int channel) {
        return buffers[buffer].transit + streamRecord(sourceNode, channel) * dispatched.stride();
    }

    /** First place for rows that the rank of this node with index {@code from} returns of a stream. */
    long slots(final int buffer, final int sourceNode, final int from, final int channel) {
        return buffers[buffer].slots + streamRecord(sourceNode * rails.perNode() + from, channel) * returned.stride();
    }

    /** First place for sums that {@code fromNode} returns of one channel. */
    long partial(final int buffer, final int fromNode, final int channel) {
        return buffers[buffer].partial + streamRecord(fromNode, channel) * returned.stride();
    }

    long sentPartial(final int buffer, final int sourceNode, final int channel) {
        return buffers[buffer].sentPartial + streamRecord(sourceNode, channel) * returned.stride();
    }

    private long streamRecord(final int index, final int channel) {
        return ((long) index * channels + channel) * run;
    }

    long rowWord(final int buffer, final int sourceNode, final int from, final int channel) {
        return buffers[buffer].rowWords + word(sourceNode * rails.perNode() + from, channel);
    }

    long slotWord(final int buffer, final int sourceNode, final int from, final int channel) {
        return buffers[buffer].slotWords + word(sourceNode * rails.perNode() + from, channel);
    }

    long transitWord(final int buffer, final int sourceNode, final int channel) {
        return buffers[buffer].transitWords + word(sourceNode, channel);
    }

    long partialWord(final int buffer, final int fromNode, final int channel) {
        return buffers[buffer].partialWords + word(fromNode, channel);
    }

    private long word(final int index, final int channel) {
        return ((long) index * channels + channel) * lanes * Long.BYTES;
    }

    /** Bytes of the longest write to one queue pair: a part of a chunk of tokens, or a block of counts. */
    int longestWriteBytes(final int chunkTokens, final QueuePairPlan plan) {
        return Math.max(plan.partBytes(Math.max(dispatched.wireBytes(chunkTokens), returned.wireBytes(chunkTokens))),
            Math.max(nodeCountsBytes, Math.max(rankCountsBytes, startsBytes)));
    }

    int nodeCountsBytes() {
        return nodeCountsBytes;
    }

    int rankCountsBytes() {
        return rankCountsBytes;
    }

    int startsBytes() {
        return startsBytes;
    }

    long nodeCounts(final int buffer, final boolean sent, final int node) {
        return buffers[buffer].nodeCounts + (long) ((sent ? rails.nodes() : 0) + node) * nodeCountsBytes;
    }

    long rankCounts(final int buffer, final boolean sent, final int local) {
        return buffers[buffer].rankCounts + (long) ((sent ? rails.perNode() : 0) + local) * rankCountsBytes;
    }

    long starts(final int buffer, final boolean sent, final int local) {
        return buffers[buffer].starts + (long) ((sent ? rails.perNode() : 0) + local) * startsBytes;
    }

    /** A dispatched record that stands for one that was lost. */
    long lost() {
        return lost;
    }

    MembershipWords membership() {
        return membership;
    }

    long nodeCountsSignal(final int buffer, final int node) {
        return buffers[buffer].signals + (long) node * Long.BYTES;
    }

    long nodeReturnSignal(final int buffer, final int node) {
        return buffers[buffer].signals + (long) (rails.nodes() + node) * Long.BYTES;
    }

    long rankCountsSignal(final int buffer, final int local) {
        return buffers[buffer].signals + (2L * rails.nodes() + local) * Long.BYTES;
    }

    long startsSignal(final int buffer, final int local) {
        return buffers[buffer].signals + (2L * rails.nodes() + rails.perNode() + local) * Long.BYTES;
    }

    long rankReturnSignal(final int buffer, final int local) {
        return buffers[buffer].signals + (2L * rails.nodes() + 2L * rails.perNode() + local) * Long.BYTES;
    }

    /** End of the ring that carries a stream of {@code sourceNode} from or to the rank of this node with index {@code local}. */
    long rowRing(final boolean dispatch, final boolean sender, final int sourceNode, final int local, final int channel) {
        return ring(dispatch, sender, sourceNode * rails.perNode() + local, channel);
    }

    /** End of the ring that carries a channel's stream from or to the rank of this rail in {@code node}. */
    long railRing(final boolean dispatch, final boolean sender, final int node, final int channel) {
        return ring(dispatch, sender, rails.nodes() * rails.perNode() + node, channel);
    }

    private long ring(final boolean dispatch, final boolean sender, final int index, final int channel) {
        final int perChannel = rails.nodes() * (rails.perNode() + 1);
        final long number = ((long) (sender ? 1 : 0) * channels + channel) * perChannel + index;
        return dispatch ? dispatchRings + number * dispatchRing.bytes() : returnRings + number * returnRing.bytes();
    }
}

package io.expertlane.kernel.zero;

import io.expertlane.kernel.membership.MembershipWords;
import io.expertlane.kernel.memory.HeapPlan;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;

/**
 * Where everything of a low-latency exchange lies in every rank's heap region. All of it but the last two exists twice,
 * for calls with even and odd numbers.
 *
 * <pre>
 *  object          count        bytes each        written by            place
 *  send            M            slot stride       the rank itself       [token]
 *  receive         L x R x M    slot stride       each source rank      [local expert][source rank][slot]
 *  output          L x R x M    row stride        the rank's experts    as receive
 *  combine         E x M        returned stride   each expert's rank    [expert][token]            (push only)
 *  counts          L x R x Q    8                 each source rank      [local expert][source rank][queue pair]
 *  flags           E x Q        8                 each expert's rank    [expert][queue pair]
 *  membership      R            block             each peer             [peer] (MembershipWords)
 *  decoded         D            row stride        the rank itself       [row]
 * </pre>
 *
 * <p>A slot holds a message: {@link #HEADER_BYTES} of header, then the row; in receive slots an encoded output row
 * takes its place when the row is done with. Slots are a multiple of 64 bytes apart and begin 16 bytes before a cache
 * line, so that rows are aligned to cache lines.
 *
 * <p>Counts and flags are {@link io.expertlane.kernel.memory.CallWord}s. They need no clearing, and one of an earlier
 * call or life cannot be taken for a later one. Every place is written by one rank only.
 *
 * <p>Source: DeepEP's low-latency buffers, with counts and flags told apart by call number instead of being cleared.
 */
public final class LowLatencyBuffers {
    /** Bytes of a message's header. */
    public static final int HEADER_BYTES = 16;
    private static final int LEAD_BYTES = SymmetricHeap.ALIGNMENT_BYTES - HEADER_BYTES;

    private final int ranks;
    private final int slotsPerSource;
    private final int queuePairs;
    private final long slotStride;
    private final long receiveStride;
    private final long rowStride;
    private final long returnStride;
    private final long[] send = new long[2];
    private final long[] receive = new long[2];
    private final long[] output = new long[2];
    private final long[] combine = new long[2];
    private final long[] counts = new long[2];
    private final long[] flags = new long[2];
    private final MembershipWords membership;
    private final long decoded;
    private final long bytes;

    /**
     * Lays the buffers out.
     *
     * @param queuePairs   Q, queue pairs per expert
     * @param messageBytes bytes of a dispatch message that exist in memory, header included
     * @param rowBytes     bytes of an output row that exist in memory
     * @param returnBytes  bytes of an output row as it is sent back that exist in memory
     * @param decodedRows  D, rows decoded at a time, or 0 where output rows are sent as they are
     * @param push         whether outputs are pushed, which needs the combine buffer
     */
    public LowLatencyBuffers(final MoeShape shape, final int queuePairs, final int messageBytes, final int rowBytes,
                             final int returnBytes, final int decodedRows, final boolean push) {
        this.ranks = shape.ranks();
        this.slotsPerSource = shape.maxTokensPerRank();
        this.queuePairs = queuePairs;
        this.slotStride = messageBytes == HEADER_BYTES ? HEADER_BYTES : roundUp(messageBytes);
        this.receiveStride = decodedRows == 0 ? slotStride : Math.max(slotStride, roundUp(HEADER_BYTES + returnBytes));
        this.rowStride = roundUp(rowBytes);
        this.returnStride = roundUp(returnBytes);
        final long rows = (long) shape.localExperts() * ranks * slotsPerSource;
        final HeapPlan plan = new HeapPlan();
        for (int buffer = 0; buffer < 2; buffer++) {
            send[buffer] = plan.reserve("send slots", LEAD_BYTES, slotsPerSource, slotStride);
            receive[buffer] = plan.reserve("receive slots", LEAD_BYTES, rows, receiveStride);
            output[buffer] = plan.reserve("output rows", 0, rows, rowStride);
            combine[buffer] = plan.reserve("combine rows", 0, push ? (long) shape.experts() * slotsPerSource : 0,
                returnStride);
            counts[buffer] = plan.reserve("counts", 0, (long) shape.localExperts() * ranks * queuePairs, Long.BYTES);
            flags[buffer] = plan.reserve("flags", 0, (long) shape.experts() * queuePairs, Long.BYTES);
        }
        membership = new MembershipWords(plan, ranks);
        decoded = plan.reserve("decoded rows", 0, decodedRows, rowStride);
        this.bytes = plan.bytes();
    }

    private static long roundUp(final int bytes) {
        return (long) (bytes + SymmetricHeap.ALIGNMENT_BYTES - 1) / SymmetricHeap.ALIGNMENT_BYTES
            * SymmetricHeap.ALIGNMENT_BYTES;
    }

    /** Bytes of heap a rank needs. */
    public long bytes() {
        return bytes;
    }

    /** Offset of the message being sent for {@code token}. */
    public long send(final int buffer, final int token) {
        return send[buffer] + token * slotStride;
    }

    /** Offset of message {@code slot} from {@code sourceRank} for {@code localExpert}. */
    public long receive(final int buffer, final int localExpert, final int sourceRank, final int slot) {
        return receive[buffer] + rowIndex(localExpert, sourceRank, slot) * receiveStride;
    }

    /** Offset of the expert's output row for that message. */
    public long output(final int buffer, final int localExpert, final int sourceRank, final int slot) {
        return output[buffer] + rowIndex(localExpert, sourceRank, slot) * rowStride;
    }

    /** Offset at the token's rank of the row that {@code expert} gives for {@code token}. */
    public long combine(final int buffer, final int expert, final int token) {
        return combine[buffer] + ((long) expert * slotsPerSource + token) * returnStride;
    }

    /**
     * Offset of the count of messages from {@code sourceRank} for {@code localExpert}, as published on one queue pair.
     */
    public long count(final int buffer, final int localExpert, final int sourceRank, final int queuePair) {
        return counts[buffer] + (((long) localExpert * ranks + sourceRank) * queuePairs + queuePair) * Long.BYTES;
    }

    /** Offset of the flag that {@code expert}'s rows are there, as published on one queue pair. */
    public long flag(final int buffer, final int expert, final int queuePair) {
        return flags[buffer] + ((long) expert * queuePairs + queuePair) * Long.BYTES;
    }

    /** Where the words of membership are. */
    public MembershipWords membership() {
        return membership;
    }

    /** Offset of a row decoded for a sum. */
    public long decoded(final int row) {
        return decoded + row * rowStride;
    }

    private long rowIndex(final int localExpert, final int sourceRank, final int slot) {
        return ((long) localExpert * ranks + sourceRank) * slotsPerSource + slot;
    }
}

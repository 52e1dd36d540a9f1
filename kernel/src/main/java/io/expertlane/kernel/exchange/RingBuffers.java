package io.expertlane.kernel.exchange;

import io.expertlane.kernel.membership.MembershipWords;
import io.expertlane.kernel.memory.HeapPlan;
import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.ring.RingLayout;

/**
 * Where everything of a low-latency exchange over the ring path lies in every rank's heap region.
 *
 * <pre>
 *  object           count            bytes each         written by            place
 *  dispatch in      R                end of a ring      each source rank      [source]
 *  dispatch out     R                end of a ring      the rank itself       [peer]
 *  combine in       R                end of a ring      each expert's rank    [peer]
 *  combine out      R                end of a ring      the rank itself       [source]
 *  rows             L x R x M        row stride         the rank itself       [local expert][packed]
 *  staged           2                FP8 row stride     the rank itself       [call]                 (FP8 only)
 *  returned         2 x M x K        returned stride    the rank itself       [call][token][selection]
 *  decoded          K                row stride         the rank itself       [row]                  (LogFMT-10 only)
 *  counts           2 x L x R        8                  each source rank      [call][local expert][source]
 *  flags            2 x R            8                  each peer             [call][peer]
 *  heartbeats       R                8                  each peer             [peer]
 *  join requests    R x 3            8                  each peer             [peer][word]
 *  join grants      R x 5            8                  each peer             [peer][word]
 * </pre>
 *
 * <p>Rows exist once: they hold what one call received, then the outputs, until these have been sent back. All but the rows is small and
 * does not grow with the burst, so a heap has about one third of the rows of the zero path's, which holds received rows, outputs and
 * returned rows of two calls.
 */
final class RingBuffers {
    static final int HEADER_BYTES = 16;

    private final int ranks;
    private final int topK;
    private final int slotsPerSource;
    private final long rowStride;
    private final long stagedStride;
    private final long returnedStride;
    private final long localCounts;
    private final RingLayout dispatch;
    private final RingLayout combine;
    private final long dispatchIn;
    private final long dispatchOut;
    private final long combineIn;
    private final long combineOut;
    private final long rows;
    private final long staged;
    private final long returned;
    private final long decoded;
    private final long counts;
    private final long flags;
    private final MembershipWords membership;
    private final long bytes;

    RingBuffers(final LowLatencyConfig config) {
        final MoeShape shape = config.shape();
        final boolean moved = config.payload() == Payload.MOVED;
        final boolean encoded = config.combineType() == CombineType.LOGFMT10;
        this.ranks = shape.ranks();
        this.topK = shape.topK();
        this.slotsPerSource = shape.maxTokensPerRank();
        final int sentBytes = config.dispatchType().rowBytes(shape.hidden());
        final int returnBytes = config.combineType().rowBytes(shape.hidden());
        this.dispatch = new RingLayout(new RecordLayout(HEADER_BYTES, sentBytes, moved), config.ringTokens(), config.chunkTokens());
        this.combine = new RingLayout(new RecordLayout(HEADER_BYTES, returnBytes, moved), config.ringTokens(), config.chunkTokens());
        this.rowStride = moved ? HeapPlan.aligned(shape.rowBytes()) : 0;
        this.stagedStride = moved && config.dispatchType() == DispatchType.FP8 ? HeapPlan.aligned(sentBytes) : 0;
        this.returnedStride = moved ? HeapPlan.aligned(returnBytes) : 0;
        this.localCounts = (long) shape.localExperts() * ranks;
        final HeapPlan plan = new HeapPlan();
        dispatchIn = plan.reserve("dispatch ring ends", 0, ranks, dispatch.bytes());
        dispatchOut = plan.reserve("dispatch ring ends", 0, ranks, dispatch.bytes());
        combineIn = plan.reserve("combine ring ends", 0, ranks, combine.bytes());
        combineOut = plan.reserve("combine ring ends", 0, ranks, combine.bytes());
        rows = plan.reserve("received rows", 0, localCounts * slotsPerSource, rowStride);
        staged = plan.reserve("staged rows", 0, 2, stagedStride);
        returned = plan.reserve("returned rows", 0, 2L * slotsPerSource * topK, returnedStride);
        decoded = plan.reserve("decoded rows", 0, encoded ? topK : 0, rowStride);
        counts = plan.reserve("counts", 0, 2 * localCounts, Long.BYTES);
        flags = plan.reserve("flags", 0, 2L * ranks, Long.BYTES);
        membership = new MembershipWords(plan, ranks);
        bytes = plan.bytes();
    }

    long bytes() {
        return bytes;
    }

    RingLayout dispatch() {
        return dispatch;
    }

    RingLayout combine() {
        return combine;
    }

    long dispatchIn(final int source) {
        return dispatchIn + source * dispatch.bytes();
    }

    long dispatchOut(final int peer) {
        return dispatchOut + peer * dispatch.bytes();
    }

    long combineIn(final int peer) {
        return combineIn + peer * combine.bytes();
    }

    long combineOut(final int source) {
        return combineOut + source * combine.bytes();
    }

    /** Number, among all rows, of a local expert's row. */
    int row(final int localExpert, final int packed) {
        return localExpert * ranks * slotsPerSource + packed;
    }

    int rowCount() {
        return Math.toIntExact(localCounts * slotsPerSource);
    }

    long rowOffset(final int row) {
        return rows + row * rowStride;
    }

    long staged(final int buffer) {
        return staged + buffer * stagedStride;
    }

    long returned(final int buffer, final int token, final int k) {
        return returned + (((long) buffer * slotsPerSource + token) * topK + k) * returnedStride;
    }

    long decoded(final int row) {
        return decoded + row * rowStride;
    }

    long count(final int buffer, final int localExpert, final int source) {
        return counts + (buffer * localCounts + (long) localExpert * ranks + source) * Long.BYTES;
    }

    long flag(final int buffer, final int peer) {
        return flags + ((long) buffer * ranks + peer) * Long.BYTES;
    }

    MembershipWords membership() {
        return membership;
    }
}

package io.expertlane.kernel.membership;

import io.expertlane.kernel.memory.HeapPlan;

/**
 * Where the words of membership lie in every rank's region: a block for each rank, written by that rank only.
 *
 * <pre>
 *  +---------------------------------------------------------------+
 *  |  heartbeat: epoch of the writer (12), whether it waits (1),    |   0
 *  |  a number that changes (51)                                   |
 *  +---------------------------------------------------------------+
 *  |  request key: epoch (32), key of the writer's memory (32)     |   8
 *  +---------------------------------------------------------------+
 *  |  request: epoch (32), key of this memory (32), stored last    |  16
 *  +---------------------------------------------------------------+
 *  |  grant: last call number                                      |  24
 *  +---------------------------------------------------------------+
 *  |  grant: epoch of the writer (32), whether a member has masked |  32
 *  |  the writer (bit 31)                                          |
 *  +---------------------------------------------------------------+
 *  |  grant: epoch (32) and key (32) granted, stored last          |  40
 *  +---------------------------------------------------------------+
 *  |  acceptance: epoch (32) and key (32) of the grant taken       |  48
 *  +---------------------------------------------------------------+
 *  |  confirmation: epoch (32) and key (32) of the grant accepted  |  56
 *  +---------------------------------------------------------------+
 *  |  grant: masked ranks, a bit a rank, 64 a word                 |  64
 *  |                              ...                              |
 *  +---------------------------------------------------------------+
 *  |  mask report: link tag (12), 52 ranks a word                  |  64 + 8 ceil(R / 64)
 *  |                              ...                              |
 *  +---------------------------------------------------------------+
 * </pre>
 * In its own block a rank keeps its epoch, in place of the heartbeat: it outlives the exchange.
 *
 * <p>Threading: immutable.
 */
public final class MembershipWords {
    static final int HEARTBEAT_OFFSET = 0;
    static final int REQUEST_KEY_OFFSET = 8;
    static final int REQUEST_OFFSET = 16;
    static final int GRANT_CALL_OFFSET = 24;
    static final int GRANT_VIEW_OFFSET = 32;
    static final int GRANT_OFFSET = 40;
    static final int ACCEPTANCE_OFFSET = 48;
    static final int CONFIRMATION_OFFSET = 56;
    static final int GRANT_MASK_OFFSET = 64;
    static final int RANKS_PER_REPORT = 52;

    private final int ranks;
    private final int maskWords;
    private final int reportWords;
    private final long strideBytes;
    private final long blocks;

    /** Reserves the words of {@code ranks} ranks. */
    public MembershipWords(final HeapPlan plan, final int ranks) {
        this.ranks = ranks;
        this.maskWords = Math.ceilDiv(ranks, Long.SIZE);
        this.reportWords = Math.ceilDiv(ranks, RANKS_PER_REPORT);
        this.strideBytes = HeapPlan.aligned(GRANT_MASK_OFFSET + (long) (maskWords + reportWords) * Long.BYTES);
        this.blocks = plan.reserve("membership words", 0, ranks, strideBytes);
    }

    int ranks() {
        return ranks;
    }

    int maskWords() {
        return maskWords;
    }

    int reportWords() {
        return reportWords;
    }

    /** Where the word at {@code offset} of the block that {@code writer} writes lies. */
    long at(final int writer, final int offset) {
        return blocks + writer * strideBytes + offset;
    }

    long grantMask(final int writer, final int word) {
        return at(writer, GRANT_MASK_OFFSET + word * Long.BYTES);
    }

    long report(final int writer, final int word) {
        return at(writer, GRANT_MASK_OFFSET + (maskWords + word) * Long.BYTES);
    }
}

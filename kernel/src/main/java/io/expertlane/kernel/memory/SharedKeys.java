package io.expertlane.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * Keys in the headers of {@link RankFile}s, so that every process sees what any other has revoked. A region's keys and
 * their sequence are written by its own rank only, and stay when another process takes the region over. The count of
 * revocations is one for all ranks, in the header of rank 0: who asks whether anything was revoked reads one word.
 */
final class SharedKeys extends MappingKeys {
    private static final VarHandle INT = JAVA_INT.varHandle();

    private final MemorySegment[] headers;
    private final int ownRank;
    private boolean claimed;
    private final boolean isTakenOver;

    SharedKeys(final RankFile[] files, final int ownRank) {
        this.ownRank = ownRank;
        this.isTakenOver = files[ownRank].isTakenOver();
        this.headers = new MemorySegment[files.length];
        for (int rank = 0; rank < files.length; rank++) {
            headers[rank] = files[rank].header();
        }
    }

    @Override
    int key(final int rank) {
        return (int) INT.getAcquire(headers[rank], RankFile.KEY_OFFSET) & GlobalAddress.KEYS;
    }

    @Override
    int key(final int rank, final int writer) {
        return (int) INT.getAcquire(headers[rank], RankFile.writerKeyOffset(writer)) & GlobalAddress.KEYS;
    }

    @Override
    void revoke(final int rank) {
        requireOwn(rank);
        final int key = nextKey();
        INT.setRelease(headers[rank], RankFile.KEY_OFFSET, key);
        for (int writer = 0; writer < headers.length; writer++) {
            INT.setRelease(headers[rank], RankFile.writerKeyOffset(writer), key);
        }
        countRevocation();
    }

    @Override
    void revoke(final int rank, final int writer) {
        requireOwn(rank);
        INT.setRelease(headers[rank], RankFile.writerKeyOffset(writer), nextKey());
        countRevocation();
    }

    private void requireOwn(final int rank) {
        if (rank != ownRank) {
            throw new IllegalArgumentException("rank=" + rank + ": only rank " + ownRank
                + "'s keys are this process's to revoke");
        }
    }

    /** The place in the sequence is stored first: whoever takes over after a crash in between takes another key. */
    private int nextKey() {
        final int before = (int) INT.getAcquire(headers[ownRank], RankFile.KEY_SEQUENCE_OFFSET);
        INT.setRelease(headers[ownRank], RankFile.KEY_SEQUENCE_OFFSET, before + 1);
        return RankFile.key(before);
    }

    private void countRevocation() {
        final int ignored = (int) INT.getAndAdd(headers[0], RankFile.REVOCATIONS_OFFSET, 1);
    }

    @Override
    int revocations() {
        return (int) INT.getAcquire(headers[0], RankFile.REVOCATIONS_OFFSET);
    }

    @Override
    boolean claim(final int rank) {
        requireOwn(rank);
        final boolean isFirst = !claimed;
        claimed = true;
        final int before = (int) INT.getAndAdd(headers[rank], RankFile.CLAIMS_OFFSET, 1);
        return isFirst && isTakenOver && before != 0;
    }
}

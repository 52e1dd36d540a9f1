package io.expertlane.kernel.memory;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicInteger;

/** Keys of ranks that all live in this process, drawn from one sequence. */
final class LocalKeys extends MappingKeys {
    private static final AtomicInteger SEQUENCE = new AtomicInteger();
    private static final VarHandle KEYS = MethodHandles.arrayElementVarHandle(int[].class);
    private static final VarHandle WRITER_KEYS = MethodHandles.arrayElementVarHandle(int[][].class);

    private final int[] keys;
    /** By rank: the keys for each writer, null as long as they all are the rank's own. */
    private final int[][] writerKeys;
    private volatile int revocations;

    LocalKeys(final int ranks) {
        keys = new int[ranks];
        writerKeys = new int[ranks][];
        Arrays.fill(keys, nextKey());
    }

    private static int nextKey() {
        return 1 + Math.floorMod(SEQUENCE.getAndIncrement(), GlobalAddress.KEYS);
    }

    @Override
    int key(final int rank) {
        return (int) KEYS.getAcquire(keys, rank);
    }

    @Override
    int key(final int rank, final int writer) {
        final int[] ofWriters = (int[]) WRITER_KEYS.getAcquire(writerKeys, rank);
        return ofWriters == null ? key(rank) : (int) KEYS.getAcquire(ofWriters, writer);
    }

    @Override
    void revoke(final int rank) {
        final int key = nextKey();
        KEYS.setRelease(keys, rank, key);
        for (int writer = 0; writerKeys[rank] != null && writer < writerKeys[rank].length; writer++) {
            KEYS.setRelease(writerKeys[rank], writer, key);
        }
        revocations++;
    }

    @Override
    void revoke(final int rank, final int writer) {
        if (writerKeys[rank] == null) {
            final int[] ofWriters = new int[keys.length];
            Arrays.fill(ofWriters, key(rank));
            WRITER_KEYS.setRelease(writerKeys, rank, ofWriters);
        }
        KEYS.setRelease(writerKeys[rank], writer, nextKey());
        revocations++;
    }

    @Override
    int revocations() {
        return revocations;
    }

    @Override
    boolean claim(final int rank) {
        return false;
    }

    void copyFrom(final LocalKeys other) {
        for (int rank = 0; rank < keys.length; rank++) {
            KEYS.setRelease(keys, rank, other.key(rank));
            WRITER_KEYS.setRelease(writerKeys, rank,
                other.writerKeys[rank] == null ? null : other.writerKeys[rank].clone());
        }
    }
}

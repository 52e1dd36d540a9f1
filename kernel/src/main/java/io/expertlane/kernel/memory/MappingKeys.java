package io.expertlane.kernel.memory;

/**
 * The keys under which ranks reach each other's regions: kept in this process, or in memory that all processes of a job
 * have mapped.
 *
 * <p>Threading: any thread reads; {@code revoke} and {@code claim} are called by one thread at a time.
 */
abstract sealed class MappingKeys permits LocalKeys, SharedKeys {
    /** The key of {@code rank}'s region; never 0. */
    abstract int key(int rank);

    /** The key that {@code writer} has of {@code rank}'s region; never 0. */
    abstract int key(int rank, int writer);

    /** Takes a new key for {@code rank}'s region, for all writers. */
    abstract void revoke(int rank);

    /** Takes a new key of {@code rank}'s region for one writer. */
    abstract void revoke(int rank, int writer);

    /** Keys revoked so far, anybody's. */
    abstract int revocations();

    /**
     * A user takes {@code rank}'s region over; returns whether one in another process, that has ended, had taken it
     * before.
     */
    abstract boolean claim(int rank);
}

package io.expertlane.kernel.explorer;

import java.util.Arrays;

/** That a rank is to be let in between two dispatches. */
final class Join {
    enum Answer { NONE, CLEARED, GIVEN_UP }

    final Rank rank;
    final int round;
    final int life;
    final int failures;
    final Answer[] answers;
    final long[] arrivedAtNanos;
    /** When members stop asking for it. */
    long abandonedAtNanos = Rank.NEVER;
    long beganAtNanos;
    long firstClearedNanos = Rank.NEVER;
    long readySinceNanos = Rank.NEVER;
    boolean entered;
    boolean over;

    Join(final Rank rank, final int round, final int ranks) {
        this.rank = rank;
        this.round = round;
        this.life = rank.life;
        this.failures = rank.failures;
        this.answers = new Answer[ranks];
        this.arrivedAtNanos = new long[ranks];
        Arrays.fill(answers, Answer.NONE);
        Arrays.fill(arrivedAtNanos, Rank.NEVER);
    }

    /** Whether it will not succeed any more. */
    boolean isFailed() {
        return !over && (abandonedAtNanos != Rank.NEVER || failures != rank.failures);
    }

    /** Whether a member has let the rank in. */
    boolean isGranted() {
        return Arrays.asList(answers).contains(Answer.CLEARED);
    }

    boolean isPending() {
        return !over && !isFailed();
    }

    @Override
    public String toString() {
        return "join of rank " + rank.id + " life " + life + " before call " + round;
    }
}

package io.expertlane.kernel.explorer;

import java.util.ArrayList;
import java.util.List;

/** One rank of a world: its present life, and how far it has come. */
final class Rank {
    enum State {
        /** Dispatches calls. */
        MEMBER,
        DEAD,
        /** Started again; has not begun to join. */
        STARTED,
        /** Calls {@code rejoin()}. */
        JOINING
    }

    static final long NEVER = Long.MAX_VALUE;

    final int id;
    final List<Live> live = new ArrayList<>();
    /** By rank: the lives of it that this one has let in. */
    final int[] firstLife;
    final int[] lastLife;
    Member member;
    State state = State.MEMBER;
    boolean frozen;
    boolean held;
    /** Failed, and not yet a member again for all others. */
    boolean dirty;
    boolean slow;
    int life;
    int failures;
    /** The round whose call it dispatches next. */
    int round;
    /** The first round whose call it takes part in since it failed last. */
    int cleanSince;
    /** The join that it takes part in, or that it entered by; null: none was planned. */
    Join join;
    long thawsAtNanos = NEVER;
    long startsAtNanos = NEVER;
    /** When what it writes was last let go; {@link #NEVER} while it is held up. */
    long releasedAtNanos;
    long notBeforeNanos;
    /** When it had last waited as long as any may. */
    long waitedOutNanos;
    int alone;
    int turnsAtMoment;

    Rank(final int id, final int ranks) {
        this.id = id;
        this.firstLife = new int[ranks];
        this.lastLife = new int[ranks];
    }

    boolean isDriven() {
        return !frozen && state != State.DEAD;
    }

    boolean isClean(final int inRound) {
        return !dirty && cleanSince <= inRound;
    }

    @Override
    public String toString() {
        return "rank " + id + " life " + life;
    }
}

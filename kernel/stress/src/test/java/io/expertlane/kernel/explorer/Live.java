package io.expertlane.kernel.explorer;

/** A call that a rank has dispatched and that is not over. */
abstract class Live {
    final Input input;
    /** By rank: the lives of it whose rows may come, from and to. */
    final int[] firstLife;
    final int[] lastLife;
    long sinceNanos;
    boolean answered;

    Live(final Input input, final int ranks) {
        this.input = input;
        this.firstLife = new int[ranks];
        this.lastLife = new int[ranks];
    }

    abstract boolean isReceived();

    /** Checks the received rows, and answers them; with sums to come or not. */
    abstract void answer(Oracle oracle, boolean release, boolean isMember);

    abstract boolean isOver();

    /** Checks the sums. */
    abstract void check(Oracle oracle);

    abstract boolean isLeftOut(int peer);

    /** Whether rows of {@code source} are missing. */
    abstract boolean isMissingFrom(int source);

    /** Whether outputs of {@code target} are missing in the sums. */
    abstract boolean isMissingOf(int target);

    /** The input that a life of a rank dispatched, if its rows may come at all. */
    final Input sent(final Oracle oracle, final int source, final int life, final boolean isMember) {
        final Input sent = oracle.find(input.call, source, life);
        if (sent == null || isMember && (life < firstLife[source] || life > lastLife[source])) {
            throw new Violation("WRONG_ROW", "rank " + input.rank + " call " + input.call + ": from rank " + source + ", of whose lives "
                + firstLife[source] + " to " + lastLife[source] + " may come, " + oracle.describe() + (sent == null ? ", which it did not send" : ""));
        }
        return sent;
    }
}

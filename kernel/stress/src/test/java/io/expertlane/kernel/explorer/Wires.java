package io.expertlane.kernel.explorer;

/** A network as the world sees it: it moves on when it is told to. */
interface Wires {
    /** Carries something out; whether there was something that may go. */
    boolean step(Dice dice);

    /** Whether what {@code from} writes to {@code to} is held up; {@code from} itself is never. */
    void hold(int from, int to, boolean on);

    /** Carries out all that {@code rank} has posted. */
    void drain(int rank);

    /** The time, nanoseconds, once the network has had {@code nanos} more of it. */
    void pass(long nanos);
}

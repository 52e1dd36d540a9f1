package io.expertlane.kernel.exchange;

/** What one rank does while another writes garbage: calls, whose rows and sums are checked as far as the writer has nothing to do with them. */
interface GarbageWitness {
    /** Drives the exchange and its calls. */
    boolean step();

    /** Calls that are over. */
    int ended();

    /** Calls begun. */
    int begun();

    /** Whether this rank itself has masked another. */
    boolean isMasked(int other);

    /** Whether what {@code source} sends to this rank reaches it without a part of the writer in it. */
    boolean isClean(int source);

    long protocolErrors(int peer);

    String protocolError(int peer);
}

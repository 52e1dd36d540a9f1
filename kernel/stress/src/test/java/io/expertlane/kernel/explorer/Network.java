package io.expertlane.kernel.explorer;

/** What carries the elements. */
enum Network {
    /** Carried out at the doorbell. */
    DIRECT,
    /** Carried out one by one, in random order across queue pairs. */
    QUEUED,
    /** Simulated NICs on a network that loses, corrupts and reorders packets. */
    NIC
}

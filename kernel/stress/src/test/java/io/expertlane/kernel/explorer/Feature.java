package io.expertlane.kernel.explorer;

/** What may happen in a schedule beyond kills, freezes and one rank at a time that joins again while nobody does anything else. */
enum Feature {
    /** Calls stay live at the members while a rank joins. */
    LIVE,
    /** Ranks fail while they join; the members stop asking for them after a while, and mask them. */
    ABORT,
    /** A rank fails once it is a member again, and joins once more before the others have dispatched. */
    TWICE,
    /** Several ranks join between the same two dispatches. */
    OVERLAP,
    /** Ranks that nobody has masked join again. */
    VOLUNTARY,
    /** A joining rank does not wait for the members to ask for it, which may be many time-outs later. */
    EARLY,
    /** Ranks dispatch as soon as they themselves are done with what is between two calls. */
    PROMPT,
    /** Members that wait for a joining rank call {@code clearMask} only, and not {@code doWork}. */
    QUIET,
    /** Callers mask ranks that have failed, also while these join. */
    MASK,
    /** A rank that all others have masked dispatches up to two calls that the others do not. */
    AHEAD,
    /** What a rank writes to others may be in flight for a long time. */
    HOLD,
    /** Some ranks are driven far less often than others. */
    SLOW,
    /** Queues that hold next to nothing. */
    FULL,
    /** Two calls are live at once. */
    TWO,
    /** Some calls are released instead of combined. */
    RELEASE,
    /** High-throughput calls use handles of earlier ones, or a fixed number of rows. */
    HANDLE,
    /** Rows and outputs of peers are loaded, where the configuration can do that. */
    PULL,
    /** Rows travel as FP8. */
    FP8;

    int bit() {
        return 1 << ordinal();
    }
}

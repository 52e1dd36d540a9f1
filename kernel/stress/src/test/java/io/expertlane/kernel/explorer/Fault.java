package io.expertlane.kernel.explorer;

/**
 * One fault of a schedule: it happens to a rank after so many of its turns at a moment.
 *
 * @param number   its place among those drawn
 * @param kind     what happens
 * @param rank     to whom, modulo the number of ranks
 * @param moment   which turns are counted
 * @param turns    how many of them pass first
 * @param nanos    how long it is frozen or held
 * @param isDouble whether the next rank is killed at the same time
 */
record Fault(int number, Kind kind, int rank, Moment moment, int turns, long nanos, boolean isDouble) {
    enum Kind { KILL, FREEZE, HOLD, HOLD_LINK }

    /** What a rank is doing. */
    enum Moment { ANY, DISPATCHING, COMBINING, CLEARING, JOINING, JOINED }
}

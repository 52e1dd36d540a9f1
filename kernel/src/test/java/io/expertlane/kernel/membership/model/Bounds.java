package io.expertlane.kernel.membership.model;

/**
 * How far a search goes.
 *
 * @param faults    crashes, freezes and wrong time-outs together
 * @param calls     calls that each rank dispatches
 * @param maxEpoch  a rank does not join again beyond this epoch, at most 7
 * @param withdrawn whether callers may also stop asking although the joining rank lives, as long as nobody's {@code clearMask} was true
 */
record Bounds(int faults, int calls, int maxEpoch, boolean withdrawn) {
}

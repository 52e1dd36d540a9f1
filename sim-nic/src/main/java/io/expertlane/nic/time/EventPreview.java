package io.expertlane.nic.time;

/**
 * Shown events shortly before they are due, to bring what they will use into the processor's caches: many at once,
 * because loads that do not depend on each other overlap. Must not change anything that a run depends on. Events
 * scheduled for the very near future, or while few others are pending, are not shown, and now and then one is shown
 * twice.
 */
public interface EventPreview {
    /** Called for each of a number of events. */
    void first(int handler, long payload);

    /**
     * Called for each of the same events again, when what {@link #first} has loaded is likely to be there: for what
     * lies behind it.
     */
    void second(int handler, long payload);
}

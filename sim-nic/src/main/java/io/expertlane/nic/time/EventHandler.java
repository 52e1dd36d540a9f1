package io.expertlane.nic.time;

/** A part of the model that events are addressed to. */
@FunctionalInterface
public interface EventHandler {
    /**
     * Called when virtual time has reached an event of this handler; may schedule further events.
     *
     * @param timePicos now
     * @param payload   as given when the event was scheduled
     */
    void onEvent(long timePicos, long payload);
}

package io.expertlane.nic.time;

/**
 * A part of the model that several kinds of events are addressed to, each by an id of its own. For models with many
 * events: one group is called directly, where as many {@link EventHandler}s are each looked up by their class.
 */
@FunctionalInterface
public interface EventGroup {
    /**
     * Called when virtual time has reached an event of one of the ids; may schedule further events.
     *
     * @param timePicos now
     * @param id        which of the group's ids the event is addressed to
     * @param payload   as given when the event was scheduled
     */
    void onEvent(long timePicos, int id, long payload);
}

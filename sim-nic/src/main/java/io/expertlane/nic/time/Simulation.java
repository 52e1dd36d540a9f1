package io.expertlane.nic.time;

import java.util.Arrays;

/**
 * A virtual clock: takes events from an {@link EventQueue} in order and gives each to the handler it is addressed to.
 *
 * <p>Counts the events and hashes their stream (time, handler, payload, in order), so that two runs can be compared by
 * two numbers.
 *
 * <p><b>Threading.</b> One thread at a time. No static state, no wall clock: simulations live side by side and do not
 * influence each other.
 *
 * <p><b>Ordering.</b> Exact time order; events of equal time in the order of scheduling. An event may schedule others
 * for the current time: they run after all events already pending for it.
 */
public final class Simulation {
    private static final long HASH_SEED = 0x9E3779B97F4A7C15L;
    private static final long TIME_FACTOR = 0xBF58476D1CE4E5B9L;
    private static final long HANDLER_FACTOR = 0x94D049BB133111EBL;
    private static final long PAYLOAD_FACTOR = 0xD6E8FEB86659FD93L;

    private final EventQueue queue = new EventQueue();
    private EventGroup[] groups = new EventGroup[16];
    private int handlerCount;
    private long eventCount;
    private long streamHash = HASH_SEED;

    /** Adds a handler and returns its id: 0, 1, 2 and so on in order of registration. */
    public int register(final EventHandler handler) {
        if (handler == null) {
            throw new IllegalArgumentException("handler=null");
        }
        return register(1, (timePicos, id, payload) -> handler.onEvent(timePicos, payload));
    }

    /**
     * Adds a group that takes the next {@code count} ids, as that many handlers would.
     *
     * @param count 1 or more
     * @return the first of them
     */
    public int register(final int count, final EventGroup group) {
        if (group == null) {
            throw new IllegalArgumentException("group=null");
        }
        if (count < 1) {
            throw new IllegalArgumentException("count=" + count + ": 1 or more");
        }
        final int first = handlerCount;
        if (first + count > groups.length) {
            groups = Arrays.copyOf(groups, Math.max(2 * groups.length, first + count));
        }
        Arrays.fill(groups, first, first + count, group);
        handlerCount += count;
        return first;
    }

    /** Number of ids given to handlers and groups so far: ids are less. */
    public int handlerCount() {
        return handlerCount;
    }

    /**
     * Schedules an event at an absolute time.
     *
     * @param timePicos from {@link #nowPicos()} to {@link EventQueue#MAX_TIME_PICOS}
     * @param handler   id from {@link #register}
     * @throws IllegalArgumentException if the time is outside that range or the handler is unknown
     */
    public void schedule(final long timePicos, final int handler, final long payload) {
        if (handler < 0 || handler >= handlerCount) {
            throw new IllegalArgumentException("handler=" + handler + " is not registered, handlers=" + handlerCount);
        }
        queue.schedule(timePicos, handler, payload);
    }

    /** Runs the next event; false if none is pending. */
    public boolean step() {
        if (!queue.poll()) {
            return false;
        }
        dispatch();
        return true;
    }

    /** Runs until no event is pending. */
    public void run() {
        while (queue.poll()) {
            dispatch();
        }
    }

    /**
     * Runs every event up to and including {@code limitPicos}, those scheduled on the way included, then moves the
     * clock there.
     *
     * @param limitPicos from {@link #nowPicos()} to {@link EventQueue#MAX_TIME_PICOS}
     * @throws IllegalArgumentException if the limit is outside that range; no event has run then
     */
    public void runUntil(final long limitPicos) {
        if (limitPicos < queue.nowPicos() || limitPicos > EventQueue.MAX_TIME_PICOS) {
            throw new IllegalArgumentException("limitPicos=" + limitPicos + " is not in " + queue.nowPicos() + ".."
                + EventQueue.MAX_TIME_PICOS);
        }
        while (queue.pollUntil(limitPicos)) {
            dispatch();
        }
        queue.advanceTo(limitPicos);
    }

    /**
     * Shows events to {@code viewer} shortly before they are due, in place of the viewer before; see {@link
     * EventPreview}.
     */
    public void preview(final EventPreview viewer) {
        queue.preview(viewer);
    }

    /** The current virtual time. */
    public long nowPicos() {
        return queue.nowPicos();
    }

    /** Time of the next event, or {@link EventQueue#NEVER}. */
    public long nextEventTimePicos() {
        return queue.nextTimePicos();
    }

    /** Number of pending events. */
    public int pendingCount() {
        return queue.size();
    }

    /** Number of events run so far. */
    public long eventCount() {
        return eventCount;
    }

    /** Hash of time, handler and payload of every event run so far, in order. */
    public long streamHash() {
        return streamHash;
    }

    /**
     * Takes over clock, pending events, count and hash of {@code other}. Handlers stay this simulation's own: their
     * state is for their owner to copy.
     *
     * @throws IllegalArgumentException if the number of handlers differs, because pending events are addressed by
     *         handler id
     */
    public void copyFrom(final Simulation other) {
        if (other.handlerCount != handlerCount) {
            throw new IllegalArgumentException("other.handlers=" + other.handlerCount + " differs from handlers="
                + handlerCount);
        }
        queue.copyFrom(other.queue);
        eventCount = other.eventCount;
        streamHash = other.streamHash;
    }

    private void dispatch() {
        final long timePicos = queue.nowPicos();
        final int handler = queue.handler();
        final long payload = queue.payload();
        eventCount++;
        streamHash = mix(streamHash, timePicos, handler, payload);
        groups[handler].onEvent(timePicos, handler, payload);
    }

    /** One multiplication and one shift on the chain from event to event; the rest overlaps with the event before. */
    private static long mix(final long hash, final long timePicos, final int handler, final long payload) {
        final long event = timePicos * TIME_FACTOR ^ Long.rotateLeft(payload * PAYLOAD_FACTOR, 32) ^ (handler + 1L)
            * HANDLER_FACTOR;
        final long mixed = (hash ^ event) * HASH_SEED;
        return mixed ^ mixed >>> 32;
    }
}

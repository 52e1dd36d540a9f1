package io.expertlane.nic.time;

import java.util.Arrays;

/**
 * Pending events of one simulation, in exact time order; events of equal time leave in the order in which they were
 * scheduled.
 *
 * <p>An event is three primitives: a time in picoseconds, a handler id and a 64-bit payload. Time starts at 0 and runs
 * to {@link #MAX_TIME_PICOS}, 2<sup>63</sup> - 2 ps or 106.75 days; {@link #NEVER} stands for "no event". A picosecond
 * is fine enough for one byte at 400 Gb/s (20 ps).
 *
 * <p><b>Layout.</b> A monotone radix heap with 64 buckets a level and a small sorted run in front:
 * <pre>
 *   now            windowLast
 *    |--- run ---------|--- level k buckets ---|--- level k+1 buckets ------------- ...
 *      sorted array      (64 slots of 64^k ps)   (64 slots of 64^(k+1) ps)
 * </pre>
 * An event beyond the window goes to the level of the highest base-64 digit in which its time differs from {@code
 * reference}, to the slot of that digit. Since no event may be scheduled before {@code now}, everything in a lower
 * level is earlier than anything in a higher one, and slots of a level are in order. When the run is empty the first
 * bucket is opened: up to one chunk of events goes into the run, counted into the order of the next digit and then
 * sorted by insertion; a larger bucket is spread over a lower level first. Buckets are chains of chunks in one {@code
 * long[]} pool, appended and read front to back, so equal times keep their order without a sequence number:
 * <pre>
 *   chunk, 256 longs: | time | payload | handler | time | payload | handler | ... 85 events ... | index of next chunk |
 * </pre>
 * An event moves at most once a level, so the cost per event is bounded and does not depend on how delays are
 * distributed.
 *
 * <p><b>Threading.</b> One thread at a time; no static state, so queues are independent of each other.
 *
 * <p><b>Allocation.</b> Arrays grow by doubling when more events are pending than ever before; otherwise nothing is
 * allocated.
 *
 * <p><b>Failure.</b> Scheduling before {@link #nowPicos()} is an {@link IllegalArgumentException} and changes nothing.
 *
 * <p><b>Source.</b> Ahuja, Mehlhorn, Orlin, Tarjan: Faster algorithms for the shortest path problem, JACM 37(2), 1990
 * (radix heap).
 */
public final class EventQueue {
    /** Returned by {@link #nextTimePicos()} when no event is pending. */
    public static final long NEVER = Long.MAX_VALUE;
    /** The latest time an event may have. */
    public static final long MAX_TIME_PICOS = NEVER - 1;

    private static final int DIGIT_BITS = 6;
    private static final int SLOTS = 1 << DIGIT_BITS;
    private static final int LEVELS = (Long.SIZE + DIGIT_BITS - 2) / DIGIT_BITS;

    /**
     * Events are previewed when they leave this level for a lower one: all those of 64<sup>3</sup> ps, or 262 ns,
     * together.
     */
    private static final int PREVIEW_LEVEL = 3;

    private static final int EVENT_LONGS = 3;
    private static final int PAYLOAD = 1;
    private static final int HANDLER = 2;

    private static final int CHUNK_LONGS = 256;
    private static final int LINK = CHUNK_LONGS - 1;
    /**
     * Tail of an empty bucket: the end of chunk 0, which holds no events, so that "empty" and "last chunk full" are one
     * test.
     */
    private static final int EMPTY = LINK;

    private static final int INITIAL_POOL_CHUNKS = 16;
    /** The run has room for a chunk at least. */
    private static final int INITIAL_RUN_EVENTS = 128;
    /** Fewer events than this are sorted by insertion alone. */
    private static final int MIN_COUNTED_LONGS = 10 * EVENT_LONGS;
    /** An insertion into the run that would move more events than this narrows the window instead. */
    private static final int MAX_SHIFT_LONGS = 32 * EVENT_LONGS;

    private final int[] bucketHead = new int[LEVELS * SLOTS];
    private final int[] bucketTail = new int[LEVELS * SLOTS];
    private final long[] occupiedSlots = new long[LEVELS];
    private int occupiedLevels;

    private long[] pool = new long[INITIAL_POOL_CHUNKS * CHUNK_LONGS];
    private int poolEnd = CHUNK_LONGS;
    private int freeChunk;

    private long[] run = new long[INITIAL_RUN_EVENTS * EVENT_LONGS];
    private final int[] slotPlaces = new int[SLOTS];
    private int runHead;
    private int runTail;
    private long reference;
    private long windowLast;

    /** Earliest time in the buckets, or -1 if it has to be looked up. */
    private long bucketMin = NEVER;
    private int size;
    private EventPreview preview;

    private long nowPicos;
    private int handler;
    private long payload;

    public EventQueue() {
        Arrays.fill(bucketTail, EMPTY);
    }

    /**
     * Adds an event behind all pending events of the same time.
     *
     * @param timePicos from {@link #nowPicos()} to {@link #MAX_TIME_PICOS}
     * @throws IllegalArgumentException if the time is outside that range
     */
    public void schedule(final long timePicos, final int handler, final long payload) {
        if (timePicos < nowPicos || timePicos == NEVER) {
            throw outOfRange("timePicos", timePicos);
        }
        if (timePicos <= windowLast) {
            insertIntoRun(timePicos, handler, payload);
        } else {
            append(bucketOf(timePicos), timePicos, payload, handler);
            bucketMin = Math.min(bucketMin, timePicos);
        }
        size++;
    }

    /**
     * Takes the next event: time moves to it, and {@link #nowPicos()}, {@link #handler()} and {@link #payload()}
     * describe it.
     *
     * @return false, with nothing changed, if no event is pending
     */
    public boolean poll() {
        return pollUntil(MAX_TIME_PICOS);
    }

    /**
     * Takes the next event if it is not later than {@code limitPicos}.
     *
     * @return false, with nothing changed, if there is none
     */
    public boolean pollUntil(final long limitPicos) {
        final int at;
        if (runHead == runTail) {
            // Without a limit there is no need to look for the earliest.
            if (size == 0 || limitPicos != MAX_TIME_PICOS && earliestInBuckets() > limitPicos) {
                return false;
            }
            refillRun();
            at = 0;
        } else {
            at = runHead;
            if (run[at] > limitPicos) {
                return false;
            }
        }
        final long[] events = run;
        nowPicos = events[at];
        payload = events[at + PAYLOAD];
        handler = (int) events[at + HANDLER];
        runHead = at + EVENT_LONGS;
        size--;
        return true;
    }

    /**
     * Moves time forward without an event.
     *
     * @param timePicos from {@link #nowPicos()} to {@link #nextTimePicos()}, at most {@link #MAX_TIME_PICOS}
     * @throws IllegalArgumentException if the time is outside that range
     */
    public void advanceTo(final long timePicos) {
        if (timePicos < nowPicos || timePicos == NEVER) {
            throw outOfRange("timePicos", timePicos);
        }
        final long next = nextTimePicos();
        if (timePicos > next) {
            throw new IllegalArgumentException("timePicos=" + timePicos + " is after the next event at " + next);
        }
        nowPicos = timePicos;
    }

    /** Time of the next event, or {@link #NEVER}. */
    public long nextTimePicos() {
        return runHead == runTail ? earliestInBuckets() : run[runHead];
    }

    /** Time of the event taken last, or where {@link #advanceTo} has moved it since. */
    public long nowPicos() {
        return nowPicos;
    }

    /** Handler id of the event taken last. */
    public int handler() {
        return handler;
    }

    /** Payload of the event taken last. */
    public long payload() {
        return payload;
    }

    /** Number of pending events. */
    public int size() {
        return size;
    }

    /** Shows events to {@code viewer} shortly before they are due, in place of the viewer before; null for none. */
    public void preview(final EventPreview viewer) {
        preview = viewer;
    }

    /** Makes this queue an independent copy of {@code other}, current event included. */
    public void copyFrom(final EventQueue other) {
        if (other == this) {
            return;
        }
        System.arraycopy(other.bucketHead, 0, bucketHead, 0, bucketHead.length);
        System.arraycopy(other.bucketTail, 0, bucketTail, 0, bucketTail.length);
        System.arraycopy(other.occupiedSlots, 0, occupiedSlots, 0, LEVELS);
        occupiedLevels = other.occupiedLevels;
        if (pool.length < other.poolEnd) {
            pool = new long[other.pool.length];
        }
        System.arraycopy(other.pool, 0, pool, 0, other.poolEnd);
        poolEnd = other.poolEnd;
        freeChunk = other.freeChunk;
        if (run.length < other.runTail) {
            run = new long[other.run.length];
        }
        System.arraycopy(other.run, other.runHead, run, other.runHead, other.runTail - other.runHead);
        runHead = other.runHead;
        runTail = other.runTail;
        reference = other.reference;
        windowLast = other.windowLast;
        bucketMin = other.bucketMin;
        size = other.size;
        nowPicos = other.nowPicos;
        handler = other.handler;
        payload = other.payload;
    }

    private void insertIntoRun(final long time, final int handler, final long payload) {
        if (runHead == runTail) {
            runHead = 0;
            runTail = 0;
        } else if (run[runTail - EVENT_LONGS] > time && runTail - runHead > MAX_SHIFT_LONGS
            && run[runTail - MAX_SHIFT_LONGS] > time) {
            narrowWindow(time);
            if (time > windowLast) {
                append(bucketOf(time), time, payload, handler);
                bucketMin = Math.min(bucketMin, time);
                return;
            }
        }
        if (runTail == run.length) {
            makeRoomInRun();
        }
        insertSorted(time, payload, handler);
    }

    private void insertSorted(final long time, final long payload, final long handler) {
        final long[] events = run;
        final int first = runHead;
        int at = runTail;
        runTail = at + EVENT_LONGS;
        while (at > first && events[at - EVENT_LONGS] > time) {
            events[at] = events[at - EVENT_LONGS];
            events[at + PAYLOAD] = events[at - EVENT_LONGS + PAYLOAD];
            events[at + HANDLER] = events[at - EVENT_LONGS + HANDLER];
            at -= EVENT_LONGS;
        }
        events[at] = time;
        events[at + PAYLOAD] = payload;
        events[at + HANDLER] = handler;
    }

    /** Moves the far part of the run back into buckets until an insertion at {@code time} moves few events. */
    private void narrowWindow(final long time) {
        reference = nowPicos;
        do {
            final int shift = DIGIT_BITS * levelOf(run[runTail - EVENT_LONGS] ^ reference);
            windowLast = reference | ((1L << shift) - 1);
            int keep = runTail;
            while (keep > runHead && run[keep - EVENT_LONGS] > windowLast) {
                keep -= EVENT_LONGS;
            }
            bucketMin = run[keep];
            for (int at = keep; at < runTail; at += EVENT_LONGS) {
                append(bucketOf(run[at]), run[at], run[at + PAYLOAD], run[at + HANDLER]);
            }
            runTail = keep;
        } while (time <= windowLast && runTail - runHead > MAX_SHIFT_LONGS && run[runTail - MAX_SHIFT_LONGS] > time);
    }

    private void makeRoomInRun() {
        final int length = runTail - runHead;
        final long[] from = run;
        if (length > from.length / 2) {
            run = new long[grownLength(from.length, EVENT_LONGS)];
        }
        System.arraycopy(from, runHead, run, 0, length);
        runHead = 0;
        runTail = length;
    }

    private long earliestInBuckets() {
        if (bucketMin < 0) {
            bucketMin = findBucketMin();
        }
        return bucketMin;
    }

    private long findBucketMin() {
        if (occupiedLevels == 0) {
            return NEVER;
        }
        final int bucket = firstBucket();
        final int tail = bucketTail[bucket];
        final long[] events = pool;
        long min = NEVER;
        int at = bucketHead[bucket];
        while (at != tail) {
            min = Math.min(min, events[at]);
            at = next(events, at, tail);
        }
        return min;
    }

    private int firstBucket() {
        final int level = Integer.numberOfTrailingZeros(occupiedLevels);
        return level << DIGIT_BITS | Long.numberOfTrailingZeros(occupiedSlots[level]);
    }

    /**
     * Opens the first bucket and fills the empty run from it. The reference may be any event of the bucket that is
     * opened last: all share the higher digits.
     */
    private void refillRun() {
        bucketMin = -1;
        runHead = 0;
        runTail = 0;
        while (true) {
            final int bucket = firstBucket();
            final int head = bucketHead[bucket];
            final int tail = bucketTail[bucket];
            final int from = bucket >>> DIGIT_BITS;
            reference = pool[head];
            windowLast = reference | ((1L << from * DIGIT_BITS) - 1);
            detach(bucket);
            final boolean oneChunk = tail - head < CHUNK_LONGS && tail > head;
            final long differing = oneChunk ? 0 : differingBits(head, tail, reference);
            final int level = differing == 0 ? 0 : levelOf(differing);
            if (preview != null && from >= PREVIEW_LEVEL && level < PREVIEW_LEVEL) {
                showTo(preview, head, tail);
            }
            if (differing == 0) {
                if (oneChunk) {
                    moveChunkToRun(head, tail, Math.max(0, from - 1) * DIGIT_BITS);
                } else {
                    moveEqualToRun(head, tail);
                }
                return;
            }
            spread(head, tail, level);
        }
    }

    private void showTo(final EventPreview viewer, final int head, final int tail) {
        final long[] events = pool;
        for (int at = head; at != tail; at = next(events, at, tail)) {
            viewer.first((int) events[at + HANDLER], events[at + PAYLOAD]);
        }
        for (int at = head; at != tail; at = next(events, at, tail)) {
            viewer.second((int) events[at + HANDLER], events[at + PAYLOAD]);
        }
    }

    private long differingBits(final int head, final int tail, final long time) {
        final long[] events = pool;
        long differing = 0;
        int at = head;
        while (at != tail) {
            differing |= events[at] ^ time;
            at = next(events, at, tail);
        }
        return differing;
    }

    /** Any number of events of one time. */
    private void moveEqualToRun(final int head, final int tail) {
        int at = head;
        while (at != tail) {
            if (runTail == run.length) {
                makeRoomInRun();
            }
            insertSorted(pool[at], pool[at + PAYLOAD], pool[at + HANDLER]);
            at = nextFreeing(at, tail);
        }
        freeChunkOf(tail);
    }

    /**
     * The events of one chunk: many of them by the highest digit in which they may differ first, which leaves little to
     * sort.
     */
    private void moveChunkToRun(final int head, final int tail, final int shift) {
        final int length = tail - head;
        if (length < MIN_COUNTED_LONGS) {
            System.arraycopy(pool, head, run, 0, length);
        } else {
            moveByDigit(head, tail, shift);
        }
        freeChunkOf(tail);
        final long[] events = run;
        for (int at = EVENT_LONGS; at < length; at += EVENT_LONGS) {
            if (events[at - EVENT_LONGS] > events[at]) {
                runTail = at;
                insertSorted(events[at], events[at + PAYLOAD], events[at + HANDLER]);
            }
        }
        runTail = length;
    }

    private void moveByDigit(final int head, final int tail, final int shift) {
        final long[] from = pool;
        final int[] places = slotPlaces;
        Arrays.fill(places, 0);
        long occupied = 0;
        for (int at = head; at < tail; at += EVENT_LONGS) {
            final int slot = (int) (from[at] >>> shift) & (SLOTS - 1);
            places[slot] += EVENT_LONGS;
            occupied |= 1L << slot;
        }
        int end = 0;
        for (long slots = occupied; slots != 0; slots &= slots - 1) {
            final int slot = Long.numberOfTrailingZeros(slots);
            final int length = places[slot];
            places[slot] = end;
            end += length;
        }
        final long[] to = run;
        for (int at = head; at < tail; at += EVENT_LONGS) {
            final int slot = (int) (from[at] >>> shift) & (SLOTS - 1);
            final int place = places[slot];
            places[slot] = place + EVENT_LONGS;
            to[place] = from[at];
            to[place + PAYLOAD] = from[at + PAYLOAD];
            to[place + HANDLER] = from[at + HANDLER];
        }
    }

    private void spread(final int head, final int tail, final int level) {
        int at = head;
        while (at != tail) {
            final long time = pool[at];
            append(bucketAt(level, time), time, pool[at + PAYLOAD], pool[at + HANDLER]);
            at = nextFreeing(at, tail);
        }
        freeChunkOf(tail);
    }

    private static int next(final long[] events, final int at, final int tail) {
        final int following = at + EVENT_LONGS;
        return (following & LINK) == LINK && following != tail ? (int) events[following] : following;
    }

    private int nextFreeing(final int at, final int tail) {
        final int following = at + EVENT_LONGS;
        if ((following & LINK) != LINK || following == tail) {
            return following;
        }
        final int nextChunk = (int) pool[following];
        freeChunkOf(following);
        return nextChunk;
    }

    private void freeChunkOf(final int index) {
        final int chunk = index & -CHUNK_LONGS;
        pool[chunk + LINK] = freeChunk;
        freeChunk = chunk;
    }

    private void append(final int bucket, final long time, final long payload, final long handler) {
        int at = bucketTail[bucket];
        if ((at & LINK) == LINK) {
            at = extend(bucket, at);
        }
        final long[] events = pool;
        events[at] = time;
        events[at + PAYLOAD] = payload;
        events[at + HANDLER] = handler;
        bucketTail[bucket] = at + EVENT_LONGS;
    }

    private int extend(final int bucket, final int tail) {
        final int chunk = takeChunk();
        if (tail == EMPTY) {
            bucketHead[bucket] = chunk;
            final int level = bucket >>> DIGIT_BITS;
            occupiedSlots[level] |= 1L << bucket;
            occupiedLevels |= 1 << level;
        } else {
            pool[tail] = chunk;
        }
        return chunk;
    }

    private int takeChunk() {
        int chunk = freeChunk;
        if (chunk != 0) {
            freeChunk = (int) pool[chunk + LINK];
            return chunk;
        }
        chunk = poolEnd;
        if (chunk == pool.length) {
            pool = Arrays.copyOf(pool, grownLength(chunk, CHUNK_LONGS));
        }
        poolEnd = chunk + CHUNK_LONGS;
        return chunk;
    }

    private void detach(final int bucket) {
        final int level = bucket >>> DIGIT_BITS;
        bucketTail[bucket] = EMPTY;
        final long slots = occupiedSlots[level] & ~(1L << bucket);
        occupiedSlots[level] = slots;
        if (slots == 0) {
            occupiedLevels &= ~(1 << level);
        }
    }

    private int bucketOf(final long time) {
        return bucketAt(levelOf(time ^ reference), time);
    }

    private static int bucketAt(final int level, final long time) {
        return level << DIGIT_BITS | (int) (time >>> level * DIGIT_BITS) & (SLOTS - 1);
    }

    private static int levelOf(final long differing) {
        return (Long.SIZE - 1 - Long.numberOfLeadingZeros(differing)) / DIGIT_BITS;
    }

    private int grownLength(final int length, final int unit) {
        final long doubled = Math.min(2L * length, (Integer.MAX_VALUE - CHUNK_LONGS) / unit * unit);
        if (doubled <= length) {
            throw new IllegalStateException("size=" + size + " pending events, no room for more");
        }
        return (int) doubled;
    }

    private IllegalArgumentException outOfRange(final String name, final long timePicos) {
        return new IllegalArgumentException(name + "=" + timePicos + (timePicos < nowPicos
            ? " is before the current time " + nowPicos
            : " is beyond the last time " + MAX_TIME_PICOS));
    }
}

package io.expertlane.kernel.exchange;

/** Whether token rows exist in memory. */
public enum Payload {
    /** Rows are cast, copied, sent and summed. */
    MOVED,
    /**
     * Only message headers, counts and flags exist; messages have their full length on the wire, and local work is charged as if rows
     * were there. For timing under a virtual clock at sizes whose rows would not fit in memory.
     */
    OMITTED
}

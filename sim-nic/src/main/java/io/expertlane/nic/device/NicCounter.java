package io.expertlane.nic.device;

/** What a NIC counts, at each of its ports. */
public enum NicCounter {
    /** Doorbells seen, on queue pairs of this port. */
    DOORBELLS,
    /** Work queue elements sent, those sent again included. */
    SENT_ELEMENTS,
    /** Packets sent, those sent again included, acknowledgements not. */
    SENT_PACKETS,
    /** Payload bytes sent, those sent again included. */
    SENT_BYTES,
    /** Bytes sent as the wire sees them: payload, headers, preamble and gap, acknowledgements included. */
    SENT_WIRE_BYTES,
    /** Acknowledgements sent, negative ones included. */
    SENT_ACKS,
    /** Work queue elements delivered to this port's memory. */
    RECEIVED_ELEMENTS,
    /** Packets received, acknowledgements and lost ones not included. */
    RECEIVED_PACKETS,
    /** Payload bytes of the elements delivered. */
    RECEIVED_BYTES,
    /** Completion queue entries written, 64 bytes each. */
    COMPLETIONS,
    /** Completions that needed no entry of their own, because of moderation or compression. */
    COMPLETIONS_MERGED,
    /** Completion queue entries that had to wait because the queue was full. */
    COMPLETIONS_HELD,
    /** Completion queue entries lost because the queue was full. */
    COMPLETION_OVERRUNS,
    /** Queue-pair contexts that were not in the cache. */
    CONTEXT_MISSES,
    /** Pages whose translations were not in the cache. */
    TRANSLATION_MISSES,
    /** Packets to this port that were lost on the way. */
    LOST_PACKETS,
    /** Packets to this port that were dropped because their check sum was wrong. */
    CORRUPT_PACKETS,
    /** Packets to this port that came early, and were dropped or, with selective repeat, kept. */
    EARLY_PACKETS,
    /** Packets to this port that had been received before. */
    DUPLICATE_PACKETS,
    /** Negative acknowledgements sent. */
    SENT_NAKS,
    /** Packets to this port that were refused because no receive was posted (RNR NAK). */
    SENT_RNR_NAKS,
    /** Completion entries of writes with immediate to this port. */
    RECEIVE_COMPLETIONS,
    /** Acknowledgement timeouts of queue pairs of this port. */
    TIMEOUTS,
    /** Queue pairs of this port that went into error. */
    QUEUE_PAIR_ERRORS
}

package io.expertlane.nic.device;

/** What a NIC counts, at each of its ports. */
public enum NicCounter {
    /** Doorbells seen, on queue pairs of this port. */
    DOORBELLS,
    /** Work queue elements sent. */
    SENT_ELEMENTS,
    /** Packets sent, acknowledgements not included. */
    SENT_PACKETS,
    /** Payload bytes sent. */
    SENT_BYTES,
    /** Bytes sent as the wire sees them: payload, headers, preamble and gap, acknowledgements included. */
    SENT_WIRE_BYTES,
    /** Acknowledgements sent. */
    SENT_ACKS,
    /** Work queue elements delivered to this port's memory. */
    RECEIVED_ELEMENTS,
    /** Packets received, acknowledgements not included. */
    RECEIVED_PACKETS,
    /** Payload bytes received. */
    RECEIVED_BYTES,
    /** Completion queue entries written. */
    COMPLETIONS
}

package io.expertlane.nic.trace;

import java.util.Arrays;

/**
 * When a work queue element passed each stage. Reused by its {@link ElementRecorder}: to be read inside the call that
 * hands it over.
 *
 * <p>The phases between stamps follow one another without gap or overlap, so they sum to the element's latency.
 */
public final class ElementLife {
    /** Stands for a stage the element has not reached. */
    public static final long NEVER = -1;

    /** A point in an element's life, with the name of the phase that it ends. */
    public enum Stamp {
        /** The host began to post the elements of its doorbell. */
        POSTED("before"),
        /** The doorbell's store is done. */
        RUNG("posting"),
        /** The NIC has seen the doorbell. */
        SEEN("doorbell"),
        /** The element enters the NIC's pipeline. */
        ISSUED("waiting"),
        /** It is fetched, and its first payload with it. */
        READY("T_HWI"),
        /** Its first packet begins. */
        FIRST_SENT("arbitration"),
        /** Its last packet has left. */
        LAST_SENT("T_data"),
        /** It has taken effect in the peer's memory. */
        DELIVERED("delivery"),
        /** Its acknowledgement has left the peer. */
        ACKNOWLEDGED("acknowledgement"),
        /** A completion entry for it, or for a later one of its queue pair, is in the completion queue. */
        COMPLETED("completion");

        static final Stamp[] VALUES = values();

        private final String phase;

        Stamp(final String phase) {
            this.phase = phase;
        }

        /** Name of the phase from the stamp before, or the last one that the element has, to this one. */
        public String phase() {
            return phase;
        }
    }

    static final int STAMPS = Stamp.VALUES.length;

    private final long[] picos = new long[STAMPS];
    private int queuePair;
    private int index;
    private byte opcode;
    private int lengthBytes;
    private int status;

    ElementLife() {
        Arrays.fill(picos, NEVER);
    }

    void set(final int newQueuePair, final int newIndex, final byte newOpcode, final int newLengthBytes,
        final int newStatus, final long[] stamps,
             final int at) {
        queuePair = newQueuePair;
        index = newIndex;
        opcode = newOpcode;
        lengthBytes = newLengthBytes;
        status = newStatus;
        System.arraycopy(stamps, at, picos, 0, STAMPS);
        // A packet sent again may still be in flight when its element is delivered: what counts is when a stage was
        // reached and all before it.
        long latest = picos[0];
        for (int i = 1; i < STAMPS; i++) {
            if (picos[i] != NEVER) {
                latest = Math.max(latest, picos[i]);
                picos[i] = latest;
            }
        }
    }

    /** Id of its queue pair, see {@link io.expertlane.nic.device.SimulatedTransport#queuePair(int)}. */
    public int queuePair() {
        return queuePair;
    }

    /** Its place in the queue pair's sequence. */
    public int index() {
        return index;
    }

    /** What it does, see {@link io.expertlane.kernel.verbs.WorkQueueElement}. */
    public byte opcode() {
        return opcode;
    }

    /** Payload bytes. */
    public int lengthBytes() {
        return lengthBytes;
    }

    /** Status of the completion; 0 is success. */
    public int status() {
        return status;
    }

    /** Virtual time of a stamp, or {@link #NEVER}. */
    public long picos(final Stamp stamp) {
        return picos[stamp.ordinal()];
    }

    /** From {@link Stamp#POSTED} to the last stamp it has. */
    public long latencyPicos() {
        long last = picos[0];
        for (int i = 1; i < STAMPS; i++) {
            last = Math.max(last, picos[i]);
        }
        return last - picos[0];
    }

    /** Length of the phase that ends with {@code stamp}; 0 if the element does not have it. */
    public long phasePicos(final Stamp stamp) {
        final int end = stamp.ordinal();
        if (end == 0 || picos[end] == NEVER) {
            return 0;
        }
        int start = end - 1;
        while (picos[start] == NEVER) {
            start--;
        }
        return picos[end] - picos[start];
    }
}

package io.expertlane.nic.flow;

/**
 * Bytes on their way from one host to another; made by {@link Network#send(int, int, long, double,
 * java.util.function.Consumer)}.
 *
 * <p>A flow begins when its source posts it and ends when its last byte is in the destination's memory. In between are
 * the doorbell, the NIC's fetches and reads, the packets on the fabric, and the receiving NIC. Acknowledgement and
 * completion come later and count for the sender only.
 *
 * <p>Threading: that of its {@link Network}; read it from there.
 */
public final class Flow {
    /** Where a flow stands. */
    public enum State {
        /**
         * Its start time has not come, or its source already has as many writes in flight as its completion queue has
         * entries.
         */
        SCHEDULED,
        /** Posted, and not all bytes are there. */
        IN_FLIGHT,
        /** All bytes are there. */
        COMPLETED,
        /** Its NIC has tried in vain as often as it is set to: only on a network with faults. */
        FAILED
    }

    private static final double PICOS_PER_NANO = 1e3;

    private final int source;
    private final int destination;
    private final long bytes;
    private final long startPicos;

    private State state = State.SCHEDULED;
    private long deliveredBytes;
    private long endPicos;

    Flow(final int source, final int destination, final long bytes, final long startPicos) {
        this.source = source;
        this.destination = destination;
        this.bytes = bytes;
        this.startPicos = startPicos;
    }

    /** The host that sends. */
    public int source() {
        return source;
    }

    /** The host that receives. */
    public int destination() {
        return destination;
    }

    /** Payload. */
    public long bytes() {
        return bytes;
    }

    /** When it was to start. */
    public double startNanos() {
        return startPicos / PICOS_PER_NANO;
    }

    /** Where it stands. */
    public State state() {
        return state;
    }

    /** Whether it has completed or failed. */
    public boolean isEnded() {
        return state == State.COMPLETED || state == State.FAILED;
    }

    /** Payload that is known to be at the destination: counted write by write, of {@link Network#WRITE_BYTES} each. */
    public long deliveredBytes() {
        return deliveredBytes;
    }

    /** When it completed or failed; NaN before. */
    public double endNanos() {
        return isEnded() ? endPicos / PICOS_PER_NANO : Double.NaN;
    }

    /** From {@link #startNanos()} to {@link #endNanos()}; NaN before the end. */
    public double durationNanos() {
        return isEnded() ? (endPicos - startPicos) / PICOS_PER_NANO : Double.NaN;
    }

    long startPicos() {
        return startPicos;
    }

    void begin() {
        state = State.IN_FLIGHT;
    }

    /** More bytes are there; returns whether that completes the flow. One that has failed stays so. */
    boolean delivered(final long more, final long nowPicos) {
        deliveredBytes += more;
        if (deliveredBytes < bytes || state == State.FAILED) {
            return false;
        }
        state = State.COMPLETED;
        endPicos = nowPicos;
        return true;
    }

    void fail(final long nowPicos) {
        state = State.FAILED;
        endPicos = nowPicos;
    }

    @Override
    public String toString() {
        return bytes + " bytes from host " + source + " to " + destination + " at " + startNanos() + " ns: " + state;
    }
}

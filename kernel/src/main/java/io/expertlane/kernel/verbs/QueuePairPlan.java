package io.expertlane.kernel.verbs;

/**
 * Which queue pairs a rank opens to each of its peers, what each carries, and on which port it is to lie. To every peer
 * there are end points, each of one or more lanes, a queue pair each; where control words travel apart, one or more for
 * them.
 *
 * <pre>
 *                          end points of a peer  lanes of an end point                control
 *  low latency, zero path  one a local expert    equal parts of every message,        no
 *                                                signals on each
 *  low latency, ring path  one                   equal parts of every chunk,          credits, one a lane
 *                                                a tail on each
 *  high throughput, zero   one a channel         equal parts of every write,          counts, signals: one
 *                                                a count on each
 *  high throughput, ring   one a channel         equal parts of every chunk,          the same, and credits:
 *                                                a tail on each                       one a lane
 * </pre>
 *
 * <p>Lanes: queue pairs keep no order among each other, so a receiver believes that something has come once it has been
 * told so on every lane of the end point, behind that lane's parts. As each write is cut for itself, lanes carry the
 * same however uneven a gate is over peers and experts (source paper, L1, which does it for the experts of low-latency
 * mode).
 *
 * <p>Ports: lane numbers (see {@link Transport#connect}) go up by one from queue pair to queue pair of a peer, so that
 * an end point's lanes lie on different ports as far as there are ports, and from one peer's first to the next peer's
 * first, so that end points of the same index don't all share a port. The control queue pairs begin at its peer's first
 * lane. Credits take theirs in turn: a rank that receives far more than it sends returns so many that on one port they
 * would tell.
 *
 * <p>Segmentation: no element is longer than {@code segmentBytes} (source paper, L2). Everything that is written goes
 * in that way.
 *
 * <p>Threading: immutable.
 *
 * @param endPoints    end points of a peer, 1 or more
 * @param lanes        queue pairs of an end point, 1 to 8
 * @param controls     queue pairs more for control words, 0 to {@code lanes}
 * @param segmentBytes longest element, 64 or more; {@link #NO_SEGMENTATION}
 */
public record QueuePairPlan(int endPoints, int lanes, int controls, int segmentBytes) {
    /** Nothing is cut. */
    public static final int NO_SEGMENTATION = Integer.MAX_VALUE;
    /** Most lanes of an end point. */
    public static final int MAX_LANES = 8;
    /** Least value of {@code segmentBytes}. */
    public static final int MIN_SEGMENT_BYTES = 64;

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException naming the value and its limits
     */
    public QueuePairPlan {
        requireRange("endPoints", endPoints, 1, Integer.MAX_VALUE / MAX_LANES);
        requireRange("lanes", lanes, 1, MAX_LANES);
        requireRange("controls", controls, 0, lanes);
        requireRange("segmentBytes", segmentBytes, MIN_SEGMENT_BYTES, NO_SEGMENTATION);
    }

    private static void requireRange(final String name, final int value, final int least, final int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(name + "=" + value + ": " + least + " to " + most);
        }
    }

    /** Queue pairs to one peer. */
    public int queuePairsPerPeer() {
        return endPoints * lanes + controls;
    }

    /** Lane number of a queue pair to the {@code number}-th peer. */
    public int lane(final int number, final int endPoint, final int lane) {
        return number + endPoint * lanes + lane;
    }

    /** Lane number of a control queue pair to the {@code number}-th peer. */
    public int controlLane(final int number, final int control) {
        return number + control;
    }

    /** How a message is cut and spread over the lanes of an end point in equal parts. */
    public MessageSplit split(final int messageBytes, final int residentBytes) {
        return new MessageSplit(messageBytes, residentBytes, lanes, segmentBytes);
    }

    /** Bytes of the longest part of a write that is spread over the lanes of an end point. */
    public int partBytes(final int writeBytes) {
        return Math.min(writeBytes, MessageSplit.partBytes(writeBytes, lanes));
    }

    /**
     * Checks that what is written to one queue pair at once fits a send queue once it is cut.
     *
     * @throws IllegalArgumentException if it does not
     */
    public void requireRoom(final int writeBytes, final int sendQueueDepth) {
        final int elements = Math.ceilDiv(writeBytes, segmentBytes);
        if (elements > sendQueueDepth) {
            throw new IllegalArgumentException("segmentBytes=" + segmentBytes + ": cuts a write of " + writeBytes
                + " bytes into " + elements
                + " elements, at most sendQueueDepth=" + sendQueueDepth);
        }
    }
}

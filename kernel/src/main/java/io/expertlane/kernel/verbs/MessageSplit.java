package io.expertlane.kernel.verbs;

/**
 * How a message is cut into work queue elements: into equal parts over the queue pairs of an end point (source paper,
 * L1), then into elements of at most a given length (L2). Made by {@link QueuePairPlan#split}.
 *
 * <p>Threading: immutable.
 */
public final class MessageSplit {
    private static final int PART_MULTIPLE_BYTES = 8;

    private final int[] queuePair;
    private final int[] offset;
    private final int[] length;
    private final int[] resident;

    MessageSplit(final int messageBytes, final int residentBytes, final int queuePairs, final int segmentBytes) {
        final int partBytes = partBytes(messageBytes, queuePairs);
        final int elementsPerPart = Math.ceilDiv(Math.min(partBytes, messageBytes), segmentBytes);
        int count = 0;
        final int[][] elements = new int[queuePairs * elementsPerPart][];
        for (int part = 0; part * partBytes < messageBytes; part++) {
            final int end = Math.min((part + 1) * partBytes, messageBytes);
            for (int from = part * partBytes; from < end; from += Math.min(segmentBytes, end - from)) {
                elements[count++] = new int[] {part, from, Math.min(segmentBytes, end - from)};
            }
        }
        queuePair = new int[count];
        offset = new int[count];
        length = new int[count];
        resident = new int[count];
        for (int element = 0; element < count; element++) {
            queuePair[element] = elements[element][0];
            offset[element] = elements[element][1];
            length[element] = elements[element][2];
            resident[element] = Math.clamp(residentBytes - offset[element], 0, length[element]);
        }
    }

    /** Bytes of each part, but for what the last ones lack, of a message cut in {@code parts}: a multiple of 8. */
    static int partBytes(final int messageBytes, final int parts) {
        return Math.ceilDiv(messageBytes, parts * PART_MULTIPLE_BYTES) * PART_MULTIPLE_BYTES;
    }

    /** Bytes of the message. */
    public int bytes() {
        return offset[offset.length - 1] + length[length.length - 1];
    }

    /** Number of elements. */
    public int elements() {
        return length.length;
    }

    /** Index, among those of the end point, of the queue pair that carries an element. */
    public int queuePair(final int element) {
        return queuePair[element];
    }

    /** Where, from the start of the message, an element begins. */
    public int offset(final int element) {
        return offset[element];
    }

    /** Bytes of an element. */
    public int length(final int element) {
        return length[element];
    }

    /** Bytes of an element that are moved (see {@link WorkQueueElement}). */
    public int resident(final int element) {
        return resident[element];
    }
}

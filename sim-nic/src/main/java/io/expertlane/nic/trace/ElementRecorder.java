package io.expertlane.nic.trace;

import static io.expertlane.nic.trace.ElementLife.NEVER;
import static io.expertlane.nic.trace.ElementLife.STAMPS;

import io.expertlane.nic.device.NicTracer;
import io.expertlane.nic.device.QueuePairBinding;
import io.expertlane.nic.trace.ElementLife.Stamp;
import java.util.Arrays;
import java.util.function.Consumer;
import org.agrona.collections.Int2ObjectHashMap;

/**
 * Puts the stages of each work queue element together and hands them over, one {@link ElementLife} an element, when the
 * completion that covers it is written: for a queue pair in posted order, all with the time of that completion.
 *
 * <p>Resent packets: the first packet's start and the end of the last packet before delivery count. Elements posted
 * before the recorder was attached do not appear.
 *
 * <p>Threading: the simulation's thread. Allocation: none once it holds as many elements as were ever outstanding.
 */
public final class ElementRecorder implements NicTracer {
    private static final int OPCODE_SHIFT = 32;
    /** Longs of an element: its stamps, then opcode and length. */
    private static final int LONGS = STAMPS + 1;

    private final Consumer<ElementLife> sink;
    private final ElementLife life = new ElementLife();
    /** By queue pair id. */
    private final Int2ObjectHashMap<Outstanding> queuePairs = new Int2ObjectHashMap<>();

    /** The elements of a queue pair from {@code first} to {@code end}, in a ring that grows. */
    private static final class Outstanding {
        private long[] rows = new long[16 * LONGS];
        private int mask = 15;
        private boolean begun;
        private int first;
        private int end;
        private int seen;

        void add(final int index) {
            if (!begun) {
                begun = true;
                first = index;
                seen = index;
            } else if (index - first > mask) {
                grow();
            }
            end = index + 1;
            Arrays.fill(rows, row(index), row(index) + STAMPS, NEVER);
        }

        private void grow() {
            final long[] grown = new long[2 * rows.length];
            for (int index = first; index != end; index++) {
                System.arraycopy(rows, row(index), grown, (index & 2 * mask + 1) * LONGS, LONGS);
            }
            rows = grown;
            mask = 2 * mask + 1;
        }

        boolean holds(final int index) {
            return begun && index - first >= 0 && index - end < 0;
        }

        int row(final int index) {
            return (index & mask) * LONGS;
        }

        long get(final int index, final Stamp stamp) {
            return rows[row(index) + stamp.ordinal()];
        }

        void set(final int index, final Stamp stamp, final long picos) {
            rows[row(index) + stamp.ordinal()] = picos;
        }

        void setFirst(final int index, final Stamp stamp, final long picos) {
            if (get(index, stamp) == NEVER) {
                set(index, stamp, picos);
            }
        }
    }

    /**
     * Hands every element over to {@code sink}; to be given to {@link
     * io.expertlane.nic.device.SimulatedTransport#trace}.
     */
    public ElementRecorder(final Consumer<ElementLife> sink) {
        this.sink = sink;
    }

    @Override
    public void bound(final long timePicos, final int queuePair, final QueuePairBinding binding) {
        queuePairs.computeIfAbsent(queuePair, _ -> new Outstanding());
    }

    @Override
    public void posted(final long postedPicos, final long rungPicos, final int queuePair, final int index,
        final byte opcode, final int lengthBytes) {
        final Outstanding elements = queuePairs.get(queuePair);
        elements.add(index);
        elements.set(index, Stamp.POSTED, postedPicos);
        elements.set(index, Stamp.RUNG, rungPicos);
        elements.rows[elements.row(index) + STAMPS] = (long) opcode << OPCODE_SHIFT | lengthBytes;
    }

    @Override
    public void doorbell(final long timePicos, final int queuePair, final int end) {
        final Outstanding elements = queuePairs.get(queuePair);
        while (elements.begun && end - elements.seen > 0 && elements.seen != elements.end) {
            if (elements.holds(elements.seen)) {
                elements.set(elements.seen, Stamp.SEEN, timePicos);
            }
            elements.seen++;
        }
    }

    @Override
    public void issued(final long startPicos, final long readyPicos, final int queuePair, final int index) {
        final Outstanding elements = queuePairs.get(queuePair);
        if (elements.holds(index)) {
            elements.setFirst(index, Stamp.ISSUED, startPicos);
            elements.setFirst(index, Stamp.READY, readyPicos);
        }
    }

    @Override
    public void sent(final long startPicos, final long endPicos, final int queuePair, final int index, final int offset,
        final int payloadBytes) {
        final Outstanding elements = queuePairs.get(queuePair);
        if (elements.holds(index)) {
            elements.setFirst(index, Stamp.FIRST_SENT, startPicos);
            if (elements.get(index, Stamp.DELIVERED) == NEVER) {
                elements.set(index, Stamp.LAST_SENT, endPicos);
            }
        }
    }

    @Override
    public void delivered(final long timePicos, final int queuePair, final int index) {
        final Outstanding elements = queuePairs.get(queuePair);
        if (elements.holds(index)) {
            elements.setFirst(index, Stamp.DELIVERED, timePicos);
        }
    }

    @Override
    public void acknowledged(final long startPicos, final long endPicos, final int queuePair, final int index) {
        final Outstanding elements = queuePairs.get(queuePair);
        if (elements.holds(index)) {
            elements.setFirst(index, Stamp.ACKNOWLEDGED, endPicos);
        }
    }

    @Override
    public void completed(final long timePicos, final int queuePair, final int index, final int status) {
        final Outstanding elements = queuePairs.get(queuePair);
        while (elements.holds(index)) {
            elements.set(elements.first, Stamp.COMPLETED, timePicos);
            emit(queuePair, elements, status);
        }
    }

    private void emit(final int queuePair, final Outstanding elements, final int status) {
        final int index = elements.first;
        final int row = elements.row(index);
        final long operation = elements.rows[row + STAMPS];
        life.set(queuePair, index, (byte) (operation >> OPCODE_SHIFT), (int) operation, status, elements.rows, row);
        elements.first = index + 1;
        sink.accept(life);
    }

    /** Hands over what has not completed, as far as it came. */
    public void flush() {
        for (final int queuePair : queuePairs.keySet().stream().mapToInt(Integer::intValue).sorted().toArray()) {
            final Outstanding elements = queuePairs.get(queuePair);
            while (elements.first != elements.end) {
                emit(queuePair, elements, 0);
            }
        }
    }
}

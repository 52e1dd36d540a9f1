package io.expertlane.nic.device;

import static io.expertlane.nic.device.QueuePairTable.INTS;
import static io.expertlane.nic.device.QueuePairTable.LOCAL_PORT;

import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.nic.profile.NicProfile.CompletionOverflow;
import io.expertlane.nic.time.Simulation;
import java.util.Arrays;

/**
 * Writes completion entries. They take their share of PCI Express, but do not wait for it. What happens when a queue is full: see
 * {@link CompletionOverflow}.
 */
final class Completer {
    private final Nics nics;
    private final Simulation simulation;
    private final QueuePairTable table;
    private final CompletionQueue[] completionQueues;
    private final boolean holding;
    /** By rank: entries that wait for room, as event and status; and whether the queue has been overrun. */
    private final LongFifo[] held;
    private final boolean[] overrun;
    private final int completionHandler;

    Completer(final Nics nics, final CompletionQueue[] completionQueues) {
        this.nics = nics;
        this.simulation = nics.simulation;
        this.table = nics.table;
        this.completionQueues = completionQueues;
        this.holding = nics.profile.completionOverflow() == CompletionOverflow.BACK_PRESSURE;
        this.held = new LongFifo[completionQueues.length];
        Arrays.setAll(held, rank -> new LongFifo());
        this.overrun = new boolean[completionQueues.length];
        this.completionHandler = simulation.register(this::onCompletion);
    }

    /** The entry of an element that was delivered or refused is to be visible at {@code timePicos}. */
    void schedule(final int qp, final int index, final long timePicos) {
        simulation.schedule(timePicos, completionHandler, QueuePairEvent.of(table, qp, index));
    }

    private void onCompletion(final long now, final long event) {
        final int qp = QueuePairEvent.queuePair(event);
        final int index = QueuePairEvent.value(event);
        complete(qp, index, table.status(qp, index), now);
    }

    boolean isOverrun(final int rank) {
        return overrun[rank];
    }

    /** Writes an entry now, or does what is to be done if there is no room for it. */
    void complete(final int qp, final int index, final int status, final long now) {
        final int rank = table.rank(qp);
        writeHeld(rank, now);
        if (completionQueues[rank].hasRoom() && !overrun[rank]) {
            write(rank, qp, index, status, now);
        } else if (holding) {
            nics.ports.count(table.ints[qp * INTS + LOCAL_PORT], NicCounter.COMPLETIONS_HELD, 1);
            held[rank].add(QueuePairEvent.of(table, qp, index));
            held[rank].add(status);
        } else {
            nics.ports.count(table.ints[qp * INTS + LOCAL_PORT], NicCounter.COMPLETION_OVERRUNS, 1);
            overrun[rank] = true;
        }
    }

    /** Writes entries that waited, while there is room. */
    void writeHeld(final int rank, final long now) {
        while (!held[rank].isEmpty() && completionQueues[rank].hasRoom()) {
            final long event = held[rank].take();
            write(rank, QueuePairEvent.queuePair(event), QueuePairEvent.value(event), (int) held[rank].take(), now);
        }
    }

    private void write(final int rank, final int qp, final int index, final int status, final long now) {
        completionQueues[rank].complete(table.number(qp), index, status);
        nics.pcie.write(rank, CompletionQueue.ENTRY_BYTES, now);
        nics.ports.count(table.ints[qp * INTS + LOCAL_PORT], NicCounter.COMPLETIONS, 1);
        if (nics.tracer != null) {
            nics.tracer.completed(now, qp, index, status);
        }
        for (final NicListener listener : nics.listeners) {
            listener.completed(now, qp, index, status, rank);
        }
    }

    void copyFrom(final Completer other) {
        for (int rank = 0; rank < held.length; rank++) {
            held[rank].copyFrom(other.held[rank]);
            overrun[rank] = other.overrun[rank];
        }
    }
}

package io.expertlane.nic.device;

import static io.expertlane.nic.device.QueuePairTable.INTS;
import static io.expertlane.nic.device.QueuePairTable.LOCAL_PORT;

import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.nic.time.Simulation;

/** Writes completion entries. They take their share of PCI Express, but do not wait for it. */
final class Completer {
    private final Nics nics;
    private final Simulation simulation;
    private final QueuePairTable table;
    private final CompletionQueue[] completionQueues;
    private final int completionHandler;

    Completer(final Nics nics, final CompletionQueue[] completionQueues) {
        this.nics = nics;
        this.simulation = nics.simulation;
        this.table = nics.table;
        this.completionQueues = completionQueues;
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

    /** Writes an entry now. */
    void complete(final int qp, final int index, final int status, final long now) {
        final int rank = table.rank(qp);
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
}

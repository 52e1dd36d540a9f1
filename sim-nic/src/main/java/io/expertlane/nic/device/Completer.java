package io.expertlane.nic.device;

import static io.expertlane.nic.device.QueuePairTable.ACK_PORT;
import static io.expertlane.nic.device.QueuePairTable.INTS;

import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.nic.profile.CompletionProfile;
import io.expertlane.nic.profile.CompletionProfile.Mode;
import io.expertlane.nic.profile.NicProfile.CompletionOverflow;
import io.expertlane.nic.time.Simulation;
import java.util.Arrays;

/**
 * Writes completion entries. They take their share of PCI Express, but do not wait for it. What happens when a queue is
 * full: see {@link CompletionOverflow}; which completions share an entry: see {@link CompletionProfile}.
 */
final class Completer {
    private final Nics nics;
    private final Simulation simulation;
    private final QueuePairTable table;
    private final CompletionQueue[] completionQueues;
    private final boolean holding;
    private final boolean merging;
    private final boolean compressing;
    private final int mergedCount;
    private final long periodPicos;
    /**
     * By queue pair: completions that wait to share an entry, their indices if that is to be compressed, and the number
     * of entries so far.
     */
    private int[] waiting = {};
    private int[] newest = {};
    private int[] indices = {};
    private int[] batches = {};
    /**
     * By rank: entries that wait for room, as event, count and status, and indices if compressed; and whether the queue
     * has been overrun.
     */
    private final LongFifo[] held;
    private final boolean[] overrun;
    private final int[] heldIndices = new int[CompletionProfile.MAX_COMPRESSED];
    private final int completionHandler;
    private final int periodHandler;

    Completer(final Nics nics, final CompletionQueue[] completionQueues) {
        this.nics = nics;
        this.simulation = nics.simulation;
        this.table = nics.table;
        this.completionQueues = completionQueues;
        this.holding = nics.profile.completionOverflow() == CompletionOverflow.BACK_PRESSURE;
        this.held = new LongFifo[completionQueues.length];
        Arrays.setAll(held, rank -> new LongFifo());
        this.overrun = new boolean[completionQueues.length];
        final CompletionProfile profile = nics.profile.completions();
        this.merging = profile.mode() != Mode.EACH;
        this.compressing = profile.mode() == Mode.COMPRESSED;
        this.mergedCount = profile.count();
        this.periodPicos = Nics.picos(profile.periodNanos());
        this.completionHandler = nics.firstEvent + Nics.COMPLETION;
        this.periodHandler = simulation.register(this::onPeriod);
    }

    /** The entry of an element that was delivered or refused is to be visible at {@code timePicos}. */
    void schedule(final int qp, final int index, final long timePicos) {
        simulation.schedule(timePicos, completionHandler, QueuePairEvent.of(table, qp, index));
    }

    void onCompletion(final long now, final long event) {
        final int qp = QueuePairEvent.queuePair(event);
        final int index = QueuePairEvent.value(event);
        complete(qp, index, table.status(qp, index), now);
    }

    boolean isOverrun(final int rank) {
        return overrun[rank];
    }

    /** Writes an entry now, or when it is full or has waited long enough. */
    void complete(final int qp, final int index, final int status, final long now) {
        if (!merging) {
            enter(qp, index, status, 1, now);
        } else if (status != CompletionQueue.SUCCESS) {
            enterWaiting(qp, now);
            enter(qp, index, status, 1, now);
        } else {
            merge(qp, index, now);
        }
    }

    private void merge(final int qp, final int index, final long now) {
        if (qp >= waiting.length) {
            waiting = Arrays.copyOf(waiting, Math.max(2 * waiting.length, qp + 1));
            newest = Arrays.copyOf(newest, waiting.length);
            batches = Arrays.copyOf(batches, waiting.length);
            indices = Arrays.copyOf(indices, compressing ? waiting.length * CompletionProfile.MAX_COMPRESSED : 0);
        }
        if (compressing) {
            indices[qp * CompletionProfile.MAX_COMPRESSED + waiting[qp]] = index;
        }
        newest[qp] = index;
        waiting[qp]++;
        if (waiting[qp] == mergedCount) {
            enterWaiting(qp, now);
        } else if (waiting[qp] == 1) {
            simulation.schedule(now + periodPicos, periodHandler, QueuePairEvent.of(table, qp, batches[qp]));
        }
    }

    private void onPeriod(final long now, final long event) {
        final int qp = QueuePairEvent.queuePair(event);
        if (QueuePairEvent.value(event) == batches[qp]) {
            enterWaiting(qp, now);
        }
    }

    private void enterWaiting(final int qp, final long now) {
        if (qp < waiting.length && waiting[qp] > 0) {
            enter(qp, newest[qp], CompletionQueue.SUCCESS, waiting[qp], now);
            waiting[qp] = 0;
            batches[qp]++;
        }
    }

    /** Writes an entry now, or does what is to be done if there is no room for it. */
    private void enter(final int qp, final int index, final int status, final int count, final long now) {
        final int rank = table.rank(qp);
        writeHeld(rank, now);
        if (completionQueues[rank].hasRoom() && !overrun[rank]) {
            write(rank, qp, index, status, count, indices, qp * CompletionProfile.MAX_COMPRESSED, now);
        } else if (holding) {
            add(qp, NicCounter.COMPLETIONS_HELD, 1);
            held[rank].add(QueuePairEvent.of(table, qp, index));
            held[rank].add((long) count << Integer.SIZE | status);
            for (int i = 0; compressing && count > 1 && i < count; i++) {
                held[rank].add(indices[qp * CompletionProfile.MAX_COMPRESSED + i]);
            }
        } else {
            add(qp, NicCounter.COMPLETION_OVERRUNS, 1);
            overrun[rank] = true;
        }
    }

    /** Writes entries that waited, while there is room. */
    void writeHeld(final int rank, final long now) {
        while (!held[rank].isEmpty() && completionQueues[rank].hasRoom()) {
            final long event = held[rank].take();
            final long statusAndCount = held[rank].take();
            final int count = (int) (statusAndCount >>> Integer.SIZE);
            for (int i = 0; compressing && count > 1 && i < count; i++) {
                heldIndices[i] = (int) held[rank].take();
            }
            write(rank, QueuePairEvent.queuePair(event), QueuePairEvent.value(event), (int) statusAndCount, count,
                heldIndices, 0, now);
        }
    }

    private void write(final int rank, final int qp, final int index, final int status, final int count,
        final int[] from, final int place,
                       final long now) {
        if (compressing && count > 1) {
            completionQueues[rank].completeCompressed(table.number(qp), from, place, count);
        } else {
            completionQueues[rank].complete(table.number(qp), index, status, count);
        }
        if (add(qp, NicCounter.COMPLETIONS, 1)) {
            add(qp, NicCounter.COMPLETIONS_MERGED, count - 1);
            nics.pcie.write(rank, CompletionQueue.ENTRY_BYTES, now);
            if (nics.tracer != null) {
                nics.tracer.completed(now, qp, index, status);
            }
        }
        for (final NicListener listener : nics.listeners) {
            listener.completed(now, qp, index, status, rank);
        }
    }

    /** Counts at the queue pair's port; false if it has none, because it does not pass the NIC. */
    private boolean add(final int qp, final NicCounter counter, final int amount) {
        final int port = table.ints[qp * INTS + ACK_PORT];
        if (port == QueuePairTable.NONE) {
            return false;
        }
        nics.ports.count(port, counter, amount);
        return true;
    }

    void copyFrom(final Completer other) {
        waiting = other.waiting.clone();
        newest = other.newest.clone();
        indices = other.indices.clone();
        batches = other.batches.clone();
        for (int rank = 0; rank < held.length; rank++) {
            held[rank].copyFrom(other.held[rank]);
            overrun[rank] = other.overrun[rank];
        }
    }
}

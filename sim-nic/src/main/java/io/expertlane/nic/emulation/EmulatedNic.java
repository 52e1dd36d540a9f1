package io.expertlane.nic.emulation;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.RemoteMemory;
import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.profile.NicProfile;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.function.LongSupplier;
import org.agrona.concurrent.Agent;

/**
 * The NIC of one rank: serves its queue pairs round robin, each with a quantum of payload bytes and at least one
 * element.
 *
 * <p>Pacing: an element is executed when the bytes of those before have passed at line rate; of idle time up to 5 us
 * are made up for.
 *
 * <p>Allocation: none after {@link #add}.
 */
final class EmulatedNic implements Agent {
    private static final VarHandle COUNTERS = MethodHandles.arrayElementVarHandle(long[].class);
    /** Counters are a cache line apart from what other threads write. */
    private static final int PADDING = 8;
    private static final double PICOS_PER_BYTE_AT_1_GBPS = 8_000;
    private static final long PICOS_PER_NANO = 1000;
    /**
     * How late a paced NIC may come round without losing line time: more than a duty cycle, less than an idle phase.
     */
    private static final long LATE_PICOS = 5_000_000;
    private static final int NOT_READY = -1;
    private static final ElementListener NOBODY = (queuePair, index, status) -> { };

    private final int rank;
    private final SymmetricHeap heap;
    private final CompletionQueue completionQueue;
    private final int quantumBytes;
    private final int mtuBytes;
    private final int packetOverheadBytes;
    private final int writeHeaderBytes;
    private final int atomicHeaderBytes;
    private final int immediateHeaderBytes;
    private final double picosPerByte;
    private final boolean paced;
    private final LongSupplier nanoClock;
    private final long[] counters = new long[PADDING + NicCounter.values().length + PADDING];
    private ElementListener listener = NOBODY;
    private volatile Connection[] connections = {};
    private int cursor;
    private long freePicos = Long.MIN_VALUE / 2;

    /** A queue pair and how many of its elements have been executed. */
    private static final class Connection {
        private final QueuePair queuePair;
        private long executed;

        Connection(final QueuePair queuePair) {
            this.queuePair = queuePair;
        }
    }

    EmulatedNic(final int rank, final SymmetricHeap heap, final CompletionQueue completionQueue,
        final NicProfile profile,
                final LongSupplier nanoClock, final boolean paced) {
        this.rank = rank;
        this.heap = heap;
        this.completionQueue = completionQueue;
        this.quantumBytes = profile.quantumBytes();
        this.mtuBytes = profile.mtuBytes();
        this.packetOverheadBytes = profile.packetOverheadBytes();
        this.writeHeaderBytes = profile.writeHeaderBytes();
        this.atomicHeaderBytes = profile.atomicHeaderBytes();
        this.immediateHeaderBytes = profile.immediateHeaderBytes();
        this.picosPerByte = PICOS_PER_BYTE_AT_1_GBPS / (profile.portRateGbps() * profile.ports());
        this.paced = paced;
        this.nanoClock = nanoClock;
    }

    void add(final QueuePair queuePair) {
        final Connection[] before = connections;
        final Connection[] after = Arrays.copyOf(before, before.length + 1);
        after[before.length] = new Connection(queuePair);
        connections = after;
    }

    void listener(final ElementListener told) {
        listener = told;
    }

    long counter(final NicCounter counter) {
        return (long) COUNTERS.getOpaque(counters, PADDING + counter.ordinal());
    }

    private void count(final NicCounter counter, final long amount) {
        final int at = PADDING + counter.ordinal();
        COUNTERS.setOpaque(counters, at, counters[at] + amount);
    }

    @Override
    public int doWork() {
        final Connection[] all = connections;
        int work = 0;
        for (int i = 0; i < all.length; i++) {
            if (cursor >= all.length) {
                cursor = 0;
            }
            final Connection connection = all[cursor];
            final long published = connection.queuePair.published();
            if (connection.executed != published) {
                final int executed = serve(connection, published);
                if (executed == 0) {
                    return work;
                }
                work += Math.max(executed, 0);
            }
            cursor++;
        }
        return work;
    }

    /**
     * Executes up to a quantum; none if the line is busy: then it is this queue pair's turn again; {@link #NOT_READY}
     * if its peer has no receive.
     */
    private int serve(final Connection connection, final long published) {
        final QueuePair queuePair = connection.queuePair;
        final MemorySegment queue = queuePair.memory();
        long next = connection.executed;
        int credit = quantumBytes;
        boolean blocked = false;
        while (next != published && credit > 0) {
            final long at = queuePair.elementOffset((int) next);
            final int lengthBytes = WorkQueueElement.lengthBytes(queue, at);
            final int packets = Math.max(1, (lengthBytes + mtuBytes - 1) / mtuBytes);
            final byte opcode = WorkQueueElement.opcode(queue, at);
            final long wireBytes = lengthBytes + (long) packets * packetOverheadBytes
                + headerBytes(opcode);
            if (opcode == WorkQueueElement.WRITE_IMMEDIATE && queuePair.receiveQueue().available() == 0) {
                count(NicCounter.SENT_RNR_NAKS, 1);
                blocked = true;
                break;
            }
            if (paced && !takeLine(wireBytes)) {
                break;
            }
            execute(queuePair, queue, at, (int) next);
            count(NicCounter.SENT_ELEMENTS, 1);
            count(NicCounter.SENT_PACKETS, packets);
            count(NicCounter.SENT_BYTES, lengthBytes);
            count(NicCounter.SENT_WIRE_BYTES, wireBytes);
            credit -= Math.max(1, lengthBytes);
            next++;
        }
        final int executed = (int) (next - connection.executed);
        connection.executed = next;
        return executed == 0 && blocked ? NOT_READY : executed;
    }

    private int headerBytes(final byte opcode) {
        return switch (opcode) {
            case WorkQueueElement.ATOMIC_ADD -> atomicHeaderBytes;
            case WorkQueueElement.WRITE_IMMEDIATE -> writeHeaderBytes + immediateHeaderBytes;
            default -> writeHeaderBytes;
        };
    }

    private boolean takeLine(final long wireBytes) {
        final long now = nanoClock.getAsLong() * PICOS_PER_NANO;
        if (now < freePicos) {
            return false;
        }
        freePicos = Math.max(freePicos, now - LATE_PICOS) + Math.round(wireBytes * picosPerByte);
        return true;
    }

    private void execute(final QueuePair queuePair, final MemorySegment queue, final long at, final int index) {
        final int status = RemoteMemory.apply(heap, rank, queuePair.peerRank(), queue, at);
        if (status == CompletionQueue.SUCCESS
            && WorkQueueElement.opcode(queue, at) == WorkQueueElement.WRITE_IMMEDIATE) {
            queuePair.receiveQueue().consume(queue, at);
            queuePair.receiveQueue().complete();
        }
        listener.executed(queuePair, index, status);
        if (WorkQueueElement.isSignaled(queue, at)) {
            count(NicCounter.DOORBELLS, 1);
            count(NicCounter.COMPLETIONS, 1);
            completionQueue.complete(queuePair.number(), index, status);
        }
    }

    @Override
    public String roleName() {
        return "emulated-nic-" + rank;
    }
}

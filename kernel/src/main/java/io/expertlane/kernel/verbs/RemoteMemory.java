package io.expertlane.kernel.verbs;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.SymmetricHeap;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * The effect of a {@link WorkQueueElement} on the peer's memory. Every transport ends here, so that all of them do the
 * same.
 */
public final class RemoteMemory {
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private RemoteMemory() {
    }

    /**
     * Carries out the element at {@code at} of {@code queue}, posted by {@code rank}, on {@code peerRank}'s region;
     * refuses it if the region was revoked since the queue pair was connected, be it for this rank only. The receive
     * that a write with immediate consumes is the caller's business.
     *
     * @return {@link CompletionQueue#SUCCESS} or {@link CompletionQueue#REMOTE_ACCESS_ERROR}
     */
    public static int apply(final SymmetricHeap heap, final int rank, final int peerRank, final MemorySegment queue,
        final long at) {
        if (heap.key(peerRank, rank) != WorkQueueElement.remoteKey(queue, at)) {
            return CompletionQueue.REMOTE_ACCESS_ERROR;
        }
        final MemorySegment target = heap.region(peerRank);
        final long remoteOffset = WorkQueueElement.remoteOffset(queue, at);
        switch (WorkQueueElement.opcode(queue, at)) {
            case WorkQueueElement.WRITE, WorkQueueElement.WRITE_IMMEDIATE -> {
                final int residentBytes = WorkQueueElement.residentBytes(queue, at);
                // Where nothing is resident the offsets may lie outside of both regions.
                if (residentBytes > 0) {
                    heap.copy(heap.region(rank), WorkQueueElement.localOffset(queue, at), target, remoteOffset,
                        residentBytes);
                }
            }
            case WorkQueueElement.WRITE_INLINE ->
                LONG.setRelease(target, remoteOffset, WorkQueueElement.operand(queue, at));
            case WorkQueueElement.ATOMIC_ADD -> {
                final long ignored = (long) LONG.getAndAdd(target, remoteOffset, WorkQueueElement.operand(queue, at));
            }
            default -> throw new IllegalStateException("opcode=" + WorkQueueElement.opcode(queue, at) + " at " + at
                + ": not an operation");
        }
        return CompletionQueue.SUCCESS;
    }
}

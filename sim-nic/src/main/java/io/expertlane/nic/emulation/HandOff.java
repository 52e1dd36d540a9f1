package io.expertlane.nic.emulation;

import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.WorkQueueElement;
import java.lang.foreign.MemorySegment;

/**
 * A kernel's queue pair and the network's that carries out what is posted to it. Both count elements alike, so a
 * completion of one is a completion of the other. Once the network refuses an element, because the peer was revoked, it
 * is given none any more: these complete in error when what it has taken before is complete.
 *
 * <p>Threading: the proxy's thread, after the kernel's doorbell.
 */
final class HandOff {
    private final QueuePair front;
    private final QueuePair back;
    private final CompletionQueue completionQueue;
    private long taken;
    private long completed;
    private boolean refused;

    HandOff(final QueuePair front, final QueuePair back, final CompletionQueue completionQueue) {
        this.front = front;
        this.back = back;
        this.completionQueue = completionQueue;
    }

    int rank() {
        return front.rank();
    }

    QueuePair back() {
        return back;
    }

    int number() {
        return front.number();
    }

    /** Posts the elements of one doorbell and rings; gives their number. */
    int post() {
        final MemorySegment queue = front.memory();
        final long first = taken;
        boolean last = false;
        while (!last) {
            final long at = front.elementOffset((int) taken);
            last = WorkQueueElement.isSignaled(queue, at);
            refused = refused || !post(queue, at);
            taken++;
        }
        back.ringDoorbell();
        completeRefused();
        return (int) (taken - first);
    }

    private boolean post(final MemorySegment queue, final long at) {
        final long remoteOffset = WorkQueueElement.remoteOffset(queue, at);
        final byte opcode = WorkQueueElement.opcode(queue, at);
        final int result = switch (opcode) {
            case WorkQueueElement.WRITE -> back.postWrite(WorkQueueElement.localOffset(queue, at), remoteOffset,
                WorkQueueElement.lengthBytes(queue, at), WorkQueueElement.residentBytes(queue, at));
            case WorkQueueElement.WRITE_INLINE -> back.postInline(remoteOffset, WorkQueueElement.operand(queue, at));
            case WorkQueueElement.WRITE_IMMEDIATE ->
                back.postWriteImmediate(WorkQueueElement.localOffset(queue, at), remoteOffset,
                WorkQueueElement.lengthBytes(queue, at), WorkQueueElement.residentBytes(queue, at),
                WorkQueueElement.immediate(queue, at));
            case WorkQueueElement.ATOMIC_ADD -> back.postAtomicAdd(remoteOffset, WorkQueueElement.operand(queue, at));
            default -> throw new IllegalStateException("opcode=" + opcode + " at " + at + ": not an operation");
        };
        if (result != QueuePair.POSTED && result != QueuePair.PEER_REVOKED) {
            // The kernel's queues are as deep as the network's and are freed after them.
            throw new IllegalStateException("result=" + result + ": the network's queue pair " + number() + " of rank "
                + rank() + " has no room");
        }
        return result == QueuePair.POSTED;
    }

    /** The network has completed its element {@code index}. */
    void complete(final int index, final int status) {
        // One entry of the network may stand for several doorbells.
        for (; (int) completed != index + 1; completed++) {
            if (WorkQueueElement.isSignaled(front.memory(), front.elementOffset((int) completed))) {
                completionQueue.complete(front.number(), (int) completed, status);
            }
        }
        completeRefused();
    }

    private void completeRefused() {
        if (refused && back.outstanding() == 0) {
            for (; completed != taken; completed++) {
                if (WorkQueueElement.isSignaled(front.memory(), front.elementOffset((int) completed))) {
                    completionQueue.complete(front.number(), (int) completed, CompletionQueue.REMOTE_ACCESS_ERROR);
                }
            }
        }
    }
}

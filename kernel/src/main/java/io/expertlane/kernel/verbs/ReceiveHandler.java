package io.expertlane.kernel.verbs;

/** Gets each entry taken from a {@link ReceiveQueue}, on the thread that polls. */
@FunctionalInterface
public interface ReceiveHandler {
    /**
     * A write with immediate has consumed the receive {@code index}; its payload, and everything sent before it on the
     * queue pair, is in memory.
     *
     * @param index       the receive's position in the queue's sequence, from 0, wrapping at 2^32
     * @param immediate   what the writer said
     * @param lengthBytes length of the write
     */
    void received(int index, int immediate, int lengthBytes);
}

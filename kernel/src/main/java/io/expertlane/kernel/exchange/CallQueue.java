package io.expertlane.kernel.exchange;

/** The calls at one rank that wait for their turn, in order. */
final class CallQueue {
    private final HighThroughputCall[] calls;
    private int length;

    CallQueue(final int capacity) {
        calls = new HighThroughputCall[capacity];
    }

    void add(final HighThroughputCall call) {
        calls[length++] = call;
    }

    /** Takes the first call out; null: there is none. */
    HighThroughputCall poll() {
        if (length == 0) {
            return null;
        }
        final HighThroughputCall first = calls[0];
        length--;
        System.arraycopy(calls, 1, calls, 0, length);
        return first;
    }

    boolean isEmpty() {
        return length == 0;
    }

    void clear() {
        length = 0;
    }
}

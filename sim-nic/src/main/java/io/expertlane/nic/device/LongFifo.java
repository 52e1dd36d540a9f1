package io.expertlane.nic.device;

import java.util.Arrays;

/** A queue of longs that grows. */
final class LongFifo {
    private static final int FIRST_CAPACITY = 8;

    private long[] values = {};
    private int head;
    private int size;

    boolean isEmpty() {
        return size == 0;
    }

    void add(final long value) {
        if (size == values.length) {
            grow();
        }
        values[head + size & values.length - 1] = value;
        size++;
    }

    private void grow() {
        final long[] grown = new long[Math.max(FIRST_CAPACITY, 2 * values.length)];
        for (int i = 0; i < size; i++) {
            grown[i] = values[head + i & values.length - 1];
        }
        values = grown;
        head = 0;
    }

    long take() {
        final long value = values[head];
        head = head + 1 & values.length - 1;
        size--;
        return value;
    }

    void copyFrom(final LongFifo other) {
        values = Arrays.copyOf(other.values, other.values.length);
        head = other.head;
        size = other.size;
    }
}

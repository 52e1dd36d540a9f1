package io.expertlane.kernel.memory;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Copies between addresses by the C library's {@code memcpy}, which on CPUs that have them uses instructions that write
 * whole cache lines without reading them first: rows that go to memory that is not cached take less time than by {@link
 * MemorySegment#copy} ({@code docs/decisions/0302}).
 *
 * <p>The addresses are not protected by the segment's scope during such a copy, so the memory's owner counts them:
 * {@link #enter}, then a look whether the memory is still open, the copy, {@link #leave}; who unmaps closes the memory
 * first and calls {@link #awaitNone}. The counter is striped over cache lines by thread.
 */
final class NativeCopy {
    /** Below this the call costs more than it saves. */
    static final int MIN_BYTES = 2048;

    private static final int STRIPES = 64;
    private static final int LONGS_PER_LINE = 16;
    private static final VarHandle COUNTS = MethodHandles.arrayElementVarHandle(long[].class);

    private final long[] counts = new long[STRIPES * LONGS_PER_LINE];

    int enter() {
        final int stripe = ((int) Thread.currentThread().threadId() & STRIPES - 1) * LONGS_PER_LINE;
        final long ignored = (long) COUNTS.getAndAdd(counts, stripe, 1L);
        return stripe;
    }

    void leave(final int stripe) {
        final long ignored = (long) COUNTS.getAndAddRelease(counts, stripe, -1L);
    }

    /** Waits for the copies that entered. One takes microseconds, and none can follow once the memory is closed. */
    void awaitNone() {
        for (int stripe = 0; stripe < counts.length; stripe += LONGS_PER_LINE) {
            while ((long) COUNTS.getVolatile(counts, stripe) != 0) {
                Thread.onSpinWait();
            }
        }
    }

    static void copy(final long from, final long to, final long bytes) {
        try {
            final long ignored = (long) Library.MEMCPY.invokeExact(to, from, bytes);
        } catch (final Throwable e) {
            throw new IllegalStateException("memcpy", e);
        }
    }

    /** Looked up once, when first needed. */
    @SuppressWarnings("restricted")
    private static final class Library {
        private static final MethodHandle MEMCPY = Linker.nativeLinker().downcallHandle(
                Linker.nativeLinker().defaultLookup().findOrThrow("memcpy"),
                FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG),
                Linker.Option.critical(false));
    }
}

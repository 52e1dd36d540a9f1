package io.expertlane.kernel.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;

/**
 * Zeroed memory whose pages are committed on first touch: an anonymous private mapping without swap reservation on Linux, so that
 * worst-case layouts larger than the machine's memory can be laid out. Elsewhere the arena's own allocation, committed at once.
 */
final class PageMemory {
    private static final int PAGE_BYTES = 4096;
    private static final int PROT_READ_WRITE = 0x1 | 0x2;
    private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000;
    private static final long MAP_FAILED = -1;
    private static final boolean LINUX = System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("linux");

    private PageMemory() {
    }

    static long roundUp(final long bytes) {
        return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    }

    static MemorySegment reserve(final long bytes, final Arena arena) {
        if (!LINUX) {
            try {
                return arena.allocate(bytes, PAGE_BYTES);
            } catch (final OutOfMemoryError e) {
                throw new IllegalArgumentException(refusal(bytes), e);
            }
        }
        final long address = Posix.map(bytes);
        if (address == MAP_FAILED) {
            throw new IllegalArgumentException(refusal(bytes));
        }
        return Posix.segment(address, bytes, arena);
    }

    private static String refusal(final long bytes) {
        return "heap bytes=" + bytes + ": more than the machine can reserve";
    }

    /** The two calls of the C library that are needed, looked up once. */
    @SuppressWarnings("restricted")
    private static final class Posix {
        private static final MethodHandle MMAP;
        private static final MethodHandle MUNMAP;

        static {
            final Linker linker = Linker.nativeLinker();
            final SymbolLookup lookup = linker.defaultLookup();
            MMAP = linker.downcallHandle(lookup.findOrThrow("mmap"), FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));
            MUNMAP = linker.downcallHandle(lookup.findOrThrow("munmap"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG));
        }

        static long map(final long bytes) {
            try {
                return (long) MMAP.invokeExact(0L, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS_NORESERVE, -1, 0L);
            } catch (final Throwable e) {
                throw new IllegalStateException("mmap", e);
            }
        }

        static MemorySegment segment(final long address, final long bytes, final Arena arena) {
            return MemorySegment.ofAddress(address).reinterpret(bytes, arena, ignored -> unmap(address, bytes));
        }

        private static void unmap(final long address, final long bytes) {
            try {
                final int ignored = (int) MUNMAP.invokeExact(address, bytes);
            } catch (final Throwable e) {
                throw new IllegalStateException("munmap", e);
            }
        }
    }
}

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
 * Zeroed memory whose pages are committed on first touch: an anonymous private mapping without swap reservation on
 * Linux, so that worst-case layouts larger than the machine's memory can be laid out. Elsewhere, and where the JVM
 * denies native access, the arena's own allocation in base pages, committed at once; the latter is said once, to the
 * {@link System.Logger} of this class's name.
 */
public final class PageMemory {
    private static final int PAGE_BYTES = 4096;
    private static final int HUGE_PAGE_BYTES = 2 << 20;
    private static final int PROT_READ_WRITE = 0x1 | 0x2;
    private static final int MAP_PRIVATE_ANONYMOUS_NORESERVE = 0x02 | 0x20 | 0x4000;
    private static final int MADV_HUGEPAGE = 14;
    private static final int MADV_NOHUGEPAGE = 15;
    private static final long MAP_FAILED = -1;
    private static final boolean MAPS = System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("linux")
        && mayCallNative();

    private PageMemory() {
    }

    /**
     * Memory that lives as long as {@code arena}.
     *
     * @param bytes 1 or more
     * @throws IllegalArgumentException if the machine cannot reserve so much
     */
    public static MemorySegment allocate(final long bytes, final Pages pages, final Arena arena) {
        return reserve(bytes, pages, arena, () -> { });
    }

    static long roundUp(final long bytes) {
        return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
    }

    /**
     * Whether {@link #reserve} calls {@code beforeUnmap} between the end of the arena's life and that of the mapping.
     */
    static boolean tellsUnmap() {
        return MAPS;
    }

    /** Java denies all restricted methods or none: asked by one that does nothing. */
    @SuppressWarnings("restricted")
    private static boolean mayCallNative() {
        try {
            return MemorySegment.NULL.reinterpret(1).byteSize() == 1;
        } catch (final IllegalCallerException _) {
            final Module module = PageMemory.class.getModule();
            System.getLogger(PageMemory.class.getName())
                .log(System.Logger.Level.WARNING,
                "native access is denied: memory is committed at once, in base pages, "
                + "and copied by Java; java --enable-native-access="
                + (module.isNamed() ? module.getName() : "ALL-UNNAMED") + " allows it");
            return false;
        }
    }

    @SuppressWarnings("restricted")
    static MemorySegment reserve(final long bytes, final Pages pages, final Arena arena, final Runnable beforeUnmap) {
        if (!MAPS) {
            try {
                return arena.allocate(bytes, PAGE_BYTES);
            } catch (final OutOfMemoryError e) {
                throw new IllegalArgumentException(refusal(bytes) + ", or than -XX:MaxDirectMemorySize", e);
            }
        }
        // A huge page must start at a multiple of its size.
        final long reserved = pages == Pages.HUGE ? bytes + HUGE_PAGE_BYTES : bytes;
        final long mapped = Posix.map(reserved);
        if (mapped == MAP_FAILED) {
            throw new IllegalArgumentException(refusal(bytes));
        }
        final long address = pages == Pages.HUGE ? (mapped + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES
            : mapped;
        // Advice only: kernels without huge pages refuse it, and the mapping serves as well.
        Posix.advise(mapped, reserved, pages == Pages.HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
        return MemorySegment.ofAddress(address).reinterpret(bytes, arena, ignored -> {
            beforeUnmap.run();
            Posix.unmap(mapped, reserved);
        });
    }

    private static String refusal(final long bytes) {
        return "memory bytes=" + bytes + ": more than the machine can reserve";
    }

    /** The calls of the C library that are needed, looked up once. */
    @SuppressWarnings("restricted")
    private static final class Posix {
        private static final MethodHandle MMAP;
        private static final MethodHandle MADVISE;
        private static final MethodHandle MUNMAP;

        static {
            final Linker linker = Linker.nativeLinker();
            final SymbolLookup lookup = linker.defaultLookup();
            MMAP = linker.downcallHandle(lookup.findOrThrow("mmap"),
                FunctionDescriptor.of(ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_LONG, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT,
                ValueLayout.JAVA_LONG));
            MADVISE = linker.downcallHandle(lookup.findOrThrow("madvise"),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG, ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT));
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

        static void advise(final long address, final long bytes, final int advice) {
            try {
                final int ignored = (int) MADVISE.invokeExact(address, bytes, advice);
            } catch (final Throwable e) {
                throw new IllegalStateException("madvise", e);
            }
        }

        static void unmap(final long address, final long bytes) {
            try {
                final int ignored = (int) MUNMAP.invokeExact(address, bytes);
            } catch (final Throwable e) {
                throw new IllegalStateException("munmap", e);
            }
        }
    }
}

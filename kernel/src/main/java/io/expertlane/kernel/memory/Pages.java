package io.expertlane.kernel.memory;

/** The pages that memory is asked for of the operating system. */
public enum Pages {
    /**
     * The system's base pages (4 KB on x86). Memory is committed page by page: right for layouts of which little is
     * touched.
     */
    BASE,

    /**
     * Transparent huge pages (2 MB on x86) where Linux offers them ({@code /sys/kernel/mm/transparent_hugepage/enabled}
     * is {@code madvise} or {@code always}), else base pages. Fewer address translations are missed, but the first
     * touch commits a whole huge page, so a sparsely used layout takes many times the memory.
     */
    HUGE
}

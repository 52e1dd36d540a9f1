package io.expertlane.nic.profile;

/**
 * The NIC's cache of memory translations (MTT entries, one a page of a rank's region), least recently used first out. A
 * page is needed to read a payload and to write one.
 *
 * @param entries           pages it holds, 0 to 2^24; 0 means that all fit. 50,000 in csRNA's model of an RNIC; a
 *                          ConnectX-5 was insensitive to 1,024 regions of 64 KiB (less than 1.2 %)
 * @param pageBytes         bytes of a page, a power of two, 4096 to 2^30; 4096 host memory, 65,536 GPU memory,
 *                          2,097,152 huge pages
 * @param missNanos         latency of a miss, a PCIe read, 0 to 10000; 500 to 1000
 * @param missIntervalNanos least time between two misses of one NIC, 0 to 10000: what misses cost in rate [assumed]
 */
public record TranslationCacheProfile(int entries, int pageBytes, double missNanos, double missIntervalNanos) {
    /** Checks every field. */
    public TranslationCacheProfile {
        Range.check("nic.translationCache.entries", entries, 0, 1 << 24);
        Range.checkPowerOfTwo("nic.translationCache.pageBytes", pageBytes, 4096, 1 << 30);
        Range.check("nic.translationCache.missNanos", missNanos, 0, 10_000);
        Range.check("nic.translationCache.missIntervalNanos", missIntervalNanos, 0, 10_000);
    }
}

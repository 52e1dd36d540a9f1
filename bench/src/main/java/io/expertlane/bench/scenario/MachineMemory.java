package io.expertlane.bench.scenario;

import java.lang.management.ManagementFactory;

/** Refuses, before anything is allocated, what this machine's memory cannot hold. */
public final class MachineMemory {
    private MachineMemory() {
    }

    /**
     * Checks a demand.
     *
     * @throws IllegalArgumentException if {@code bytes} is more than the machine's memory, or negative because it
     *         overflowed
     */
    public static void require(final String what, final long bytes) {
        final long available = ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class)
            .getTotalMemorySize();
        if (bytes < 0 || bytes > available) {
            throw new IllegalArgumentException("bytes of " + what + "=" + bytes + ": at most " + available
                + ", the machine's memory");
        }
    }
}

package io.expertlane.bench.scenario;

import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.verbs.QueuePair;
import java.lang.management.ManagementFactory;

/** Refuses, before anything is allocated, what this machine's memory cannot hold. */
public final class MachineMemory {
    /** Java objects and table entries of a queue pair at both ends; measured about 300, rounded up. */
    private static final int QUEUE_PAIR_OBJECT_BYTES = 512;

    private MachineMemory() {
    }

    /**
     * Checks a demand.
     *
     * @throws IllegalArgumentException if {@code bytes} is more than the machine's memory, or negative because it overflowed
     */
    public static void require(final String what, final long bytes) {
        final long available = ManagementFactory.getPlatformMXBean(com.sun.management.OperatingSystemMXBean.class).getTotalMemorySize();
        if (bytes < 0 || bytes > available) {
            throw new IllegalArgumentException("bytes of " + what + "=" + bytes + ": at most " + available + ", the machine's memory");
        }
    }

    /** Bytes of the queue pairs between all ranks, each of which connects to every expert of every other rank. */
    public static long queuePairBytes(final LowLatencyConfig config) {
        final MoeShape shape = config.shape();
        return (long) shape.ranks() * (shape.experts() - shape.localExperts()) * config.queuePairsPerExpert()
            * (QueuePair.memoryBytes(config.sendQueueDepth()) + QUEUE_PAIR_OBJECT_BYTES);
    }
}

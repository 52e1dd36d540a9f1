package io.expertlane.kernel.exchange;

import io.expertlane.kernel.memory.SymmetricHeap;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;

/** What the parts of one rank's high-throughput exchange share. */
record HighThroughputContext(HighThroughputConfig config, Rails rails, int rank, HighThroughputMemory memory, SymmetricHeap heap,
                             MemorySegment region, PeerConnections peers, Membership members, StageTimes stageTimes, WorkMeter meter, LongSupplier nanoClock) {
    boolean isMoved() {
        return config.payload() == Payload.MOVED;
    }

    boolean isRing() {
        return config.path() == TransferPath.RING;
    }

    long now() {
        return nanoClock.getAsLong();
    }
}

package io.expertlane.kernel.exchange;

import io.expertlane.kernel.membership.Membership;
import io.expertlane.kernel.memory.CallWord;
import io.expertlane.kernel.memory.SymmetricHeap;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;

/** What the parts of one rank's high-throughput exchange share. */
record HighThroughputContext(HighThroughputConfig config, Rails rails, int rank, HighThroughputMemory memory, SymmetricHeap heap,
                             MemorySegment region, PeerConnections peers, ProtocolErrors errors, StageTimes stageTimes, WorkMeter meter, LongSupplier nanoClock) {
    Membership members() {
        return errors.members();
    }

    boolean isMoved() {
        return config.payload() == Payload.MOVED;
    }

    boolean isRing() {
        return config.path() == TransferPath.RING;
    }

    /** The word that says {@code value} of a call to or from {@code peer}. */
    long word(final int peer, final long callNumber, final int value) {
        return CallWord.of(members().tag(peer), callNumber, value);
    }

    long now() {
        return nanoClock.getAsLong();
    }
}

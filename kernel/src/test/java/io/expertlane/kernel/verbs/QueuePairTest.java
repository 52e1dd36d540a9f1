package io.expertlane.kernel.verbs;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.expertlane.kernel.memory.SymmetricHeap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class QueuePairTest {
    private static final int REGION_BYTES = 4096;
    private final SymmetricHeap heap = new SymmetricHeap(3, REGION_BYTES);
    private final DirectTransport transport = new DirectTransport(heap, DirectTransport.Mapping.SELF, 4);
    private final QueuePair queuePair = transport.connect(0, 1, 8, 0);

    @AfterEach
    void free() {
        transport.close();
        heap.close();
    }

    @Test
    void nothingHappensBeforeTheDoorbell() {
        heap.region(0).set(JAVA_LONG, 64, 42);
        assertThat(queuePair.postWrite(64, 128, 8, 8)).isEqualTo(QueuePair.POSTED);
        assertThat(queuePair.postInline(136, 43)).isEqualTo(QueuePair.POSTED);
        assertThat(queuePair.postAtomicAdd(136, 7)).isEqualTo(QueuePair.POSTED);
        assertThat(heap.region(1).get(JAVA_LONG, 128)).isZero();
        assertThat(queuePair.unpublished()).isEqualTo(3);
        queuePair.ringDoorbell();
        assertThat(heap.region(1).get(JAVA_LONG, 128)).isEqualTo(42);
        assertThat(heap.region(1).get(JAVA_LONG, 136)).isEqualTo(50);
        assertThat(queuePair.outstanding()).isEqualTo(3);
        assertThat(transport.completionQueue(0).poll()).as("one completion a doorbell").isEqualTo(1);
        assertThat(queuePair.outstanding()).isZero();
    }

    @Test
    void fullQueuesAreReturnCodes() {
        for (int i = 0; i < 8; i++) {
            assertThat(queuePair.postInline(0, i)).isEqualTo(QueuePair.POSTED);
        }
        assertThat(queuePair.postInline(0, 8)).isEqualTo(QueuePair.SEND_QUEUE_FULL);
        queuePair.ringDoorbell();
        assertThat(queuePair.postInline(0, 8)).as("rung and not yet polled").isEqualTo(QueuePair.SEND_QUEUE_FULL);
        assertThat(heap.region(1).get(JAVA_LONG, 0)).isEqualTo(7);
        transport.completionQueue(0).poll();
        for (int i = 0; i < 4; i++) {
            assertThat(queuePair.postInline(0, i)).isEqualTo(QueuePair.POSTED);
            queuePair.ringDoorbell();
        }
        assertThat(queuePair.postInline(0, 8)).isEqualTo(QueuePair.COMPLETION_QUEUE_FULL);
        assertThat(heap.region(1).get(JAVA_LONG, 0)).isEqualTo(3);
    }

    @Test
    void placesOutsideEitherRegionAreRefused() {
        assertThatThrownBy(() -> queuePair.postWrite(0, REGION_BYTES - 63, 64, 64))
            .isInstanceOf(IndexOutOfBoundsException.class)
            .hasMessage("remoteOffset=4033 length=64: region has 4096 bytes");
        assertThatThrownBy(() -> queuePair.postWrite(REGION_BYTES - 63, 0, 64, 64))
            .isInstanceOf(IndexOutOfBoundsException.class)
            .hasMessage("localOffset=4033 length=64: region has 4096 bytes");
        assertThatThrownBy(() -> queuePair.postWrite(-1, 0, 64, 64)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> queuePair.postWrite(0, -1, 64, 64)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> queuePair.postWrite(0, Long.MAX_VALUE, 64, 64))
            .isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> queuePair.postWrite(0, 0, -1, -1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> queuePair.postWrite(0, 0, 8, 9)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("residentBytes=9: 0 to lengthBytes=8");
        assertThatThrownBy(() -> queuePair.postInline(REGION_BYTES, 1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThatThrownBy(() -> queuePair.postAtomicAdd(-8, 1)).isInstanceOf(IndexOutOfBoundsException.class);
        assertThat(queuePair.outstanding()).isZero();
        assertThat(queuePair.postWrite(REGION_BYTES - 64, REGION_BYTES - 64, 64, 64)).isEqualTo(QueuePair.POSTED);
    }

    @Test
    void payloadThatIsLeftOutNeedsNoMemory() {
        assertThat(queuePair.postWrite(REGION_BYTES - 16, REGION_BYTES - 16, 14_352, 16)).isEqualTo(QueuePair.POSTED);
        queuePair.ringDoorbell();
    }

    @Test
    void unalignedLongsAreRefused() {
        for (int offset = 1; offset < 8; offset++) {
            final int at = offset;
            assertThatThrownBy(() -> queuePair.postInline(at, 1)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("remoteOffset=" + at + ": a multiple of 8");
            assertThatThrownBy(() -> queuePair.postAtomicAdd(at, 1)).isInstanceOf(IllegalArgumentException.class);
        }
        assertThat(queuePair.outstanding()).isZero();
    }

    @Test
    void aRevokedPeerIsRefusedAtPostAndInFlight() {
        assertThat(queuePair.postInline(0, 1)).isEqualTo(QueuePair.POSTED);
        heap.revoke(1);
        assertThat(queuePair.postInline(0, 2)).isEqualTo(QueuePair.PEER_REVOKED);
        assertThat(queuePair.postWrite(0, 0, 8, 8)).isEqualTo(QueuePair.PEER_REVOKED);
        queuePair.ringDoorbell();
        assertThat(heap.region(1).get(JAVA_LONG, 0)).isZero();
        assertThat(transport.completionQueue(0).poll()).isEqualTo(1);
        assertThat(transport.completionQueue(0).failures()).isEqualTo(1);
        final QueuePair anew = transport.connect(0, 1, 8, 0);
        assertThat(anew.postInline(0, 3)).isEqualTo(QueuePair.POSTED);
        anew.ringDoorbell();
        assertThat(heap.region(1).get(JAVA_LONG, 0)).isEqualTo(3);
    }

    @Test
    void aPeerRefusesOneWriterAndNoOther() {
        final QueuePair other = transport.connect(2, 1, 8, 0);
        assertThat(queuePair.postInline(0, 1)).isEqualTo(QueuePair.POSTED);
        assertThat(other.postInline(8, 2)).isEqualTo(QueuePair.POSTED);
        heap.revoke(1, 0);
        assertThat(queuePair.postInline(0, 3)).isEqualTo(QueuePair.PEER_REVOKED);
        queuePair.ringDoorbell();
        other.ringDoorbell();
        assertThat(heap.region(1).get(JAVA_LONG, 0)).isZero();
        assertThat(heap.region(1).get(JAVA_LONG, 8)).isEqualTo(2);
        final int[] status = new int[1];
        assertThat(transport.completionQueue(0).poll((number, index, found) -> status[0] = found)).isEqualTo(1);
        assertThat(status[0]).isEqualTo(CompletionQueue.REMOTE_ACCESS_ERROR);
        final QueuePair anew = transport.connect(0, 1, 8, 0);
        assertThat(anew.postInline(0, 4)).isEqualTo(QueuePair.POSTED);
        anew.ringDoorbell();
        assertThat(heap.region(1).get(JAVA_LONG, 0)).isEqualTo(4);
    }

    @Test
    void writesGoOnlyToGoodAddressesOfThePeer() {
        heap.region(0).set(JAVA_LONG, 0, 9);
        final long address = heap.address(1, 256);
        assertThat(queuePair.postWrite(0, address, 8)).isEqualTo(QueuePair.POSTED);
        queuePair.ringDoorbell();
        assertThat(heap.region(1).get(JAVA_LONG, 256)).isEqualTo(9);
        assertThatThrownBy(() -> queuePair.postWrite(0, heap.address(2, 256), 8))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("of another rank than peerRank=1");
        assertThatThrownBy(() -> queuePair.postWrite(0, address, REGION_BYTES))
            .isInstanceOf(IndexOutOfBoundsException.class);
        heap.revoke(1);
        assertThatThrownBy(() -> queuePair.postWrite(0, address, 8)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("stale");
        try (SymmetricHeap foreign = new SymmetricHeap(3, REGION_BYTES)) {
            assertThatThrownBy(() -> queuePair.postWrite(0, foreign.address(1, 0), 8))
                .isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void queuePairsShareMemoryWithoutTouchingEachOther() {
        final int bytes = (int) QueuePair.memoryBytes(2);
        try (Arena arena = Arena.ofConfined()) {
            final MemorySegment memory = arena.allocate(3L * bytes, 64);
            final QueuePair first = new QueuePair(transport, 1, 0, 1, 2, 0, memory, 0);
            final QueuePair third = new QueuePair(transport, 2, 0, 1, 2, 0, memory, 2L * bytes);
            memory.asSlice(bytes, bytes).fill((byte) 0x5A);
            for (int i = 0; i < 6; i++) {
                assertThat(first.postInline(0, i)).isEqualTo(QueuePair.POSTED);
                assertThat(third.postInline(8, -i)).isEqualTo(QueuePair.POSTED);
                assertThat(WorkQueueElement.operand(memory, first.elementOffset(i))).isEqualTo(i);
                assertThat(WorkQueueElement.operand(memory, third.elementOffset(i))).isEqualTo(-i);
                first.ringDoorbell();
                third.ringDoorbell();
                assertThat(first.published()).isEqualTo(third.published()).isEqualTo(i + 1);
                assertThat(transport.completionQueue(0).poll()).isEqualTo(2);
            }
            assertThat(heap.region(1).get(JAVA_LONG, 0)).isEqualTo(5);
            assertThat(heap.region(1).get(JAVA_LONG, 8)).isEqualTo(-5);
            assertThat(memory.asSlice(bytes, bytes).toArray(JAVA_BYTE)).containsOnly(0x5A);
            for (final long offset : new long[] {-64, 2L * bytes + 64}) {
                assertThatThrownBy(() -> new QueuePair(transport, 3, 0, 1, 2, 0, memory, offset))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("memory bytes=%d from memoryOffset=%d on: at least %d", 3 * bytes, offset, bytes);
            }
            assertThatThrownBy(() -> new QueuePair(transport, 3, 0, 1, 2, 0, memory, 8))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("memoryOffset=8: a multiple of 64");
        }
    }

    @Test
    void depthsThatAreNoPowersOfTwoAreRefused() {
        for (final int depth : new int[] {-1, 0, 1, 3, 1 << 16}) {
            assertThatThrownBy(() -> transport.connect(0, 1, depth, 0)).isInstanceOf(IllegalArgumentException.class);
        }
        for (final int depth : new int[] {-4, 0, 3, Integer.MIN_VALUE}) {
            assertThatThrownBy(() -> new DirectTransport(heap, DirectTransport.Mapping.SELF, depth))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("completionQueueDepth=" + depth + ": a power of two");
        }
    }

    @Test
    void useAfterCloseAndASecondCloseThrow() {
        final DirectTransport closed = new DirectTransport(heap, DirectTransport.Mapping.ALL, 4);
        final QueuePair pair = closed.connect(0, 1, 8, 0);
        closed.close();
        assertThatThrownBy(() -> pair.postInline(0, 1)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> closed.connect(0, 1, 8, 0)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> closed.completionQueue(0).poll()).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(closed::close).isInstanceOf(IllegalStateException.class);
    }
}

package io.expertlane.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SymmetricHeapTest {
    @Test
    void addressesCarryRankKeyAndOffset() {
        final SplittableRandom random = new SplittableRandom(3);
        for (int i = 0; i < 10_000; i++) {
            final int rank = random.nextInt(1 << 16);
            final int key = 1 + random.nextInt(GlobalAddress.KEYS);
            final long offset = random.nextLong(GlobalAddress.MAX_OFFSET);
            final long address = GlobalAddress.pack(rank, key, offset);
            assertThat(GlobalAddress.rank(address)).isEqualTo(rank);
            assertThat(GlobalAddress.key(address)).isEqualTo(key);
            assertThat(GlobalAddress.offset(address)).isEqualTo(offset);
        }
    }

    @Test
    void anAddressIsGoodUntilTheRegionIsRevoked() {
        try (SymmetricHeap heap = new SymmetricHeap(3, 1000)) {
            final long address = heap.address(2, 992);
            final long other = heap.address(1, 992);
            assertThat(heap.resolve(address, 8)).isEqualTo(992);
            heap.revoke(2);
            assertThatThrownBy(() -> heap.resolve(address, 8)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("stale");
            assertThat(heap.resolve(other, 8)).isEqualTo(992);
            assertThat(heap.resolve(heap.address(2, 992), 8)).isEqualTo(992);
        }
    }

    @Test
    void addressesOfOtherHeapsAreRefused() {
        try (SymmetricHeap heap = new SymmetricHeap(2, 1000); SymmetricHeap foreign = new SymmetricHeap(4, 1000)) {
            assertThatThrownBy(() -> heap.resolve(foreign.address(1, 0), 8)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("of another heap");
            assertThatThrownBy(() -> heap.resolve(foreign.address(3, 0), 8)).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("ranks=2");
            assertThatThrownBy(() -> heap.resolve(0, 8)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    @Test
    void nothingReachesOutsideARegion() {
        try (SymmetricHeap heap = new SymmetricHeap(2, 1000)) {
            final long address = heap.address(1, 992);
            assertThatThrownBy(() -> heap.resolve(address, 9)).isInstanceOf(IndexOutOfBoundsException.class)
                .hasMessage("offset=992 length=9: region has 1000 bytes");
            assertThatThrownBy(() -> heap.resolve(address, -1)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> heap.resolve(address, Long.MAX_VALUE)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> heap.address(1, 1000)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> heap.address(1, -1)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> heap.address(2, 0)).isInstanceOf(IllegalArgumentException.class).hasMessage("rank=2: 0 to 1");
            assertThatThrownBy(() -> heap.region(0).get(JAVA_BYTE, 1000)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void sizesOutOfRangeAreRefused() {
        assertThatThrownBy(() -> new SymmetricHeap(0, 1)).isInstanceOf(IllegalArgumentException.class).hasMessage("ranks=0: 1 to 65536");
        assertThatThrownBy(() -> new SymmetricHeap(65_537, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new SymmetricHeap(1, 0)).isInstanceOf(IllegalArgumentException.class).hasMessage("bytesPerRank=0: 1 to 68719476736");
        assertThatThrownBy(() -> new SymmetricHeap(1, GlobalAddress.MAX_OFFSET + 1)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void useAfterCloseAndASecondCloseThrow() {
        final SymmetricHeap heap = new SymmetricHeap(1, 1000);
        final MemorySegment region = heap.region(0);
        heap.close();
        assertThatThrownBy(() -> region.get(JAVA_BYTE, 0)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> heap.region(0).fill((byte) 1)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(heap::close).isInstanceOf(IllegalStateException.class);
    }
}

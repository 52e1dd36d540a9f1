package io.expertlane.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
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
            assertThatThrownBy(() -> heap.resolve(address, 8)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("stale");
            assertThat(heap.resolve(other, 8)).isEqualTo(992);
            assertThat(heap.resolve(heap.address(2, 992), 8)).isEqualTo(992);
        }
    }

    @Test
    void oneWriterIsRefusedAlone() {
        try (SymmetricHeap heap = new SymmetricHeap(3, 1000); SymmetricHeap copy = new SymmetricHeap(3, 1000)) {
            final int before = heap.key(2, 0);
            final long address = heap.address(2, 0);
            assertThat(heap.key(2, 1)).isEqualTo(before).isEqualTo(heap.key(2));
            final int revocations = heap.revocations();
            heap.revoke(2, 0);
            assertThat(heap.revocations()).isEqualTo(revocations + 1);
            assertThat(heap.key(2, 0)).isNotEqualTo(before);
            assertThat(heap.key(2, 1)).isEqualTo(before);
            assertThat(heap.key(0, 2)).isEqualTo(before);
            assertThat(heap.resolve(address, 8)).isZero();
            copy.copyFrom(heap);
            assertThat(copy.key(2, 0)).isEqualTo(heap.key(2, 0));
            assertThat(copy.key(2, 1)).isEqualTo(before);
            heap.revoke(2);
            assertThat(heap.key(2, 0)).isEqualTo(heap.key(2, 1)).isEqualTo(heap.key(2)).isNotEqualTo(before)
                .isNotEqualTo(copy.key(2, 0));
        }
    }

    @Test
    void addressesOfOtherHeapsAreRefused() {
        try (SymmetricHeap heap = new SymmetricHeap(2, 1000); SymmetricHeap foreign = new SymmetricHeap(4, 1000)) {
            assertThatThrownBy(() -> heap.resolve(foreign.address(1, 0), 8))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("of another heap");
            assertThatThrownBy(() -> heap.resolve(foreign.address(3, 0), 8))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("ranks=2");
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
            assertThatThrownBy(() -> heap.resolve(address, Long.MAX_VALUE))
                .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> heap.address(1, 1000)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> heap.address(1, -1)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> heap.address(2, 0)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("rank=2: 0 to 1");
            assertThatThrownBy(() -> heap.region(0).get(JAVA_BYTE, 1000)).isInstanceOf(IndexOutOfBoundsException.class);
        }
    }

    @Test
    void sizesOutOfRangeAreRefused() {
        assertThatThrownBy(() -> new SymmetricHeap(0, 1)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("ranks=0: 1 to 65536");
        assertThatThrownBy(() -> new SymmetricHeap(65_537, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new SymmetricHeap(1, 0)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("bytesPerRank=0: 1 to 68719476736");
        assertThatThrownBy(() -> new SymmetricHeap(1, GlobalAddress.MAX_OFFSET + 1))
            .isInstanceOf(IllegalArgumentException.class);
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

    @Test
    void copiesAreExactForEverySizeOffsetAndOwner() {
        final long bytes = 100_000;
        for (long seed = 0; seed < 300; seed++) {
            final SplittableRandom random = new SplittableRandom(seed);
            try (SymmetricHeap heap = new SymmetricHeap(2, bytes,
                Pages.values()[(int) seed % 2]); Arena arena = Arena.ofConfined()) {
                final MemorySegment src = random.nextInt(3) == 0 ? arena.allocate(bytes)
                    : heap.region(random.nextInt(2));
                final MemorySegment dst = random.nextInt(3) == 0 ? arena.allocate(bytes)
                    : heap.region(random.nextInt(2));
                for (long at = 0; at < bytes; at++) {
                    src.set(JAVA_BYTE, at, (byte) random.nextInt());
                    dst.set(JAVA_BYTE, at, (byte) random.nextInt());
                }
                final int length = random.nextInt(random.nextBoolean() ? 4_096 : 50_000);
                // Halves, so that the bytes do not overlap where both are one region.
                final long from = random.nextInt(50_000 - length);
                final long to = 50_000 + random.nextInt(50_000 - length);
                final byte[] expected = dst.toArray(JAVA_BYTE);
                MemorySegment.copy(src, JAVA_BYTE, from, expected, (int) to, length);
                heap.copy(src, from, dst, to, length);
                assertThat(dst.toArray(JAVA_BYTE)).as("seed %d", seed).isEqualTo(expected);
            }
        }
    }

    @Test
    void copiesThatReachOutsideOrAreNotAllowedChangeNothing() {
        try (SymmetricHeap heap = new SymmetricHeap(2, 10_000)) {
            heap.region(0).fill((byte) 1);
            final MemorySegment src = heap.region(0);
            final MemorySegment dst = heap.region(1);
            assertThatThrownBy(() -> heap.copy(src, 5_000, dst, 0, 5_001))
                .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> heap.copy(src, 0, dst, 5_000, 5_001))
                .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> heap.copy(src, -1, dst, 0, 5_000)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> heap.copy(src, 0, dst, Long.MAX_VALUE, 5_000))
                .isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> heap.copy(src, 0, dst, 0, -1)).isInstanceOf(IndexOutOfBoundsException.class);
            assertThatThrownBy(() -> heap.copy(src, 0, dst.asReadOnly(), 0, 5_000))
                .isInstanceOf(IllegalArgumentException.class);
            assertThat(dst.mismatch(MemorySegment.ofArray(new byte[10_000]))).isEqualTo(-1);
        }
    }

    @Test
    void copiesOfAClosedHeapAreRefused() {
        final SymmetricHeap heap = new SymmetricHeap(2, 10_000);
        final MemorySegment src = heap.region(0);
        final MemorySegment dst = heap.region(1);
        heap.close();
        try (SymmetricHeap other = new SymmetricHeap(2, 10_000)) {
            assertThatThrownBy(() -> heap.copy(src, 0, dst, 0, 8_192)).isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> other.copy(src, 0, other.region(1), 0, 8_192))
                .isInstanceOf(IllegalStateException.class);
            assertThatThrownBy(() -> other.copy(other.region(0), 0, dst, 0, 8_192))
                .isInstanceOf(IllegalStateException.class);
        }
    }
}

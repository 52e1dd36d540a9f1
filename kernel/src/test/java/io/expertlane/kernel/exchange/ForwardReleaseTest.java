package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Transit slots are given back once what was posted from them has been carried out. Ranks 0, 1 | 2, 3: rank 3 sends a token to rank 0, which rank 1
 * forwards over a link that is slow.
 */
class ForwardReleaseTest {
    private static final int RANKS = 4;
    private static final int TURNS = 100;
    private static final MoeShape SHAPE = new MoeShape(RANKS, 2, RANKS, 1, 64, 4);

    private final HighThroughputExchange[] ranks = new HighThroughputExchange[RANKS];
    private final SplittableRandom random = new SplittableRandom(1);
    private DelayedTransport network;

    private void turns() {
        for (int turn = 0; turn < TURNS; turn++) {
            for (final HighThroughputExchange rank : ranks) {
                rank.doWork();
                while (network.step(random)) {
                    continue;
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void aReleasedCallsRowIsNotReadFromASlotThatTheNextCallHasOverwritten(final int liveCalls) {
        final HighThroughputConfig config = HighThroughputConfig.of(SHAPE).withTimeoutNanos(1_000_000_000L).withLiveCalls(liveCalls);
        try (Arena arena = Arena.ofConfined(); SymmetricHeap heap = new SymmetricHeap(RANKS, HighThroughputExchange.heapBytes(config))) {
            network = new DelayedTransport(heap, 256, arena);
            for (int rank = 0; rank < RANKS; rank++) {
                ranks[rank] = new HighThroughputExchange(config, network, rank, WorkMeter.NONE, () -> 0);
            }
            final HighThroughputCall[] calls = new HighThroughputCall[RANKS];
            for (int rank = 0; rank < RANKS; rank++) {
                calls[rank] = ranks[rank].dispatch(filled(arena, 1), toExpert0(arena, rank == 3));
            }
            for (int turn = 0; turn < 10_000 && !calls[0].isCounted(); turn++) {
                ranks[turn % RANKS].doWork();
                network.step(random);
            }
            network.hold(1, 0);
            turns();
            for (int rank = 1; rank < RANKS; rank++) {
                if (calls[rank].isReceived()) {
                    calls[rank].release();
                }
            }
            turns();
            assertThat(calls[3].isOver()).as("over at the sender while its row is in flight").isFalse();
            if (liveCalls > 1) {
                ranks[3].dispatch(filled(arena, 2), toExpert0(arena, true));
                turns();
            }
            network.release();
            turns();
            assertThat(calls[0].isReceived()).isTrue();
            assertThat(calls[0].isLeftOut(3)).isFalse();
            assertThat(calls[0].receivedRows()).isEqualTo(1);
            assertThat(ranks[0].region().get(JAVA_BYTE, calls[0].rowOffset(0))).isEqualTo((byte) 1);
        }
    }

    private static MemorySegment filled(final Arena arena, final int value) {
        return arena.allocate(4L * SHAPE.rowBytes(), 64).fill((byte) value);
    }

    private static Routing toExpert0(final Arena arena, final boolean sends) {
        final MemorySegment weights = arena.allocate(4, 4);
        weights.set(JAVA_FLOAT, 0, 1);
        return new Routing(sends ? 1 : 0, 1, RANKS, arena.allocate(4, 4), weights);
    }
}

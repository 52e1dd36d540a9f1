package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Comebacks in high-throughput mode that meet other ranks' masks, turns in between, and what earlier attempts left behind. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class RejoinTest {
    private static final int RANKS = 3;
    private static final int GUEST = 2;
    private static final int MOST_TURNS = 1000;
    private static final int[] NOBODY = {0, 0, 0};
    private static final long TIMEOUT_NANOS = 1_000_000;
    private static final HighThroughputConfig CONFIG =
        HighThroughputConfig.of(new MoeShape(RANKS, RANKS, RANKS, RANKS, 64, 4)).withTimeoutNanos(TIMEOUT_NANOS);

    private final Arena arena = Arena.ofConfined();
    private final SymmetricHeap heap = new SymmetricHeap(RANKS, HighThroughputExchange.heapBytes(CONFIG));
    private final HighThroughputExchange[] exchanges = new HighThroughputExchange[RANKS];
    private DirectTransport transport;
    private long now;

    private void connect(final Mapping mapping) {
        transport = new DirectTransport(heap, mapping, RANKS, 64);
        Arrays.setAll(exchanges, rank -> new HighThroughputExchange(CONFIG, transport, rank, WorkMeter.NONE, () -> now));
    }

    @AfterEach
    void close() {
        transport.close();
        heap.close();
        arena.close();
    }

    @ParameterizedTest
    @EnumSource(value = Mapping.class, names = {"SELF", "ALL"})
    void aHostThatAnotherHasMaskedLetsTheGuestIn(final Mapping mapping) {
        connect(mapping);
        exchanges[0].mask(GUEST);
        exchanges[1].mask(GUEST);
        exchanges[GUEST].rejoin();
        exchanges[1].mask(0);
        until("rank 0 lets rank 2 in", () -> exchanges[0].clearMask(GUEST));
        until("rank 1 lets rank 2 in", () -> exchanges[1].clearMask(GUEST));
        until("rank 2 is in", () -> exchanges[GUEST].rejoin());
        assertThat(mask(0)).containsExactly(0, 1, 0);
        assertThat(mask(1)).containsExactly(1, 0, 0);
        assertThat(mask(GUEST)).isEqualTo(NOBODY);
    }

    @ParameterizedTest
    @EnumSource(value = Mapping.class, names = {"SELF", "ALL"})
    void aGuestMayBeDrivenBetweenItsAttempts(final Mapping mapping) {
        connect(mapping);
        exchanges[0].mask(GUEST);
        exchanges[1].mask(GUEST);
        final boolean[] in = new boolean[RANKS];
        until("all are in", () -> {
            for (int rank = 0; rank < RANKS; rank++) {
                exchanges[GUEST].doWork();
                in[rank] = in[rank] || (rank == GUEST ? exchanges[GUEST].rejoin() : exchanges[rank].clearMask(GUEST));
            }
            return in[0] && in[1] && in[GUEST];
        });
        requireComplete();
    }

    @ParameterizedTest
    @EnumSource(value = Mapping.class, names = {"SELF", "ALL"})
    void aKnockOfAnEarlierAttemptLetsNobodyIn(final Mapping mapping) {
        connect(mapping);
        exchanges[0].mask(GUEST);
        exchanges[1].mask(GUEST);
        exchanges[GUEST].rejoin();
        until("rank 0 lets rank 2 in", () -> exchanges[0].clearMask(GUEST));
        until("rank 2 goes on without rank 1", () -> exchanges[GUEST].rejoin());
        assertThat(mask(GUEST)).containsExactly(0, 1, 0);
        for (int turn = 0; turn < MOST_TURNS; turn++) {
            assertThat(exchanges[1].clearMask(GUEST)).as("rank 1 lets rank 2 in, which does not knock").isFalse();
        }
        final boolean[] in = new boolean[RANKS];
        until("all are in", () -> {
            // The guest first: it comes back once more.
            for (int rank = GUEST; rank >= 0; rank--) {
                in[rank] = in[rank] || (rank == GUEST ? exchanges[GUEST].rejoin() : exchanges[rank].clearMask(GUEST));
            }
            return in[0] && in[1] && in[GUEST];
        });
        requireComplete();
    }

    @ParameterizedTest
    @EnumSource(value = Mapping.class, names = {"SELF", "ALL"})
    void aGuestThatBeginsAnewWhileItIsLetInIsLetInAnew(final Mapping mapping) {
        connect(mapping);
        exchanges[0].mask(GUEST);
        exchanges[1].mask(GUEST);
        exchanges[GUEST].rejoin();
        // Rank 0 has taken the knock, but cannot tell rank 1.
        heap.revoke(1, 0);
        exchanges[0].clearMask(GUEST);
        exchanges[GUEST] = new HighThroughputExchange(CONFIG, transport, GUEST, WorkMeter.NONE, () -> now);
        final boolean[] in = new boolean[RANKS];
        until("all are in", () -> {
            for (int rank = GUEST; rank >= 0; rank--) {
                in[rank] = in[rank] || (rank == GUEST ? exchanges[GUEST].rejoin() : exchanges[rank].clearMask(GUEST));
            }
            return in[0] && in[1] && in[GUEST];
        });
        assertThat(mask(0)).containsExactly(0, 1, 0);
        assertThat(mask(GUEST)).isEqualTo(NOBODY);
    }

    @ParameterizedTest
    @EnumSource(value = Mapping.class, names = {"SELF", "ALL"})
    void aGuestThatIsMaskedWhileItIsLetInIsNotIn(final Mapping mapping) {
        connect(mapping);
        exchanges[0].mask(GUEST);
        exchanges[1].mask(GUEST);
        exchanges[GUEST].rejoin();
        until("rank 1 lets rank 2 in", () -> exchanges[1].clearMask(GUEST));
        until("rank 0 lets rank 2 in", () -> exchanges[0].clearMask(GUEST));
        exchanges[0].mask(GUEST);
        until("rank 2 is in", () -> exchanges[GUEST].rejoin());
        for (int turn = 0; turn < MOST_TURNS; turn++) {
            assertThat(exchanges[0].clearMask(GUEST)).as("rank 0 lets rank 2 in, which does not knock").isFalse();
            exchanges[GUEST].doWork();
        }
        assertThat(mask(0)).containsExactly(0, 0, 1);
    }

    private int[] mask(final int rank) {
        final int[] mask = new int[RANKS];
        exchanges[rank].queryMask(mask);
        return mask;
    }

    private void until(final String what, final BooleanSupplier isDone) {
        for (int turn = 0; !isDone.getAsBoolean(); turn++) {
            assertThat(turn).as(what).isLessThan(MOST_TURNS);
            now += TIMEOUT_NANOS / 100;
        }
    }

    /** A call in which every rank sends three tokens to every rank, and all of them arrive. */
    private void requireComplete() {
        final HighThroughputCall[] calls = new HighThroughputCall[RANKS];
        final MemorySegment tokens = arena.allocate(3L * CONFIG.shape().rowBytes(), 64);
        final MemorySegment experts = arena.allocate(3L * RANKS * Integer.BYTES, 4);
        final MemorySegment weights = arena.allocate(3L * RANKS * Float.BYTES, 4);
        for (int i = 0; i < 3 * RANKS; i++) {
            experts.setAtIndex(JAVA_INT, i, i % RANKS);
            weights.setAtIndex(JAVA_FLOAT, i, 0.25f);
        }
        for (int rank = 0; rank < RANKS; rank++) {
            assertThat(mask(rank)).as("mask of rank %s", rank).isEqualTo(NOBODY);
            calls[rank] = exchanges[rank].dispatch(tokens, new Routing(3, RANKS, RANKS, experts, weights));
        }
        until("all have received", () -> {
            for (final HighThroughputExchange exchange : exchanges) {
                exchange.doWork();
            }
            return Arrays.stream(calls).allMatch(HighThroughputCall::isReceived);
        });
        for (int rank = 0; rank < RANKS; rank++) {
            assertThat(mask(rank)).as("mask of rank %s", rank).isEqualTo(NOBODY);
            assertThat(calls[rank].receivedRows()).as("rows of rank %s", rank).isEqualTo(3 * RANKS);
        }
    }
}

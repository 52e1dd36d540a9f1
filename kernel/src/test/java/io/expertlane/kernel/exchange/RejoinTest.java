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

/** Ranks that join again in high-throughput mode and meet other ranks' masks, turns in between, and what earlier attempts left behind. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class RejoinTest {
    private static final int RANKS = 3;
    private static final int JOINING = 2;
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
    void aMemberThatAnotherHasMaskedGrants(final Mapping mapping) {
        connect(mapping);
        exchanges[0].mask(JOINING);
        exchanges[1].mask(JOINING);
        exchanges[JOINING].rejoin();
        exchanges[1].mask(0);
        final boolean[] in = new boolean[RANKS];
        until("all are in", () -> {
            // Both members have answered before the joining rank looks.
            for (int rank = 0; rank < RANKS; rank++) {
                in[rank] = in[rank] || (rank == JOINING ? exchanges[JOINING].rejoin() : exchanges[rank].clearMask(JOINING));
            }
            return in[0] && in[1] && in[JOINING];
        });
        assertThat(mask(0)).containsExactly(0, 1, 0);
        assertThat(mask(1)).containsExactly(1, 0, 0);
        assertThat(mask(JOINING)).isEqualTo(NOBODY);
    }

    @ParameterizedTest
    @EnumSource(value = Mapping.class, names = {"SELF", "ALL"})
    void aJoiningRankMayBeDrivenBetweenItsSteps(final Mapping mapping) {
        connect(mapping);
        exchanges[0].mask(JOINING);
        exchanges[1].mask(JOINING);
        final boolean[] in = new boolean[RANKS];
        until("all are in", () -> {
            for (int rank = 0; rank < RANKS; rank++) {
                exchanges[JOINING].doWork();
                in[rank] = in[rank] || (rank == JOINING ? exchanges[JOINING].rejoin() : exchanges[rank].clearMask(JOINING));
            }
            return in[0] && in[1] && in[JOINING];
        });
        requireComplete();
    }

    @ParameterizedTest
    @EnumSource(value = Mapping.class, names = {"SELF", "ALL"})
    void aRequestOfAnEarlierAttemptIsNotAnswered(final Mapping mapping) {
        connect(mapping);
        exchanges[0].mask(JOINING);
        exchanges[1].mask(JOINING);
        exchanges[JOINING].rejoin();
        until("rank 0 has rank 2 as a member", () -> !exchanges[JOINING].rejoin() && exchanges[0].clearMask(JOINING));
        until("rank 2 goes on without rank 1", () -> exchanges[JOINING].rejoin());
        assertThat(mask(JOINING)).containsExactly(0, 1, 0);
        for (int turn = 0; turn < MOST_TURNS; turn++) {
            assertThat(exchanges[1].clearMask(JOINING)).as("rank 1 takes rank 2, which does not request to join").isFalse();
        }
        final boolean[] in = new boolean[RANKS];
        until("all are in", () -> {
            // The joining rank first: it joins once more.
            for (int rank = JOINING; rank >= 0; rank--) {
                in[rank] = in[rank] || (rank == JOINING ? exchanges[JOINING].rejoin() : exchanges[rank].clearMask(JOINING));
            }
            return in[0] && in[1] && in[JOINING];
        });
        requireComplete();
    }

    @ParameterizedTest
    @EnumSource(value = Mapping.class, names = {"SELF", "ALL"})
    void aRankThatStartsAgainWhileItJoinsIsAnsweredAgain(final Mapping mapping) {
        connect(mapping);
        exchanges[0].mask(JOINING);
        exchanges[1].mask(JOINING);
        exchanges[JOINING].rejoin();
        // Rank 0 has seen the request, but cannot report to rank 1.
        heap.revoke(1, 0);
        exchanges[0].clearMask(JOINING);
        exchanges[JOINING] = new HighThroughputExchange(CONFIG, transport, JOINING, WorkMeter.NONE, () -> now);
        final boolean[] in = new boolean[RANKS];
        until("all are in", () -> {
            for (int rank = JOINING; rank >= 0; rank--) {
                in[rank] = in[rank] || (rank == JOINING ? exchanges[JOINING].rejoin() : exchanges[rank].clearMask(JOINING));
            }
            return in[0] && in[1] && in[JOINING];
        });
        assertThat(mask(0)).containsExactly(0, 1, 0);
        assertThat(mask(JOINING)).isEqualTo(NOBODY);
    }

    @ParameterizedTest
    @EnumSource(value = Mapping.class, names = {"SELF", "ALL"})
    void aRankThatIsMaskedWhileItJoinsIsNoMember(final Mapping mapping) {
        connect(mapping);
        exchanges[0].mask(JOINING);
        exchanges[1].mask(JOINING);
        exchanges[JOINING].rejoin();
        until("rank 1 has rank 2 as a member", () -> !exchanges[JOINING].rejoin() && exchanges[1].clearMask(JOINING));
        until("rank 0 has rank 2 as a member", () -> !exchanges[JOINING].rejoin() && exchanges[0].clearMask(JOINING));
        exchanges[0].mask(JOINING);
        until("rank 2 is in", () -> exchanges[JOINING].rejoin());
        for (int turn = 0; turn < MOST_TURNS; turn++) {
            assertThat(exchanges[0].clearMask(JOINING)).as("rank 0 takes rank 2, which does not request to join").isFalse();
            exchanges[JOINING].doWork();
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

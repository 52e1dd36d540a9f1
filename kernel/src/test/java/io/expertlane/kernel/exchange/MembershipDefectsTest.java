package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Schedules that once gave wrong rows, hung, or masked healthy ranks: three ranks, of which rank 2 joins again, each kept by what was wrong. Times
 * are those of a virtual clock.
 */
class MembershipDefectsTest {
    private static final int RANKS = 3;
    private static final int JOINING = 2;
    private static final long TIMEOUT_NANOS = 1_000_000;

    private final Arena arena = Arena.ofConfined();
    private final MoeShape shape = new MoeShape(RANKS, RANKS, RANKS, 1, 64, 4);
    private final List<AutoCloseable> resources = new ArrayList<>();
    private final Rank[] ranks = new Rank[RANKS];
    private boolean isLowLatency;
    private TransferPath path;
    private SymmetricHeap heap;
    private DirectTransport transport;
    private long now = 1_000_000_000;

    /** One rank of either mode. */
    private final class Rank {
        private final LowLatencyExchange low;
        private final HighThroughputExchange high;

        Rank(final int rank) {
            low = isLowLatency ? new LowLatencyExchange(lowLatency(), transport, rank, WorkMeter.NONE, () -> now) : null;
            high = isLowLatency ? null : new HighThroughputExchange(highThroughput(), transport, rank, WorkMeter.NONE, () -> now);
        }

        int doWork() {
            return low == null ? high.doWork() : low.doWork();
        }

        boolean rejoin() {
            return low == null ? high.rejoin() : low.rejoin();
        }

        boolean clearMask(final int peer) {
            return low == null ? high.clearMask(peer) : low.clearMask(peer);
        }

        void mask(final int peer) {
            if (low == null) {
                high.mask(peer);
            } else {
                low.mask(peer);
            }
        }

        boolean isMasked(final int peer) {
            return low == null ? high.isMasked(peer) : low.isMasked(peer);
        }

        Call dispatch(final int tokens, final int expert) {
            final MemorySegment rows = arena.allocate(4L * shape.rowBytes(), 64);
            final MemorySegment experts = arena.allocate(16, 4);
            final MemorySegment weights = arena.allocate(16, 4);
            for (int i = 0; i < tokens; i++) {
                experts.setAtIndex(JAVA_INT, i, expert);
                weights.setAtIndex(JAVA_FLOAT, i, 1);
            }
            final Routing routing = new Routing(tokens, 1, RANKS, experts, weights);
            if (low == null) {
                return new Call(null, high.dispatch(rows, routing));
            }
            final LowLatencyCall call = low.dispatch(rows, routing);
            call.receive();
            return new Call(call, null);
        }
    }

    private record Call(LowLatencyCall low, HighThroughputCall high) {
        boolean isReceived() {
            return low == null ? high.isReceived() : low.isReceived();
        }

        int rows() {
            return low == null ? high.receivedRows() : low.count(0);
        }

        boolean isLeftOut(final int peer) {
            return low == null ? high.isLeftOut(peer) : low.isLeftOut(peer);
        }

        void release() {
            if (low == null) {
                high.release();
            } else {
                low.release();
            }
        }

        boolean isOver() {
            return low == null ? high.isOver() : low.isOver();
        }
    }

    private LowLatencyConfig lowLatency() {
        return LowLatencyConfig.of(shape).withTimeoutNanos(TIMEOUT_NANOS).withPath(path);
    }

    private HighThroughputConfig highThroughput() {
        return HighThroughputConfig.of(shape).withTimeoutNanos(TIMEOUT_NANOS).withLiveCalls(2).withPath(path);
    }

    private void connect(final boolean lowLatency, final TransferPath of) {
        isLowLatency = lowLatency;
        path = of;
        heap = new SymmetricHeap(RANKS, lowLatency ? LowLatencyExchange.heapBytes(lowLatency()) : HighThroughputExchange.heapBytes(highThroughput()));
        transport = new DirectTransport(heap, DirectTransport.Mapping.SELF, RANKS, 256);
        resources.add(transport);
        resources.add(heap);
        for (int rank = 0; rank < RANKS; rank++) {
            ranks[rank] = new Rank(rank);
        }
    }

    @AfterEach
    void close() throws Exception {
        for (final AutoCloseable resource : resources) {
            resource.close();
        }
        arena.close();
    }

    private void start(final int rank) {
        ranks[rank] = new Rank(rank);
    }

    private boolean until(final double timeouts, final BooleanSupplier isDone) {
        final long end = now + (long) (timeouts * TIMEOUT_NANOS);
        while (!isDone.getAsBoolean()) {
            now += TIMEOUT_NANOS / 50;
            if (now > end) {
                return false;
            }
        }
        return true;
    }

    private boolean join(final double timeouts) {
        final boolean[] in = new boolean[RANKS];
        return until(timeouts, () -> {
            for (int rank = 0; rank < RANKS; rank++) {
                in[rank] = in[rank] || (rank == JOINING ? ranks[rank].rejoin() : ranks[rank].clearMask(JOINING));
            }
            return in[0] && in[1] && in[2];
        });
    }

    private boolean drive(final double timeouts, final BooleanSupplier isDone) {
        return until(timeouts, () -> {
            for (final Rank rank : ranks) {
                rank.doWork();
            }
            return isDone.getAsBoolean();
        });
    }

    private void requireCompleteCall() {
        final Call[] calls = new Call[RANKS];
        for (int rank = 0; rank < RANKS; rank++) {
            calls[rank] = ranks[rank].dispatch(1, (rank + 1) % RANKS);
        }
        assertThat(drive(9, () -> calls[0].isReceived() && calls[1].isReceived() && calls[2].isReceived())).isTrue();
        for (int rank = 0; rank < RANKS; rank++) {
            assertThat(calls[rank].rows()).isEqualTo(1);
            for (int peer = 0; peer < RANKS; peer++) {
                assertThat(calls[rank].isLeftOut(peer)).as("rank %s without rank %s", rank, peer).isFalse();
            }
            calls[rank].release();
        }
        assertThat(drive(9, () -> calls[0].isOver() && calls[1].isOver() && calls[2].isOver())).isTrue();
    }

    @ParameterizedTest(name = "low latency {0}, {1}")
    @CsvSource({"true, ZERO", "true, RING", "false, ZERO", "false, RING"})
    void whatAnEarlierLifeSentInTheSameGapIsNotReceived(final boolean lowLatency, final TransferPath of) {
        connect(lowLatency, of);
        ranks[0].mask(JOINING);
        ranks[1].mask(JOINING);
        start(JOINING);
        assertThat(join(9)).isTrue();
        ranks[JOINING].dispatch(1, 0);
        for (int turn = 0; turn < 50; turn++) {
            ranks[JOINING].doWork();
        }
        start(JOINING);
        assertThat(join(9)).isTrue();
        final Call[] calls = new Call[RANKS];
        for (int rank = 0; rank < RANKS; rank++) {
            calls[rank] = ranks[rank].dispatch(rank == JOINING ? 3 : 0, 1);
        }
        assertThat(drive(9, () -> calls[0].isReceived() && calls[1].isReceived())).isTrue();
        assertThat(calls[0].isLeftOut(JOINING)).isFalse();
        assertThat(calls[1].isLeftOut(JOINING)).isFalse();
        assertThat(calls[0].rows()).isZero();
        assertThat(calls[1].rows()).isEqualTo(3);
    }

    @ParameterizedTest
    @EnumSource(TransferPath.class)
    void aGrantOfAnEarlierAttemptDoesNotCountAndADeadRankIsNotLetIn(final TransferPath of) {
        connect(true, of);
        ranks[0].mask(JOINING);
        ranks[1].mask(JOINING);
        start(JOINING);
        ranks[JOINING].rejoin();
        ranks[0].clearMask(JOINING);
        ranks[0].mask(JOINING);
        start(JOINING);
        assertThat(until(0.5, () -> ranks[JOINING].rejoin() | ranks[1].clearMask(JOINING) && ranks[JOINING].rejoin()))
            .as("in by rank 1 alone, before a time-out").isFalse();
        for (int turn = 0; turn < 1000; turn++) {
            assertThat(ranks[0].clearMask(JOINING)).as("rank 2 is dead by now").isFalse();
        }
    }

    @ParameterizedTest
    @EnumSource(TransferPath.class)
    void nextCallsHaveOneNumberThoughARankRanAhead(final TransferPath of) {
        connect(true, of);
        requireCompleteCall();
        ranks[0].mask(JOINING);
        ranks[1].mask(JOINING);
        ranks[JOINING].dispatch(0, 0);
        ranks[JOINING].dispatch(0, 0);
        assertThat(join(9)).isTrue();
        start(1);
        final boolean[] in = new boolean[RANKS];
        assertThat(until(9, () -> {
            for (int rank = 0; rank < RANKS; rank++) {
                in[rank] = in[rank] || (rank == 1 ? ranks[1].rejoin() : ranks[rank].clearMask(1));
            }
            return in[0] && in[1] && in[2];
        })).isTrue();
        requireCompleteCall();
    }

    @ParameterizedTest(name = "low latency {0}, {1}")
    @CsvSource({"true, ZERO", "true, RING", "false, ZERO", "false, RING"})
    void liveCallsExcludeTheOldLifeAndTheNextIsComplete(final boolean lowLatency, final TransferPath of) {
        connect(lowLatency, of);
        final Call[] calls = {ranks[0].dispatch(0, 0), ranks[1].dispatch(0, 0)};
        start(JOINING);
        assertThat(join(9)).isTrue();
        assertThat(until(9, () -> ranks[0].doWork() + ranks[1].doWork() < 0 || calls[0].isReceived() && calls[1].isReceived())).isTrue();
        for (final Call call : calls) {
            assertThat(call.isLeftOut(JOINING)).isTrue();
            call.release();
        }
        assertThat(until(9, () -> ranks[0].doWork() + ranks[1].doWork() < 0 || calls[0].isOver() && calls[1].isOver())).isTrue();
        requireCompleteCall();
    }

    @ParameterizedTest(name = "low latency {0}, {1}")
    @CsvSource({"true, ZERO", "true, RING", "false, ZERO", "false, RING"})
    void aMemberThatOnlyClearsAMaskSendsHeartbeats(final boolean lowLatency, final TransferPath of) {
        connect(lowLatency, of);
        ranks[0].mask(JOINING);
        ranks[1].mask(JOINING);
        ranks[0].dispatch(0, 0);
        assertThat(until(3.5, () -> {
            ranks[0].doWork();
            ranks[1].clearMask(JOINING);
            return ranks[0].isMasked(1);
        })).as("rank 0 masks rank 1").isFalse();
    }

    @ParameterizedTest(name = "low latency {0}, {1}")
    @CsvSource({"true, ZERO", "true, RING", "false, ZERO", "false, RING"})
    void aJoiningRankThatWaitsForADeadOneIsNotMasked(final boolean lowLatency, final TransferPath of) {
        connect(lowLatency, of);
        ranks[0].mask(JOINING);
        start(JOINING);
        assertThat(until(9, () -> !ranks[JOINING].rejoin() && ranks[0].clearMask(JOINING))).isTrue();
        ranks[0].dispatch(0, 0);
        final boolean[] in = new boolean[1];
        assertThat(until(9, () -> {
            in[0] = in[0] || ranks[JOINING].rejoin();
            ranks[0].doWork();
            assertThat(ranks[0].isMasked(JOINING)).isFalse();
            return in[0];
        })).isTrue();
        assertThat(ranks[JOINING].isMasked(1)).isTrue();
    }

    @ParameterizedTest(name = "low latency {0}, {1}")
    @CsvSource({"true, ZERO", "true, RING", "false, ZERO", "false, RING"})
    void restartsLeakNoRoomInTheCompletionQueue(final boolean lowLatency, final TransferPath of) {
        connect(lowLatency, of);
        for (int round = 0; round < 400; round++) {
            ranks[JOINING].dispatch(4, 0);
            ranks[JOINING].doWork();
            ranks[JOINING].doWork();
            heap.revoke(JOINING);
            start(JOINING);
            assertThat(join(9)).as("restart %s", round).isTrue();
        }
    }

    @ParameterizedTest(name = "low latency {0}, {1}")
    @CsvSource({"true, ZERO", "true, RING", "false, ZERO", "false, RING"})
    void aSecondExchangeOnAHeapInUseIsRefused(final boolean lowLatency, final TransferPath of) {
        connect(lowLatency, of);
        ranks[0].dispatch(1, 1);
        final Rank first = ranks[0];
        start(0);
        assertThatThrownBy(() -> ranks[0].dispatch(1, 1)).isInstanceOf(IllegalStateException.class)
            .hasMessage("rank 0: has started again on a heap in use, rejoin() until it is a member");
        assertThatThrownBy(first::doWork).isInstanceOf(IllegalStateException.class)
            .hasMessage("exchange of rank 0: superseded by another one on the same heap");
    }

    @ParameterizedTest(name = "low latency {0}, {1}")
    @CsvSource({"true, ZERO", "true, RING", "false, ZERO", "false, RING"})
    void aRankMayBeginToJoinLongBeforeTheMembersClearItsMask(final boolean lowLatency, final TransferPath of) {
        connect(lowLatency, of);
        ranks[0].mask(JOINING);
        ranks[1].mask(JOINING);
        start(JOINING);
        assertThat(until(1.5, () -> ranks[JOINING].rejoin())).isFalse();
        assertThat(join(9)).isTrue();
        assertThat(ranks[JOINING].isMasked(0)).isFalse();
        assertThat(ranks[JOINING].isMasked(1)).isFalse();
        requireCompleteCall();
    }
}

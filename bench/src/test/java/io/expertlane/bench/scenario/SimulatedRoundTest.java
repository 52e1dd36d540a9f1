package io.expertlane.bench.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.memory.Pages;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.profile.ClusterProfile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What a round is but its times, which other tests look at. */
class SimulatedRoundTest {
    private static final int RANKS = 16;
    private static final int TOKENS = 32;
    private static final long SEED = 17;
    private static final int CALLS = 20;
    private static final int MOST_BLOCKS = 60;
    private static final int CLEAN_BLOCKS = 5;

    private final MemorySegment[] nothing = new MemorySegment[RANKS];

    private static SimulatedRound round(final TransferPath path, final MoeShape shape, final Arena arena) {
        final ExchangeKind kind = new ExchangeKind(ExchangeKind.Mode.LL, path, DispatchType.FP8, CombineMethod.PUSH,
            false,
            ExchangeKind.lowLatency(DispatchType.FP8, Payload.OMITTED).segmentBytes(), 1,
            ExchangeKind.DEFAULT_CHUNK_TOKENS,
            ExchangeKind.DEFAULT_RING_TOKENS, 32, Payload.OMITTED);
        final ClusterProfile cluster = ClusterProfile.ofName(ClusterProfile.DEFAULT_NAME);
        return new SimulatedRound(RANKS, kind.heapBytes(shape), kind.pages(), cluster, PortPolicy.PREALLOCATED,
            cluster.host().kernels().lowLatencySms(),
            path == TransferPath.RING, kind.rounds(shape, ExpertStep.IDENTITY, arena));
    }

    /**
     * Kernel, hosts, NICs, fabric and event queue together: once arrays have grown and the compiler is through, not a
     * byte, whatever the path.
     */
    @ParameterizedTest
    @EnumSource(TransferPath.class)
    void simulatesWithoutAllocation(final TransferPath path) {
        final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        final MoeShape shape = new MoeShape(RANKS, 8, 64, 4, 1024, TOKENS);
        Arrays.fill(nothing, MemorySegment.NULL);
        try (Arena arena = Arena.ofShared(); SimulatedRound round = round(path, shape, arena)) {
            final Routing[] routings = DrawnRouting.uniform().routings(shape, TOKENS, SEED, arena);
            long allocatedBytes = Long.MAX_VALUE;
            long events = 0;
            int clean = 0;
            for (int block = 0; block < MOST_BLOCKS && clean < CLEAN_BLOCKS; block++) {
                final long eventsBefore = round.events();
                final long before = threads.getCurrentThreadAllocatedBytes();
                for (int call = 0; call < CALLS; call++) {
                    round.simulateDispatch(nothing, routings);
                    round.simulateCombine(nothing);
                }
                allocatedBytes = threads.getCurrentThreadAllocatedBytes() - before;
                events = round.events() - eventsBefore;
                clean = allocatedBytes == 0 ? clean + 1 : 0;
            }
            assertThat(events).as("events of %d calls", CALLS).isGreaterThan((long) CALLS * RANKS * TOKENS);
            assertThat(clean).as("blocks of %d calls one after another without allocation; bytes of the last one: %d",
                CALLS, allocatedBytes).isEqualTo(CLEAN_BLOCKS);
        }
    }

    /** Leaving results out changes nothing that is simulated. */
    @Test
    void simulatesTheSameWithAndWithoutResults() {
        final MoeShape shape = new MoeShape(RANKS, 8, 64, 4, 1024, TOKENS);
        Arrays.fill(nothing, MemorySegment.NULL);
        try (Arena arena = Arena.ofShared(); SimulatedRound with = round(TransferPath.ZERO, shape, arena);
             SimulatedRound without = round(TransferPath.ZERO, shape, arena)) {
            final Routing[] routings = DrawnRouting.uniform().routings(shape, TOKENS, SEED, arena);
            for (int call = 0; call < 3; call++) {
                assertThat(Arrays.stream(with.dispatch(nothing, routings))).hasSize(RANKS)
                    .allMatch(micros -> micros > 0);
                assertThat(Arrays.stream(with.combine(nothing))).hasSize(RANKS).allMatch(micros -> micros > 0);
                without.simulateDispatch(nothing, routings);
                without.simulateCombine(nothing);
                assertThat(without.eventStreamHash()).as("call %d", call).isEqualTo(with.eventStreamHash());
            }
        }
    }

    /**
     * A rank that cannot be connected leaves nothing open: neither the heap nor the queues of those before it,
     * simulated or for real.
     */
    @Test
    void freesItsMemoryWhenARankCannotBeConnected() {
        final ClusterProfile cluster = ClusterProfile.ofName(ClusterProfile.DEFAULT_NAME);
        final List<MemorySegment> memory = new ArrayList<>();
        final Round.Factory failing = (transport, rank, meter, nanoClock) -> {
            memory.add(transport.heap().region(rank));
            memory.add(transport.connect(rank, rank + 1, 8, 0).memory());
            throw new IllegalArgumentException("rank=" + rank + ": refused");
        };
        assertThatThrownBy(() -> new SimulatedRound(RANKS, 4096, Pages.BASE, cluster, PortPolicy.PREALLOCATED, 1, false,
            failing)).hasMessage("rank=0: refused");
        assertThatThrownBy(() -> new ExchangeTeam(RANKS, RANKS, 4096, Pages.BASE, DirectTransport.Mapping.SELF, failing,
            1)).hasMessage("rank=0: refused");
        assertThat(memory).hasSize(4).noneMatch(segment -> segment.scope().isAlive());
    }

    /** Nor do ranks that are connected and cannot be driven. */
    @Test
    void freesItsMemoryWhenThreadsAreRefused() {
        final List<MemorySegment> memory = new ArrayList<>();
        final Round.Factory none = (transport, rank, meter, nanoClock) -> {
            memory.add(transport.connect(rank, (rank + 1) % RANKS, 8, 0).memory());
            return null;
        };
        assertThatThrownBy(() -> new ExchangeTeam(RANKS, RANKS, 4096, Pages.BASE, DirectTransport.Mapping.SELF, none,
            0)).hasMessage("threads=0: at least 1");
        assertThat(memory).hasSize(RANKS).noneMatch(segment -> segment.scope().isAlive());
    }
}

package io.expertlane.bench.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.profile.ClusterProfile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * How evenly the two ports of each NIC are loaded, in dispatch and in combine, where everything is split over two queue
 * pairs: source paper, L1, in both modes and over both paths. The gate's skew is of the kind that is recorded of real
 * ones.
 */
class PortBalanceTest {
    private static final int TOKENS = 128;
    private static final int EXPERTS = 64;
    private static final int TOP_K = 6;
    private static final int HIDDEN = 2048;
    private static final double SKEW = 1;
    private static final long SEED = 20_261_130;
    private static final double MOST_UNEVEN = 1.01;

    @ParameterizedTest
    @CsvSource({"LL,ZERO,8", "LL,RING,8", "HT,ZERO,8", "HT,RING,8", "LL,ZERO,16", "LL,RING,16", "HT,ZERO,16",
        "HT,RING,16"})
    void splitWritesLoadThePortsOfEveryNicEvenly(final ExchangeKind.Mode mode, final TransferPath path,
    final int ranks) {
        for (final double ratio : portRatios(mode, path, ranks, true)) {
            assertThat(ratio).as("larger over smaller port of the worst NIC, dispatch or combine, seed=%s", SEED)
                .isBetween(1.0, MOST_UNEVEN);
        }
        assertThat(Arrays.stream(portRatios(mode, path, ranks, false)).max().getAsDouble())
            .as("the same routing, not split, seed=%s", SEED)
            .isGreaterThan(MOST_UNEVEN);
    }

    /** Larger over smaller port of the worst NIC, in dispatch and in combine. */
    private static double[] portRatios(final ExchangeKind.Mode mode, final TransferPath path, final int ranks,
        final boolean split) {
        final boolean isLowLatency = mode == ExchangeKind.Mode.LL;
        final ClusterProfile cluster = ClusterProfile.ofName(ClusterProfile.DEFAULT_NAME);
        final int sms = isLowLatency ? cluster.host().kernels().lowLatencySms() : cluster.host().communicationSms();
        final MoeShape shape = new MoeShape(ranks, cluster.ranksPerNode(), EXPERTS, TOP_K, HIDDEN, TOKENS);
        final ExchangeKind kind = new ExchangeKind(mode, path, DispatchType.FP8, CombineMethod.PUSH, split,
            LowLatencyConfig.NO_SEGMENTATION, 1,
            isLowLatency ? LowLatencyConfig.DEFAULT_CHUNK_TOKENS : ExchangeKind.DEFAULT_CHUNK_TOKENS,
            isLowLatency ? LowLatencyConfig.DEFAULT_RING_TOKENS : ExchangeKind.DEFAULT_RING_TOKENS, 32,
            Payload.OMITTED);
        final MemorySegment[] nothing = new MemorySegment[ranks];
        Arrays.fill(nothing, MemorySegment.NULL);
        try (Arena arena = Arena.ofConfined();
             SimulatedRound round = new SimulatedRound(ranks, kind.heapBytes(shape), kind.pages(), cluster,
                 PortPolicy.PREALLOCATED, sms, path == TransferPath.RING,
                 kind.rounds(shape, ExpertStep.IDENTITY, arena))) {
            final Routing[] routings = DrawnRouting.zipf(SKEW).routings(shape, TOKENS, SEED, arena);
            final long[][] before = portBytes(round, ranks, cluster.nic().ports());
            round.simulateDispatch(nothing, routings);
            final long[][] dispatched = portBytes(round, ranks, cluster.nic().ports());
            round.simulateCombine(nothing);
            return new double[] {worstRatio(before, dispatched),
                worstRatio(dispatched, portBytes(round, ranks, cluster.nic().ports()))};
        }
    }

    private static long[][] portBytes(final SimulatedRound round, final int ranks, final int ports) {
        final long[][] bytes = new long[ranks][ports];
        for (int rank = 0; rank < ranks; rank++) {
            for (int port = 0; port < ports; port++) {
                bytes[rank][port] = round.portBytes(rank, port);
            }
        }
        return bytes;
    }

    private static double worstRatio(final long[][] before, final long[][] after) {
        double worst = 0;
        for (int rank = 0; rank < after.length; rank++) {
            long most = 0;
            long least = Long.MAX_VALUE;
            for (int port = 0; port < after[rank].length; port++) {
                most = Math.max(most, after[rank][port] - before[rank][port]);
                least = Math.min(least, after[rank][port] - before[rank][port]);
            }
            worst = Math.max(worst, (double) most / least);
        }
        return worst;
    }
}

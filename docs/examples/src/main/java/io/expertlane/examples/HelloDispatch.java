package io.expertlane.examples;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.exchange.ExchangeConfig;
import io.expertlane.kernel.exchange.LocalCluster;
import io.expertlane.kernel.exchange.ReceivedRows;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.time.Simulation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;

/**
 * Dispatch and combine of four ranks whose experts return what they get, and a check that it comes back: in memory, and
 * the same program on modelled NICs. README.md has it in one piece.
 *
 * <p>Prints how far off the worst value is, in both modes and both ways. Arguments: none.
 */
public final class HelloDispatch {
    private static final MoeShape SHAPE = new MoeShape(4, 2, 16, 4, 512, 32);

    private HelloDispatch() {
    }

    static ExchangeConfig[] configs() {
        return new ExchangeConfig[] {ExchangeConfig.lowLatency(SHAPE), ExchangeConfig.highThroughput(SHAPE, 4)};
    }

    /** Dispatch, experts, combine; the largest relative difference between what came back and what was sent. */
    static double worstError(final LocalCluster cluster) {
        try (Arena arena = Arena.ofShared()) {
            final MemorySegment[] tokens = new MemorySegment[SHAPE.ranks()];
            final MemorySegment[] combined = new MemorySegment[SHAPE.ranks()];
            Arrays.setAll(tokens, rank -> arena.allocate(32L * SHAPE.rowBytes()).fill((byte) (0x3f - rank)));
            Arrays.setAll(combined, rank -> arena.allocate(32L * SHAPE.rowBytes()));
            cluster.dispatch(tokens, DrawnRouting.uniform().routings(SHAPE, 32, 7, arena));
            cluster.forEachRow((rank, rows) -> runExpert(rows));
            cluster.combine(combined);
            double worst = 0;
            for (int rank = 0; rank < SHAPE.ranks(); rank++) {
                for (long i = 0; i < 32L * SHAPE.hidden(); i++) {
                    final float sent = Bfloat16.toFloat(tokens[rank].getAtIndex(JAVA_SHORT, i));
                    final float sum = Bfloat16.toFloat(combined[rank].getAtIndex(JAVA_SHORT, i));
                    worst = Math.max(worst, Math.abs(sum / sent - 1));
                }
            }
            return worst;
        }
    }

    /** Returns the row times its weight: the sum of its experts', or 1 where combine applies weights. */
    private static void runExpert(final ReceivedRows rows) {
        float weight = 0;
        for (int i = 0; i < rows.experts(); i++) {
            weight += rows.weight(i);
        }
        final MemorySegment memory = rows.memory();
        rows.read(memory, rows.outputOffset());
        RowCodec.best().scale(memory, rows.outputOffset(), memory, rows.outputOffset(), SHAPE.hidden(), weight);
    }

    static double inMemory(final ExchangeConfig config) {
        try (LocalCluster cluster = LocalCluster.connect(config)) {
            return worstError(cluster);
        }
    }

    static double onModelledNics(final ExchangeConfig config) {
        try (SymmetricHeap heap = new SymmetricHeap(SHAPE.ranks(), config.heapBytes());
             SimulatedTransport transport =
                 new SimulatedTransport(heap, ClusterProfile.h20Cx7Dual(), PortPolicy.EXPLICIT, 1024)) {
            final Simulation time = transport.simulation();
            try (LocalCluster cluster =
                     LocalCluster.connect(config, transport, () -> time.nowPicos() / 1000, time::step)) {
                return worstError(cluster);
            }
        }
    }

    /** Runs it in both modes, in memory and on modelled NICs. */
    public static void main(final String[] arguments) {
        for (final ExchangeConfig config : configs()) {
            System.out.printf(Locale.ROOT, "%s: in memory off by %.4f, on modelled NICs by %.4f%n",
                config.mode().getClass().getSimpleName(), inMemory(config), onModelledNics(config));
        }
    }
}

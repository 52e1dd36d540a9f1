package io.expertlane.examples;

import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyCall;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.WorkMeter;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;

/**
 * The kernels on somebody else's network: a dispatch of all ranks over {@link ForeignSimulator}. The worked example of
 * docs/embedding.md.
 *
 * <p>Prints how long a dispatch takes at two rates of the links. Arguments: none.
 */
public final class OwnTransport {
    private OwnTransport() {
    }

    // example begins
    /** Time of one dispatch of every rank over the simulator's links, in nanoseconds. */
    static long dispatchNanos(final MoeShape shape, final double bytesPerNano, final long latencyNanos) {
        final LowLatencyConfig config = LowLatencyConfig.of(shape).withDispatchType(DispatchType.FP8)
            .withPayload(Payload.OMITTED);
        try (Arena arena = Arena.ofConfined();
             SymmetricHeap heap = new SymmetricHeap(shape.ranks(), LowLatencyExchange.heapBytes(config));
             ForeignSimulator network = new ForeignSimulator(heap, bytesPerNano, latencyNanos)) {
            final LowLatencyExchange[] exchanges = new LowLatencyExchange[shape.ranks()];
            for (int rank = 0; rank < exchanges.length; rank++) {
                exchanges[rank] = new LowLatencyExchange(config, network, rank, WorkMeter.NONE, network::nowNanos);
            }
            final Routing[] routings = DrawnRouting.uniform().routings(shape, shape.maxTokensPerRank(), 7, arena);
            final LowLatencyCall[] calls = new LowLatencyCall[exchanges.length];
            for (int rank = 0; rank < exchanges.length; rank++) {
                calls[rank] = exchanges[rank].dispatch(MemorySegment.NULL, routings[rank]);
                calls[rank].receive();
            }
            int received = 0;
            while (received < calls.length) {
                int work = 0;
                received = 0;
                for (int rank = 0; rank < exchanges.length; rank++) {
                    work += exchanges[rank].doWork();
                    received += calls[rank].isReceived() ? 1 : 0;
                }
                if (work == 0 && !network.step()) {
                    throw new IllegalStateException("nothing left to happen, and not all rows received");
                }
            }
            return network.nowNanos();
        }
    }
    // example ends

    /** Runs it with 8 ranks and links of 50 and 100 GB/s. */
    public static void main(final String[] arguments) {
        final MoeShape shape = new MoeShape(8, 8, 64, 8, 7168, 32);
        for (final double bytesPerNano : new double[] {50, 100}) {
            System.out.printf(Locale.ROOT, "dispatch of 32 tokens a rank over links of %.0f GB/s: %.1f us%n",
                bytesPerNano,
                dispatchNanos(shape, bytesPerNano, 2000) / 1e3);
        }
    }
}

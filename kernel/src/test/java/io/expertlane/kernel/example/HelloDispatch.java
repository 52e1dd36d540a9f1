package io.expertlane.kernel.example;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.exchange.ExchangeConfig;
import io.expertlane.kernel.exchange.LocalCluster;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Dispatch and combine of four ranks whose experts return what they get: each token comes back, since its weights' sum
 * is 1.
 */
final class HelloDispatch {
    private HelloDispatch() {
    }

    // example begins
    public static void main(final String[] arguments) {
        final MoeShape shape = new MoeShape(4, 2, 16, 4, 512, 32);        // last: experts, top-k, hidden, tokens
        final ExchangeConfig config = ExchangeConfig.lowLatency(shape);   // or .highThroughput(shape, 4)
        try (Arena arena = Arena.ofShared(); LocalCluster cluster = LocalCluster.connect(config)) {
            final MemorySegment[] tokens = new MemorySegment[4];
            final MemorySegment[] combined = new MemorySegment[4];
            Arrays.setAll(combined, rank -> arena.allocate(32L * shape.rowBytes()));
            Arrays.setAll(tokens, rank -> arena.allocate(32L * shape.rowBytes()).fill((byte) (0x3f - rank)));
            cluster.dispatch(tokens, DrawnRouting.uniform().routings(shape, 32, 7, arena));
            cluster.forEachRow((rank, rows) -> {
                float weight = 0;                                         // 1 in low latency, where combine weighs
                for (int i = 0; i < rows.experts(); i++) {
                    weight += rows.weight(i);
                }
                final long row = rows.outputOffset();
                rows.read(rows.memory(), row);
                RowCodec.best().scale(rows.memory(), row, rows.memory(), row, shape.hidden(), weight);
            });
            cluster.combine(combined);
            for (int rank = 0; rank < 4; rank++) {
                final float sent = Bfloat16.toFloat(tokens[rank].get(JAVA_SHORT, 0));
                final float sum = Bfloat16.toFloat(combined[rank].get(JAVA_SHORT, 0));
                System.out.println("rank " + rank + (Math.abs(sum / sent - 1) < 0.01 ? ": right" : ": wrong, " + sum));
            }
        }
    }
    // example ends
}

package io.expertlane.bench.scenario;

import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.moe.MoeShape;
import java.lang.foreign.MemorySegment;

/**
 * Stands for the experts' computation: cheap, and different for every expert, so that a row from the wrong one is seen.
 */
public enum ExpertStep {
    /** y = x. */
    IDENTITY {
        @Override
        float factor(final int expert, final int experts) {
            return 1f;
        }
    },
    /** y = bf16(x * (1 + e / E)) for global expert e. */
    SCALE {
        @Override
        float factor(final int expert, final int experts) {
            return 1f + (float) expert / experts;
        }
    };

    abstract float factor(int expert, int experts);

    /**
     * Computes one output row from a received row; with FP8 dispatch the expert sees the de-quantised row, rounded to
     * BF16.
     */
    void apply(final LowLatencyExchange exchange, final int localExpert, final long rowOffset,
        final long outputOffset) {
        final MoeShape shape = exchange.config().shape();
        final MemorySegment region = exchange.region();
        final float factor = factor(exchange.rank() * shape.localExperts() + localExpert, shape.experts());
        if (exchange.config().dispatchType() == DispatchType.FP8 || this == IDENTITY) {
            exchange.readRow(rowOffset, region, outputOffset);
            if (this != IDENTITY) {
                RowCodec.best().scale(region, outputOffset, region, outputOffset, shape.hidden(), factor);
            }
        } else {
            RowCodec.best().scale(region, rowOffset, region, outputOffset, shape.hidden(), factor);
        }
    }
}

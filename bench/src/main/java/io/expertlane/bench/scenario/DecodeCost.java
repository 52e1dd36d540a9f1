package io.expertlane.bench.scenario;

import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.GpuProfile;

/**
 * Time of what a decode step computes between its dispatches and combines, by a roofline: each operation takes the longer of reading its
 * bytes and doing its arithmetic, plus a fixed time. Simulated, on the ceilings of a {@link GpuProfile}.
 *
 * <p>Operations: attention is two (FP8 projections, BF16 core); a feed-forward part, of dense layers, shared and routed experts, is three (gate and
 * up projection, activation, down projection), with what they hand on to each other written to memory and read again: 2 BF16 values and 1 FP8
 * value an inner channel. Left out: norms, gate, embedding, sampling.
 */
public final class DecodeCost {
    private static final int FLOPS_PER_WEIGHT = 2;
    private static final int MATRICES_PER_EXPERT = 3;
    private static final int GATE_AND_UP = 2;
    private static final int BF16_BYTES = 2;
    private static final double TERA = 1e12;
    private static final double GIGA = 1e9;
    private static final double MICRO = 1e6;

    private final ModelProfile model;
    private final GpuProfile gpu;
    private final double memoryBytesPerSecond;

    /**
     * What operations take, in microseconds.
     *
     * @param launches      their fixed times
     * @param hbmRoundTrips what writing and reading of values between them adds
     * @param work          the rest: weights, cache, rows in and out, arithmetic
     */
    public record Cost(double launches, double hbmRoundTrips, double work) {
        /** Of no operation. */
        public static final Cost NONE = new Cost(0, 0, 0);

        /** All of it. */
        public double total() {
            return launches + hbmRoundTrips + work;
        }

        private Cost plus(final Cost other) {
            return new Cost(launches + other.launches, hbmRoundTrips + other.hbmRoundTrips, work + other.work);
        }
    }

    /** Costs of {@code model} on the GPUs of {@code cluster}. */
    public DecodeCost(final ModelProfile model, final ClusterProfile cluster) {
        this.model = model;
        this.gpu = cluster.gpu();
        this.memoryBytesPerSecond = cluster.host().memoryGBps() * cluster.host().memoryEfficiency() * GIGA;
    }

    /** Attention of one layer for {@code tokens} tokens of a rank, each with {@code contextTokens} positions before it. */
    public Cost attention(final int tokens, final int contextTokens) {
        final ModelProfile.Attention attention = model.attention();
        final double positions = (double) tokens * contextTokens;
        return operation(attention.weights(), 0, (double) FLOPS_PER_WEIGHT * attention.weights() * tokens, gpu.fp8Tflops())
            .plus(operation(positions * attention.cacheBytesPerPosition(), 0, positions * attention.flopsPerTokenAndPosition(), gpu.bf16Tflops()));
    }

    /** The dense feed-forward part of a layer without routed experts. */
    public Cost dense(final int tokens) {
        return feedForward(tokens, 1, model.denseIntermediate());
    }

    /** The shared experts of a layer; nothing if the model has none. */
    public Cost sharedExpert(final int tokens) {
        return model.sharedExperts() == 0 ? Cost.NONE : feedForward(tokens, 1, model.sharedExperts() * model.expertIntermediate());
    }

    /** The routed experts on one rank: {@code rows} token rows over {@code activeExperts} experts that have any. */
    public Cost routedExperts(final int rows, final int activeExperts) {
        return rows == 0 ? Cost.NONE : feedForward(rows, activeExperts, model.expertIntermediate());
    }

    private Cost feedForward(final int rows, final int experts, final int intermediate) {
        final double matrixBytes = (double) experts * model.hidden() * intermediate;
        final double matrixFlops = (double) FLOPS_PER_WEIGHT * model.hidden() * intermediate * rows;
        final double rowsIn = (double) rows * model.hidden();
        final double rowsOut = (double) rows * model.hidden() * BF16_BYTES;
        final double projected = (double) rows * GATE_AND_UP * intermediate * BF16_BYTES;
        final double activated = (double) rows * intermediate;
        return operation(GATE_AND_UP * matrixBytes + rowsIn, projected, GATE_AND_UP * matrixFlops, gpu.fp8Tflops())
            .plus(operation(0, projected + activated, 0, gpu.fp8Tflops()))
            .plus(operation((MATRICES_PER_EXPERT - GATE_AND_UP) * matrixBytes + rowsOut, activated, (MATRICES_PER_EXPERT - GATE_AND_UP) * matrixFlops,
                gpu.fp8Tflops()));
    }

    private Cost operation(final double bytes, final double roundTripBytes, final double flops, final double peakTflops) {
        final double computeSeconds = flops / (peakTflops * gpu.computeEfficiency() * TERA);
        final double work = Math.max(bytes / memoryBytesPerSecond, computeSeconds);
        final double all = Math.max((bytes + roundTripBytes) / memoryBytesPerSecond, computeSeconds);
        return new Cost(gpu.operationMicros(), (all - work) * MICRO, work * MICRO);
    }
}

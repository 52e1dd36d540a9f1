package io.expertlane.bench.scenario;

import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.GpuProfile;

/**
 * Time of what a decode step computes between its dispatches and combines, by a roofline: each operation takes the longer of reading its
 * bytes and doing its arithmetic, plus a fixed time. Simulated, on the ceilings of a {@link GpuProfile}.
 *
 * <p>Counted: attention (FP8 projections, BF16 core), dense and shared feed-forward parts, routed experts (FP8). Left out: norms, gate,
 * embedding, sampling, and the overlap of two batches.
 */
public final class DecodeCost {
    private static final int FLOPS_PER_WEIGHT = 2;
    private static final int MATRICES_PER_EXPERT = 3;
    private static final double TERA = 1e12;
    private static final double GIGA = 1e9;
    private static final double MICRO = 1e6;

    private final ModelProfile model;
    private final GpuProfile gpu;
    private final double memoryBytesPerSecond;

    /** Costs of {@code model} on the GPUs of {@code cluster}. */
    public DecodeCost(final ModelProfile model, final ClusterProfile cluster) {
        this.model = model;
        this.gpu = cluster.gpu();
        this.memoryBytesPerSecond = cluster.host().memoryGBps() * cluster.host().memoryEfficiency() * GIGA;
    }

    /** Attention of one layer for {@code tokens} tokens of a rank, each with {@code contextTokens} positions before it. */
    public double attentionMicros(final int tokens, final int contextTokens) {
        final ModelProfile.Attention attention = model.attention();
        final double positions = (double) tokens * contextTokens;
        return operationMicros(attention.weights(), (double) FLOPS_PER_WEIGHT * attention.weights() * tokens, gpu.fp8Tflops())
            + operationMicros(positions * attention.cacheBytesPerPosition(), positions * attention.flopsPerTokenAndPosition(), gpu.bf16Tflops());
    }

    /** The dense feed-forward part of a layer without routed experts. */
    public double denseMicros(final int tokens) {
        return feedForwardMicros(tokens, 1, model.denseIntermediate());
    }

    /** The shared experts of a layer; 0 if the model has none. */
    public double sharedExpertMicros(final int tokens) {
        return model.sharedExperts() == 0 ? 0 : feedForwardMicros(tokens, 1, model.sharedExperts() * model.expertIntermediate());
    }

    /** The routed experts on one rank: {@code rows} token rows over {@code activeExperts} experts that have any. */
    public double routedExpertMicros(final int rows, final int activeExperts) {
        return rows == 0 ? 0 : feedForwardMicros(rows, activeExperts, model.expertIntermediate());
    }

    private double feedForwardMicros(final int rows, final int experts, final int intermediate) {
        final double weightsPerExpert = (double) MATRICES_PER_EXPERT * model.hidden() * intermediate;
        return operationMicros(experts * weightsPerExpert, FLOPS_PER_WEIGHT * weightsPerExpert * rows, gpu.fp8Tflops());
    }

    private double operationMicros(final double bytes, final double flops, final double peakTflops) {
        final double seconds = Math.max(bytes / memoryBytesPerSecond, flops / (peakTflops * gpu.computeEfficiency() * TERA));
        return seconds * MICRO + gpu.operationMicros();
    }
}

package io.expertlane.bench.scenario;

import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.GpuProfile;

/**
 * Time of what a step computes between its dispatches and combines, by a roofline: each operation takes the longer of
 * reading its bytes and doing its arithmetic, plus a fixed time. Simulated, on the ceilings of a {@link GpuProfile}.
 *
 * <p>Forward: attention is two operations (FP8 projections, BF16 core); a feed-forward part, of dense layers, shared
 * and routed experts, is three (gate and up projection, activation, down projection), with what they hand on to each
 * other written to memory and read again: 2 BF16 values and 1 FP8 value an inner channel.
 *
 * <p>Backward: every matrix product gives two of the same arithmetic, for the gradients of its input and of its
 * weights, both in FP8; the latter are added to FP32 sums in memory. Attention's core is done again as it goes: 5
 * products for 2. The activation is one operation. Source: DeepSeek-V3 Technical Report, 3.3 (formats);
 * FlashAttention-2 (products of the core).
 *
 * <p>Left out: norms, gate, embedding, output head, sampling, loss, recomputation of what was not kept.
 */
public final class ComputeCost {
    private static final int FLOPS_PER_WEIGHT = 2;
    private static final int MATRICES_PER_EXPERT = 3;
    private static final int GATE_AND_UP = 2;
    private static final int FP8_BYTES = 1;
    private static final int BF16_BYTES = 2;
    /** An FP32 sum is read and written. */
    private static final int GRADIENT_BYTES = 2 * Float.BYTES;
    private static final double CORE_BACKWARD = 2.5;
    private static final double TERA = 1e12;
    private static final double GIGA = 1e9;
    private static final double MICRO = 1e6;

    private final ModelProfile model;
    private final GpuProfile gpu;
    private final double memoryBytesPerSecond;
    private final Workload workload;

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
    public ComputeCost(final ModelProfile model, final ClusterProfile cluster, final Workload workload) {
        this.model = model;
        this.gpu = cluster.gpu();
        this.memoryBytesPerSecond = cluster.host().memoryGBps() * cluster.host().memoryEfficiency() * GIGA;
        this.workload = workload;
    }

    /** Attention of one layer for {@code tokens} tokens of a rank. */
    public Cost attention(final int tokens) {
        return projections(1, tokens).plus(core(1, tokens));
    }

    /** Attention's way back. */
    public Cost attentionBackward(final int tokens) {
        return projections(1, tokens).plus(projections(GRADIENT_BYTES, tokens)).plus(core(CORE_BACKWARD, tokens));
    }

    private Cost projections(final int bytesPerWeight, final int tokens) {
        final long weights = model.attention().weights();
        return operation((double) weights * bytesPerWeight, 0, (double) FLOPS_PER_WEIGHT * weights * tokens,
            gpu.fp8Tflops());
    }

    private Cost core(final double products, final int tokens) {
        final ModelProfile.Attention attention = model.attention();
        final boolean isDecode = workload.kind() == Workload.Kind.DECODE;
        final double flops = workload.attendedPairs(tokens)
            * (isDecode ? attention.flopsPerTokenAndPosition() : attention.prefillFlopsPerTokenAndPosition());
        return operation(workload.readPositions(tokens) * attention.cacheBytesPerPosition(), 0, products * flops,
            gpu.bf16Tflops());
    }

    /** The dense feed-forward part of a layer without routed experts; nothing if the model has no such layer. */
    public Cost dense(final int tokens) {
        return feedForward(tokens, 1, model.denseIntermediate());
    }

    /** The dense part's way back. */
    public Cost denseBackward(final int tokens) {
        return feedForwardBackward(tokens, 1, model.denseIntermediate());
    }

    /** The shared experts of a layer; nothing if the model has none. */
    public Cost sharedExpert(final int tokens) {
        return feedForward(tokens, 1, model.sharedExperts() * model.expertIntermediate());
    }

    /** The shared experts' way back. */
    public Cost sharedExpertBackward(final int tokens) {
        return feedForwardBackward(tokens, 1, model.sharedExperts() * model.expertIntermediate());
    }

    /** The routed experts on one rank: {@code rows} token rows over {@code activeExperts} experts that have any. */
    public Cost routedExperts(final int rows, final int activeExperts) {
        return feedForward(rows, activeExperts, model.expertIntermediate());
    }

    /** The routed experts' way back. */
    public Cost routedExpertsBackward(final int rows, final int activeExperts) {
        return feedForwardBackward(rows, activeExperts, model.expertIntermediate());
    }

    private Cost feedForward(final int rows, final int experts, final int intermediate) {
        if (rows == 0 || intermediate == 0) {
            return Cost.NONE;
        }
        final double matrix = (double) experts * model.hidden() * intermediate;
        final double flops = (double) FLOPS_PER_WEIGHT * model.hidden() * intermediate * rows;
        final double row = (double) rows * model.hidden();
        final double inner = (double) rows * intermediate;
        return operation(GATE_AND_UP * matrix + row, GATE_AND_UP * inner * BF16_BYTES, GATE_AND_UP * flops,
            gpu.fp8Tflops())
            .plus(operation(0, GATE_AND_UP * inner * BF16_BYTES + inner, 0, gpu.fp8Tflops()))
            .plus(operation((MATRICES_PER_EXPERT - GATE_AND_UP) * matrix + row * BF16_BYTES, inner,
            (MATRICES_PER_EXPERT - GATE_AND_UP) * flops,
                gpu.fp8Tflops()));
    }

    /** Down projection, activation, gate and up projection; each projection for its input and for its weights. */
    private Cost feedForwardBackward(final int rows, final int experts, final int intermediate) {
        if (rows == 0 || intermediate == 0) {
            return Cost.NONE;
        }
        final double matrix = (double) experts * model.hidden() * intermediate;
        final double flops = (double) FLOPS_PER_WEIGHT * model.hidden() * intermediate * rows;
        final double row = (double) rows * model.hidden();
        final double inner = (double) rows * intermediate;
        return operation(matrix + row * FP8_BYTES, inner * BF16_BYTES, flops, gpu.fp8Tflops())
            .plus(operation(matrix * GRADIENT_BYTES + (row + inner) * FP8_BYTES, 0, flops, gpu.fp8Tflops()))
            .plus(operation(GATE_AND_UP * inner * BF16_BYTES, inner * BF16_BYTES + GATE_AND_UP * inner * FP8_BYTES, 0,
            gpu.fp8Tflops()))
            .plus(operation(GATE_AND_UP * matrix + row * BF16_BYTES, GATE_AND_UP * inner * FP8_BYTES,
            GATE_AND_UP * flops, gpu.fp8Tflops()))
            .plus(operation(GATE_AND_UP * matrix * GRADIENT_BYTES + row * FP8_BYTES, GATE_AND_UP * inner * FP8_BYTES,
            GATE_AND_UP * flops,
                gpu.fp8Tflops()));
    }

    private Cost operation(final double bytes, final double roundTripBytes, final double flops,
        final double peakTflops) {
        final double computeSeconds = flops / (peakTflops * gpu.computeEfficiency() * TERA);
        final double work = Math.max(bytes / memoryBytesPerSecond, computeSeconds);
        final double all = Math.max((bytes + roundTripBytes) / memoryBytesPerSecond, computeSeconds);
        return new Cost(gpu.operationMicros(), (all - work) * MICRO, work * MICRO);
    }
}

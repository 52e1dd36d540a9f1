package io.expertlane.bench.scenario;

import java.util.Arrays;
import java.util.function.DoubleBinaryOperator;

/**
 * What the time of a step goes to, in microseconds; the parts add up to the step.
 *
 * @param launches        fixed times of computing operations
 * @param barriers        fixed times of communication kernels: start on all SMs, barrier between their halves, end
 * @param hbmRoundTrips   values written to memory by one operation for the next to read
 * @param exposedDispatch dispatch that no computation covers
 * @param exposedCombine  combine that no computation covers
 * @param expertCompute   routed experts
 * @param sharedExpert    shared experts
 * @param attention       attention
 * @param dense           feed-forward parts of layers without experts
 */
public record StepAccount(
    double launches, double barriers, double hbmRoundTrips, double exposedDispatch, double exposedCombine,
    double expertCompute, double sharedExpert,
    double attention, double dense) {

    /** A part of the account. */
    enum Part { LAUNCHES, BARRIERS, HBM_ROUND_TRIPS, EXPOSED_DISPATCH, EXPOSED_COMBINE, EXPERT_COMPUTE, SHARED_EXPERT,
        ATTENTION, DENSE }

    /** The account with {@code micros} by part. */
    static StepAccount of(final double[] micros) {
        return new StepAccount(micros[0], micros[1], micros[2], micros[3], micros[4], micros[5], micros[6], micros[7],
            micros[8]);
    }

    private double[] parts() {
        return new double[] {launches, barriers, hbmRoundTrips, exposedDispatch, exposedCombine, expertCompute,
            sharedExpert, attention, dense};
    }

    /** Sum of the parts. */
    public double sum() {
        return Arrays.stream(parts()).sum();
    }

    /** The share that communication has: fixed times of its kernels, exposed dispatch and combine. */
    public double communicationShare() {
        return (barriers + exposedDispatch + exposedCombine) / sum();
    }

    /** This and {@code other}, part by part. */
    StepAccount plus(final StepAccount other) {
        return with(other, Double::sum);
    }

    /** This less {@code other}, part by part. */
    public StepAccount minus(final StepAccount other) {
        return with(other, (part, less) -> part - less);
    }

    private StepAccount with(final StepAccount other, final DoubleBinaryOperator operator) {
        final double[] parts = parts();
        final double[] others = other.parts();
        Arrays.setAll(parts, i -> operator.applyAsDouble(parts[i], others[i]));
        return of(parts);
    }
}

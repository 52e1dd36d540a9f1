package io.expertlane.bench.scenario;

import io.expertlane.bench.scenario.ExchangeKind.Mode;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.TransferPath;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.function.ToDoubleFunction;

/**
 * Tries every setting of an exchange's knobs on one workload and ranks them: path, split (two queue pairs an end
 * point), segment (low latency over zero), chunk and ring (high throughput, and low latency over ring), channels (high
 * throughput). Simulated.
 *
 * @param objective  what is to be small
 * @param given      the setting that the workload came with
 * @param candidates all settings, the best first; the given one among them
 */
public record Tuning(Objective objective, Candidate given, List<Candidate> candidates) {
    private static final int[] CHUNKS = {4, 8, 16, 32};
    private static final int[] CHANNELS = {4, 8, 12, 16, 24};
    private static final int[] SEGMENTS = {LowLatencyConfig.NO_SEGMENTATION, 4096, 2048};
    private static final int RING_CHUNKS = 4;

    /** What is to be small. */
    public enum Objective {
        /** Dispatch on its slowest rank. */
        DISPATCH(result -> result.dispatch().latencyMicros().max()),
        /** Combine on its slowest rank. */
        COMBINE(result -> result.combine().latencyMicros().max()),
        /** Both together. */
        EXCHANGE(result -> result.dispatch().latencyMicros().max() + result.combine().latencyMicros().max()),
        /** The unfused step: TPOT, time to first token or iteration. */
        STEP(LayerSimulation.Result::stepMicros);

        private final ToDoubleFunction<LayerSimulation.Result> micros;

        Objective(final ToDoubleFunction<LayerSimulation.Result> micros) {
            this.micros = micros;
        }
    }

    /**
     * A setting and what it gives.
     *
     * @param kind         the setting
     * @param micros       the objective
     * @param margin       share of the given setting's time that it saves; negative if it takes longer
     * @param queuePairs   queue pairs an end point
     */
    public record Candidate(ExchangeKind kind, double micros, double margin, int queuePairs) {
    }

    /** Simulates all settings of {@code workload}, several at a time. */
    public static Tuning of(final LayerSimulation workload, final Objective objective) {
        final double given = objective.micros.applyAsDouble(workload.run());
        final List<Candidate> candidates = new ArrayList<>(kinds(workload.kind()).parallelStream()
            .filter(kind -> isPossible(workload.withKind(kind)))
            .map(kind -> candidate(kind, objective.micros.applyAsDouble(workload.withKind(kind).run()), given))
            .toList());
        final Candidate start = candidate(workload.kind(), given, given);
        candidates.add(start);
        candidates.sort(Comparator.comparingDouble(Candidate::micros));
        return new Tuning(objective, start, candidates);
    }

    private static Candidate candidate(final ExchangeKind kind, final double micros, final double given) {
        return new Candidate(kind, micros, 1 - micros / given, kind.split() ? 2 : 1);
    }

    private static boolean isPossible(final LayerSimulation simulation) {
        try {
            simulation.check(Set.of());
            return true;
        } catch (final IllegalArgumentException _) {
            return false;
        }
    }

    private static Set<ExchangeKind> kinds(final ExchangeKind given) {
        final Set<ExchangeKind> kinds = new LinkedHashSet<>();
        for (final boolean split : new boolean[] {false, true}) {
            if (given.mode() == Mode.LL) {
                for (final int segment : SEGMENTS) {
                    kinds.add(kind(given, TransferPath.ZERO, split, segment, 1, given.chunkTokens()));
                }
                for (final int chunk : CHUNKS) {
                    kinds.add(kind(given, TransferPath.RING, split, LowLatencyConfig.NO_SEGMENTATION, 1, chunk));
                }
            } else {
                for (final TransferPath path : TransferPath.values()) {
                    for (final int channels : CHANNELS) {
                        for (final int chunk : CHUNKS) {
                            kinds.add(kind(given, path, split, LowLatencyConfig.NO_SEGMENTATION, channels, chunk));
                        }
                    }
                }
            }
        }
        kinds.remove(given);
        return kinds;
    }

    private static ExchangeKind kind(final ExchangeKind given, final TransferPath path, final boolean split,
        final int segment, final int channels,
                                     final int chunk) {
        return new ExchangeKind(given.mode(), path, given.dispatchType(), given.combine(), split, segment, channels,
            chunk,
            path == TransferPath.RING ? Math.max(given.ringTokens(), RING_CHUNKS * chunk) : given.ringTokens(),
            given.sendQueueDepth(), given.payload());
    }
}

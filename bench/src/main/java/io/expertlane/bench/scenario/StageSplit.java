package io.expertlane.bench.scenario;

import io.expertlane.kernel.exchange.Stage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.commons.statistics.descriptive.Median;

/**
 * The stages of a dispatch or combine over the ranks, and the rank that makes its tail. Simulated.
 *
 * @param stages in the order of a call; those of one rank, but for the last, add up to its latency
 * @param tail   the slowest rank
 */
public record StageSplit(List<StageMicros> stages, Tail tail) {
    private static final String[] NAMES =
        {"kernelStart", "routingMap", "pack", "issue", "nicSend", "peers", "unpack", "reduce", "expertQueue"};
    private static final int KERNEL_START = 0;
    private static final int ROUTING_MAP = 1;
    private static final int PACK = 2;
    private static final int ISSUE = 3;
    private static final int NIC_SEND = 4;
    private static final int PEERS = 5;
    private static final int UNPACK = 6;
    private static final int REDUCE = 7;
    private static final int EXPERT_QUEUE = 8;

    /**
     * A stage over the ranks.
     *
     * @param stage {@code kernelStart}, the kernel's fixed time; {@code routingMap}, reading the gate's choice and
     *              assigning places, which is all the reordering there is; {@code pack}, rows into send buffers; {@code
     *              issue}, elements and doorbells; {@code nicSend}, until the own rows have arrived; {@code peers},
     *              until the peers' rows have; {@code unpack}, rows out of receive buffers; {@code reduce}, sums;
     *              {@code expertQueue}, beyond the latency: what a rank is done earlier than the slowest
     * @param micros of the ranks
     */
    public record StageMicros(String stage, Distribution micros) {
    }

    /**
     * The slowest rank.
     *
     * @param rank             which
     * @param micros           its latency
     * @param overMedianMicros how much that is above the median rank's
     * @param stage            which stage exceeds its median most
     * @param stageOverMicros  by how much
     * @param lastSource       the rank whose element it waited for last, itself if none
     */
    public record Tail(int rank, double micros, double overMedianMicros, String stage, double stageOverMicros,
        int lastSource) {
    }

    /** The parts of the slowest rank's call as a step sees them. */
    ModelStep.Call slowest(final double[][] byStage) {
        final int rank = tail.rank();
        return new ModelStep.Call(byStage[KERNEL_START][rank], byStage[ROUTING_MAP][rank] + byStage[PACK][rank]
            + byStage[ISSUE][rank],
            byStage[NIC_SEND][rank] + byStage[PEERS][rank], byStage[UNPACK][rank] + byStage[REDUCE][rank]);
    }

    /**
     * Stages by rank.
     *
     * @param latencyMicros of each rank
     * @param startMicros   fixed time of the kernel
     * @param spentMicros   by {@link Stage} and rank, waiting not included
     * @param sentMicros    of each rank, until its last element was delivered
     */
    static double[][] byStage(final double[] latencyMicros, final double startMicros, final double[][] spentMicros,
        final double[] sentMicros) {
        final double[][] stages = new double[NAMES.length][latencyMicros.length];
        final double slowest = Arrays.stream(latencyMicros).max().orElseThrow();
        for (int rank = 0; rank < latencyMicros.length; rank++) {
            stages[KERNEL_START][rank] = startMicros;
            stages[ROUTING_MAP][rank] = spentMicros[Stage.ROUTING_MAP.ordinal()][rank];
            stages[PACK][rank] = spentMicros[Stage.PACK.ordinal()][rank];
            stages[ISSUE][rank] = spentMicros[Stage.SEND.ordinal()][rank];
            stages[UNPACK][rank] = spentMicros[Stage.UNPACK.ordinal()][rank];
            stages[REDUCE][rank] = spentMicros[Stage.REDUCE.ordinal()][rank];
            final double issued = startMicros + stages[ROUTING_MAP][rank] + stages[PACK][rank] + stages[ISSUE][rank];
            final double idle = Math.max(0, latencyMicros[rank] - issued - stages[UNPACK][rank] - stages[REDUCE][rank]);
            stages[NIC_SEND][rank] = Math.clamp(sentMicros[rank] - issued, 0, idle);
            stages[PEERS][rank] = idle - stages[NIC_SEND][rank];
            stages[EXPERT_QUEUE][rank] = slowest - latencyMicros[rank];
        }
        return stages;
    }

    /** The split of {@code byStage}; {@code lastSources} has, for each rank, whose element came last. */
    static StageSplit of(final double[] latencyMicros, final double[][] byStage, final int[] lastSources) {
        final List<StageMicros> stages = new ArrayList<>();
        int slowest = 0;
        for (int rank = 0; rank < latencyMicros.length; rank++) {
            slowest = latencyMicros[rank] > latencyMicros[slowest] ? rank : slowest;
        }
        int worst = KERNEL_START;
        double worstOver = 0;
        for (int stage = 0; stage < NAMES.length; stage++) {
            stages.add(new StageMicros(NAMES[stage], Distribution.of(byStage[stage])));
            final double over = byStage[stage][slowest] - median(byStage[stage]);
            if (stage != EXPERT_QUEUE && over > worstOver) {
                worst = stage;
                worstOver = over;
            }
        }
        return new StageSplit(stages,
            new Tail(slowest, latencyMicros[slowest], latencyMicros[slowest] - median(latencyMicros), NAMES[worst],
            worstOver,
            lastSources[slowest]));
    }

    private static double median(final double[] values) {
        return Median.withDefaults().withCopy(true).evaluate(values);
    }
}

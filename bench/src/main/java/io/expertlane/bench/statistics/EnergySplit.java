package io.expertlane.bench.statistics;

import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * The best split of a sequence by the scaled energy distance of its two sides. Sums of distances to all earlier values
 * come from Fenwick trees over the ranks, so that a split of n values takes n log n steps.
 *
 * <p>Threading: one thread.
 */
final class EnergySplit {
    private final int length;
    private final double[] sorted;
    /** Rank of each value, equal values in their order. */
    private final int[] ranks;
    private final double[] before;
    private final int[] countTree;
    private final double[] sumTree;
    private double best;
    private int bestIndex;
    private double seenSum;

    EnergySplit(final double[] values) {
        length = values.length;
        final Integer[] order = new Integer[length];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Double.compare(values[a], values[b]));
        sorted = new double[length];
        ranks = new int[length];
        for (int rank = 0; rank < length; rank++) {
            sorted[rank] = values[order[rank]];
            ranks[order[rank]] = rank;
        }
        before = new double[length + 1];
        countTree = new int[length + 1];
        sumTree = new double[length + 1];
        evaluate();
    }

    /** The largest scaled distance; 0 where all values are equal. */
    double best() {
        return best;
    }

    /** First value of the right side of the best split. */
    int bestIndex() {
        return bestIndex;
    }

    /** Puts the values into a random order. */
    void shuffle(final SplittableRandom random) {
        for (int i = length - 1; i > 0; i--) {
            final int j = random.nextInt(i + 1);
            final int rank = ranks[i];
            ranks[i] = ranks[j];
            ranks[j] = rank;
        }
        evaluate();
    }

    private void evaluate() {
        clearTrees();
        for (int i = 0; i < length; i++) {
            before[i + 1] = before[i] + distancesToSeen(ranks[i], i);
        }
        clearTrees();
        final double all = before[length];
        best = 0;
        bestIndex = ChangePoints.MIN_SEGMENT;
        double after = 0;
        for (int i = length - 1; i >= ChangePoints.MIN_SEGMENT; i--) {
            after += distancesToSeen(ranks[i], length - 1 - i);
            if (length - i >= ChangePoints.MIN_SEGMENT) {
                consider(i, after, all);
            }
        }
    }

    private void consider(final int index, final double after, final double all) {
        final double left = index;
        final double right = length - index;
        final double between = all - before[index] - after;
        final double distance = 2 * between / (left * right) - 2 * before[index] / (left * (left - 1))
            - 2 * after / (right * (right - 1));
        final double scaled = distance * left * right / length;
        if (scaled > best) {
            best = scaled;
            bestIndex = index;
        }
    }

    private void clearTrees() {
        Arrays.fill(countTree, 0);
        Arrays.fill(sumTree, 0);
        seenSum = 0;
    }

    /**
     * Sum of the distances of the value of {@code rank} to the {@code seen} values in the trees; then it is one of
     * them.
     */
    private double distancesToSeen(final int rank, final int seen) {
        final double value = sorted[rank];
        int below = 0;
        double sumBelow = 0;
        for (int node = rank; node > 0; node -= node & -node) {
            below += countTree[node];
            sumBelow += sumTree[node];
        }
        final double distances = value * below - sumBelow + (seenSum - sumBelow) - value * (seen - below);
        for (int node = rank + 1; node <= length; node += node & -node) {
            countTree[node]++;
            sumTree[node] += value;
        }
        seenSum += value;
        return distances;
    }
}

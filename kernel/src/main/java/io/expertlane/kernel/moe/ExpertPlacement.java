package io.expertlane.kernel.moe;

/**
 * Which logical expert each physical expert is a copy of. A gate chooses logical experts; ranks hold physical ones,
 * contiguously as {@link MoeShape} says, and exchanges know only those. An expert with a high load is given more copies
 * than one.
 *
 * <p>Choice of the copy: a rank's selections of one logical expert, counted from 0 in token order and then in top-k
 * order, go to its copies in turn, beginning with copy number (rank mod copies). So a rank's selections of an expert
 * spread over its copies evenly to within one, and the odd ones of different ranks go to different copies.
 *
 * <p>Threading: immutable. Source: redundant experts as in DeepSeek's EPLB; the rule above is ours.
 */
public final class ExpertPlacement {
    private final int logicalExperts;
    private final int[] logicalOf;
    private final int[] firstCopy;
    private final int[] copies;

    private ExpertPlacement(final int logicalExperts, final int[] logicalOf) {
        this.logicalExperts = logicalExperts;
        this.logicalOf = logicalOf;
        this.firstCopy = new int[logicalExperts + 1];
        this.copies = new int[logicalOf.length];
        for (final int logical : logicalOf) {
            firstCopy[logical + 1]++;
        }
        for (int logical = 0; logical < logicalExperts; logical++) {
            if (firstCopy[logical + 1] == 0) {
                throw new IllegalArgumentException("physicalToLogical: no copy of logical expert " + logical);
            }
            firstCopy[logical + 1] += firstCopy[logical];
        }
        final int[] next = firstCopy.clone();
        for (int physical = 0; physical < logicalOf.length; physical++) {
            copies[next[logicalOf[physical]]++] = physical;
        }
    }

    /** One copy of each expert, physical number = logical number. */
    public static ExpertPlacement contiguous(final int experts) {
        requireExperts(experts);
        final int[] identity = new int[experts];
        for (int expert = 0; expert < experts; expert++) {
            identity[expert] = expert;
        }
        return new ExpertPlacement(experts, identity);
    }

    /**
     * A placement by table.
     *
     * @param logicalExperts    experts the gate chooses from
     * @param physicalToLogical for each physical expert the logical one it is a copy of
     * @throws IllegalArgumentException if an entry is outside [0, logicalExperts), or a logical expert has no copy
     */
    public static ExpertPlacement of(final int logicalExperts, final int... physicalToLogical) {
        requireExperts(logicalExperts);
        for (int physical = 0; physical < physicalToLogical.length; physical++) {
            if (physicalToLogical[physical] < 0 || physicalToLogical[physical] >= logicalExperts) {
                throw new IllegalArgumentException(
                    "physicalToLogical[" + physical + "]=" + physicalToLogical[physical] + ": 0 to "
                    + (logicalExperts - 1));
            }
        }
        return new ExpertPlacement(logicalExperts, physicalToLogical.clone());
    }

    private static void requireExperts(final int experts) {
        if (experts < 1) {
            throw new IllegalArgumentException("logicalExperts=" + experts + ": at least 1");
        }
    }

    /** Experts the gate chooses from. */
    public int logicalExperts() {
        return logicalExperts;
    }

    /** Experts that ranks hold, copies counted. */
    public int physicalExperts() {
        return logicalOf.length;
    }

    /** The logical expert that {@code physicalExpert} is a copy of. */
    public int logicalOf(final int physicalExpert) {
        return logicalOf[physicalExpert];
    }

    /** Copies of {@code logicalExpert}. */
    public int copies(final int logicalExpert) {
        return firstCopy[logicalExpert + 1] - firstCopy[logicalExpert];
    }

    /** Copy number {@code copy} of {@code logicalExpert}, a physical expert; copies are in ascending order. */
    public int physicalOf(final int logicalExpert, final int copy) {
        return copies[firstCopy[logicalExpert] + copy];
    }
}

package io.expertlane.kernel.moe;

/**
 * Node-limited routing: experts come in groups of consecutive ids, and a token selects from a few groups only, those in
 * which its affinities are highest. A group's score is the sum of its highest ceil(K / G) affinities. Where groups and
 * nodes coincide, no token goes to more nodes than G.
 *
 * <p>Source: DeepSeek-V3 Technical Report, 2.1.2 (node-limited routing); DeepSeek-V3 has 8 groups and selects from 4,
 * so that a score is the sum of two affinities.
 *
 * @param groups   N, groups of equally many experts, at least 1
 * @param perToken G, groups that a token selects from, 1 to {@code groups}
 */
public record GroupLimit(int groups, int perToken) {
    /** One group of all experts: no limit. */
    public static final GroupLimit NONE = new GroupLimit(1, 1);

    /**
     * Checks both.
     *
     * @throws IllegalArgumentException naming the value and the limit it breaks
     */
    public GroupLimit {
        if (groups < 1) {
            throw new IllegalArgumentException("groups=" + groups + ": at least 1");
        }
        if (perToken < 1 || perToken > groups) {
            throw new IllegalArgumentException("topkGroups=" + perToken + ": 1 to groups=" + groups);
        }
    }

    /**
     * The experts of one group.
     *
     * @throws IllegalArgumentException if {@code shape}'s experts do not make as many groups, or a token's groups have
     *         fewer experts than it selects
     */
    int size(final MoeShape shape) {
        if (shape.experts() % groups != 0) {
            throw new IllegalArgumentException("groups=" + groups + ": a divisor of experts=" + shape.experts());
        }
        final int size = shape.experts() / groups;
        if ((long) perToken * size < shape.topK()) {
            throw new IllegalArgumentException("topK=" + shape.topK() + ": at most experts=" + (long) perToken * size
                + (this.equals(NONE) ? "" : " of topkGroups=" + perToken));
        }
        return size;
    }
}

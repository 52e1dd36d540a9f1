package io.expertlane.kernel.moe;

/**
 * Plans which senders hand tokens over to which helpers, from counts that all ranks have exchanged: each rank computes
 * the same plan by itself, so that nobody has to ask. A plan is a list of moves of whole token ranges; what is done
 * with it is the caller's. No exchange uses one unless its caller does.
 *
 * <p>Policy:
 * <ul>
 * <li>a rank gives if it has more than {@code threshold} times the mean, and never goes below the mean;
 * <li>a rank helps if it has less than the mean, and never goes above it: so the largest load never grows;
 * <li>what it gives are its last tokens, in ranges of at least {@code minTokens};
 * <li>givers come in descending order of load, equal ones by rank; helpers in ascending order of rank, beginning with
 * helper number (round mod helpers), so that over as many rounds as there are helpers each comes first once.
 * </ul>
 * Means are rounded up for givers and down for helpers.
 *
 * <p>Threading: one thread. Does not allocate after construction.
 */
public final class LoadPlanner {
    private static final double MAX_THRESHOLD = 1e6;

    private final int ranks;
    private final double threshold;
    private final int minTokens;
    private final int[] givers;
    private final int[] helpers;
    private final int[] from;
    private final int[] to;
    private final int[] firstToken;
    private final int[] tokens;
    private final int[] load;
    private int moves;

    /**
     * Makes a planner.
     *
     * @param threshold multiple of the mean above which a rank gives, 1 to 1,000,000
     * @param minTokens tokens of a move at least, 1 or more
     */
    public LoadPlanner(final int ranks, final double threshold, final int minTokens) {
        if (ranks < 1) {
            throw new IllegalArgumentException("ranks=" + ranks + ": at least 1");
        }
        if (!(threshold >= 1 && threshold <= MAX_THRESHOLD)) {
            throw new IllegalArgumentException("threshold=" + threshold + ": 1 to " + MAX_THRESHOLD);
        }
        if (minTokens < 1) {
            throw new IllegalArgumentException("minTokens=" + minTokens + ": at least 1");
        }
        this.ranks = ranks;
        this.threshold = threshold;
        this.minTokens = minTokens;
        this.givers = new int[ranks];
        this.helpers = new int[ranks];
        this.load = new int[ranks];
        // Each move exhausts a giver or a helper.
        this.from = new int[2 * ranks];
        this.to = new int[2 * ranks];
        this.firstToken = new int[2 * ranks];
        this.tokens = new int[2 * ranks];
    }

    /**
     * Plans anew.
     *
     * @param tokensPerRank tokens each rank has to send
     * @param round         number of the plan, 0 or more: turns the order of helpers
     * @return the number of moves
     */
    public int plan(final int[] tokensPerRank, final long round) {
        if (tokensPerRank.length != ranks) {
            throw new IllegalArgumentException("tokensPerRank length=" + tokensPerRank.length + ": " + ranks);
        }
        if (round < 0) {
            throw new IllegalArgumentException("round=" + round + ": at least 0");
        }
        long sum = 0;
        for (int rank = 0; rank < ranks; rank++) {
            if (tokensPerRank[rank] < 0) {
                throw new IllegalArgumentException("tokensPerRank[" + rank + "]=" + tokensPerRank[rank]
                    + ": at least 0");
            }
            load[rank] = tokensPerRank[rank];
            sum += load[rank];
        }
        moves = 0;
        final int most = (int) Math.ceilDiv(sum, ranks);
        final int least = (int) (sum / ranks);
        final int giverCount = sortGivers((double) sum / ranks * threshold, most);
        match(giverCount, listHelpers(least, round), most, least);
        return moves;
    }

    private int sortGivers(final double limit, final int most) {
        int count = 0;
        for (int rank = 0; rank < ranks; rank++) {
            if (load[rank] > limit && load[rank] > most) {
                int at = count++;
                while (at > 0 && load[givers[at - 1]] < load[rank]) {
                    givers[at] = givers[at - 1];
                    at--;
                }
                givers[at] = rank;
            }
        }
        return count;
    }

    private int listHelpers(final int least, final long round) {
        int count = 0;
        for (int rank = 0; rank < ranks; rank++) {
            count += load[rank] < least ? 1 : 0;
        }
        int at = count == 0 ? 0 : (int) ((count - round % count) % count);
        for (int rank = 0; rank < ranks; rank++) {
            if (load[rank] < least) {
                helpers[at] = rank;
                at = (at + 1) % count;
            }
        }
        return count;
    }

    private void match(final int giverCount, final int helperCount, final int most, final int least) {
        int giver = 0;
        int helper = 0;
        while (giver < giverCount && helper < helperCount) {
            final int excess = load[givers[giver]] - most;
            final int room = least - load[helpers[helper]];
            if (excess < minTokens) {
                giver++;
            } else if (room < minTokens) {
                helper++;
            } else {
                move(givers[giver], helpers[helper], Math.min(excess, room));
            }
        }
    }

    private void move(final int giver, final int helper, final int count) {
        load[giver] -= count;
        load[helper] += count;
        from[moves] = giver;
        to[moves] = helper;
        firstToken[moves] = load[giver];
        tokens[moves] = count;
        moves++;
    }

    /** Moves of the last plan. */
    public int moves() {
        return moves;
    }

    /** The rank that gives in a move. */
    public int from(final int move) {
        return from[move];
    }

    /** The rank that helps in a move. */
    public int to(final int move) {
        return to[move];
    }

    /** Index, at the giver, of the first token of a move. */
    public int firstToken(final int move) {
        return firstToken[move];
    }

    /** Tokens of a move. */
    public int tokens(final int move) {
        return tokens[move];
    }

    /** Tokens that {@code rank} sends after the last plan. */
    public int load(final int rank) {
        return load[rank];
    }
}

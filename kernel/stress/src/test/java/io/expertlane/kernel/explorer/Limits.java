package io.expertlane.kernel.explorer;

/**
 * What a schedule is cut down to: {@link #NONE} where the seed alone says.
 *
 * @param ranks  number of ranks
 * @param calls  calls before the last two
 * @param tokens most tokens of a rank in a call
 * @param faults a bit for each fault that is kept, by number; {@link #NONE} for all
 * @param salt   another order of the same schedule
 */
record Limits(int ranks, int calls, int tokens, int faults, int salt) {
    static final int NONE = -1;
    static final Limits UNLIMITED = new Limits(NONE, NONE, NONE, NONE, 0);

    Limits withRanks(final int value) {
        return new Limits(value, calls, tokens, faults, salt);
    }

    Limits withCalls(final int value) {
        return new Limits(ranks, value, tokens, faults, salt);
    }

    Limits withTokens(final int value) {
        return new Limits(ranks, calls, value, faults, salt);
    }

    Limits withFaults(final int value) {
        return new Limits(ranks, calls, tokens, value, salt);
    }

    Limits withSalt(final int value) {
        return new Limits(ranks, calls, tokens, faults, value);
    }
}

package io.expertlane.bench.statistics;

import java.util.Locale;

/** What a comparison says of a series. */
public enum Verdict {
    /** Better by more than the threshold, and not by chance. */
    FASTER,
    /** Worse by more than the threshold, and not by chance: a regression. */
    SLOWER,
    /** Shown to differ by less than the threshold. */
    UNCHANGED,
    /** Neither shown: too few forks, or they differ too much among themselves. */
    UNSTABLE,
    /** Only one of the two runs has it. */
    MISSING;

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}

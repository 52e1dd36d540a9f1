package io.expertlane.bench.study;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.BiFunction;

/** The studies there are. */
public enum Study {
    /** What grows with the number of ranks; rings against final places. */
    SCALING(ScalingStudy::page),
    /** What a hot rank does to switches, and they to others. */
    CONGESTION(CongestionStudy::page);

    private final BiFunction<String, StudyRuns, StudyPage> maker;

    Study(final BiFunction<String, StudyRuns, StudyPage> maker) {
        this.maker = maker;
    }

    /** Their names on the command line. */
    public static List<String> names() {
        return Arrays.stream(values()).map(Study::toString).toList();
    }

    /** The study of a name. */
    public static Study ofName(final String name) {
        return valueOf(name.toUpperCase(Locale.ROOT));
    }

    /** Runs it. */
    public StudyPage page(final StudyRuns runs) {
        return maker.apply(toString(), runs);
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}

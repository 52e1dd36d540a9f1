package io.expertlane.bench.jmh;

import java.util.Map;
import org.openjdk.jmh.profile.Profiler;

/**
 * The profilers of this suite, by the names that {@code -prof} calls them. JMH itself knows profilers of others by
 * their class only.
 */
final class Profilers {
    private static final Map<String, Class<? extends Profiler>> BY_NAME = Map.of(
        LoadProfiler.NAME, LoadProfiler.class,
        NicProfiler.NAME, NicProfiler.class,
        ExchangeProfiler.NAME, ExchangeProfiler.class,
        RooflineProfiler.NAME, RooflineProfiler.class);

    /** By name. */
    static Map<String, Class<? extends Profiler>> byName() {
        return BY_NAME;
    }

    private Profilers() {
    }

    /**
     * JMH's argument for {@code -prof argument}: the class where the name is one of ours, the library where it is
     * async, else as it is.
     */
    static String resolve(final String argument) {
        final int colon = argument.indexOf(':');
        final String name = colon < 0 ? argument : argument.substring(0, colon);
        if (name.equals(FlameGraphs.NAME)) {
            return name + ":" + FlameGraphs.options(colon < 0 ? "" : argument.substring(colon + 1));
        }
        final Class<? extends Profiler> ours = BY_NAME.get(name);
        return ours == null ? argument : ours.getCanonicalName() + argument.substring(name.length());
    }
}

package io.expertlane.bench.suite;

import io.expertlane.bench.jmh.Ceiling;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.VerboseMode;

/** The benchmarks in the jar, by {@code SimpleClassName.method}, with what their annotations say. */
final class Suite {
    private final Map<String, Entry> entries = new TreeMap<>();

    /**
     * A benchmark.
     *
     * @param benchmark its full name
     * @param params its parameters with the values of their annotations
     * @param ceiling {@code SimpleClassName.method} of what it is held against
     * @param mode of its annotation
     */
    record Entry(String benchmark, Map<String, List<String>> params, Optional<String> ceiling, Mode mode) {
    }

    /** Reads JMH's list. */
    Suite() {
        for (final BenchmarkListEntry listed : BenchmarkList.defaultList()
            .getAll(OutputFormatFactory.createFormatInstance(System.out, VerboseMode.SILENT), List.of())) {
            final Map<String, List<String>> params = new TreeMap<>();
            if (listed.getParams().hasValue()) {
                listed.getParams().get().forEach((name, values) -> params.put(name, List.of(values)));
            }
            entries.put(shortName(listed.getUsername()),
                new Entry(listed.getUsername(), params, ceiling(listed), listed.getMode()));
        }
    }

    private static String shortName(final String benchmark) {
        return benchmark.substring(benchmark.lastIndexOf('.', benchmark.lastIndexOf('.') - 1) + 1);
    }

    private static Optional<String> ceiling(final BenchmarkListEntry listed) {
        final String name = listed.getUsername().substring(listed.getUsername().lastIndexOf('.') + 1);
        try {
            final Class<?> type = Class.forName(listed.getUserClassQName(), false, Suite.class.getClassLoader());
            return Arrays.stream(type.getMethods())
                .filter(m -> m.getName().equals(name) && m.isAnnotationPresent(Benchmark.class))
                .map((final Method m) -> m.getAnnotation(Ceiling.class)).flatMap(c -> Optional.ofNullable(c).stream())
                .map(Ceiling::value).findFirst();
        } catch (final ClassNotFoundException e) {
            throw new IllegalStateException(listed.getUsername() + " is in JMH's list, its class is not in the jar", e);
        }
    }

    /** The benchmark of this name. */
    Optional<Entry> find(final String benchmark) {
        return Optional.ofNullable(entries.get(benchmark));
    }

    /** All names, in alphabetical order. */
    List<String> names() {
        return List.copyOf(entries.keySet());
    }
}

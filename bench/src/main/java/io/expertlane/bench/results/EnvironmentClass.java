package io.expertlane.bench.results;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What of an environment a time depends on. Measurements are compared within one class only.
 *
 * @param values by name, in the order of {@code environment.json}; null where the machine does not tell
 */
public record EnvironmentClass(Map<String, String> values) {
    private static final long GIB = 1L << 30;

    /**
     * The class of {@code environment}: processor, cores, governor, memory to the GiB, pages, kernel, JDK, JVM flags
     * and container limits.
     */
    public static EnvironmentClass of(final Environment environment) {
        final Map<String, String> values = new LinkedHashMap<>();
        values.put("cpu.model", environment.cpu().model());
        values.put("cpu.cores", text(environment.cpu().cores()));
        values.put("cpu.availableCores", text(environment.cpu().availableCores()));
        values.put("cpu.governor", environment.cpu().governor());
        final Long total = environment.memory().totalBytes();
        values.put("memory.GiB", total == null ? null : text(Math.round((double) total / GIB)));
        values.put("memory.transparentHugePages", environment.memory().transparentHugePages());
        values.put("os", environment.os().name() + " " + environment.os().kernel() + " " + environment.os().arch());
        values.put("jdk", environment.jdk().vm() + " " + environment.jdk().version());
        values.put("jdk.flags", String.join(" ",
            environment.jdk().flags().stream().filter(flag -> !flag.startsWith("-Dexpertlane.")).toList()));
        values.put("container.cpus", text(environment.container().cpus()));
        values.put("container.memoryBytes", text(environment.container().memoryBytes()));
        return new EnvironmentClass(values);
    }

    /** Each value that differs from that of {@code other}, as {@code name: this, that}. */
    public List<String> differences(final EnvironmentClass other) {
        final List<String> differences = new ArrayList<>();
        values.forEach((name, value) -> {
            final String others = other.values.get(name);
            if (!Objects.equals(value, others)) {
                differences.add(name + ": " + value + ", " + others);
            }
        });
        return differences;
    }

    private static String text(final Object value) {
        return value == null ? null : value.toString();
    }
}

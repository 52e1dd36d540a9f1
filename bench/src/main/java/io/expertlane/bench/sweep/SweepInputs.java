package io.expertlane.bench.sweep;

import io.expertlane.bench.results.Checksums;
import io.expertlane.bench.results.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Stream;
import tools.jackson.databind.JsonNode;

/**
 * The content of the files that a sweep names: a cluster, a model, a recorded routing. It is part of what a sweep is:
 * numbers of one cluster file are not kept as those of another with the same name.
 *
 * @param digests SHA-256 of each file, by its name as the sweep gives it; of a folder, of each file in it that is
 *                read
 */
record SweepInputs(SortedMap<String, String> digests) {
    private static final String FIELD = "inputs";
    private static final String JSON = ".json";
    private static final String TEXT = ".txt";
    private static final String RECORDED = "esft:";

    /** The content at present. */
    static SweepInputs of(final SweepDefinition definition) throws IOException {
        final SortedMap<String, String> digests = new TreeMap<>();
        for (final Map.Entry<String, List<String>> option : definition.values().entrySet()) {
            for (final String value : option.getValue()) {
                for (final Path file : files(option.getKey(), value)) {
                    digests.put(file.toString(), Checksums.digest(file));
                }
            }
        }
        return new SweepInputs(digests);
    }

    /** The files that {@code value} of an option names. */
    private static List<Path> files(final String option, final String value) throws IOException {
        try {
            return switch (option) {
                case "cluster", "model" -> value.endsWith(JSON) ? List.of(Path.of(value)) : List.of();
                case "routing" -> value.startsWith(RECORDED) ? list(Path.of(value.substring(RECORDED.length())))
                    : List.of();
                default -> List.of();
            };
        } catch (final InvalidPathException e) {
            throw new IllegalArgumentException("--" + option + "=" + value + ": no path", e);
        }
    }

    private static List<Path> list(final Path folder) throws IOException {
        try (Stream<Path> entries = Files.list(folder)) {
            return entries.filter(file -> file.toString().endsWith(TEXT)).toList();
        }
    }

    /** What {@link #field} wrote into a header, none if there is none. */
    static SweepInputs ofHeader(final JsonNode header) {
        final SortedMap<String, String> digests = new TreeMap<>();
        header.path(FIELD).properties().forEach(entry -> digests.put(entry.getKey(), entry.getValue().asString()));
        return new SweepInputs(digests);
    }

    /** As a field of JSON behind others; empty where no file is named. */
    String field() {
        return digests.isEmpty() ? "" : ",\"" + FIELD + "\":" + Json.mapper().<JsonNode>valueToTree(digests);
    }

    /** Stops a sweep whose files change while it runs: its points would be of different ones. */
    void requireUnchanged(final SweepDefinition definition) throws IOException {
        final SweepInputs present = of(definition);
        if (present.equals(this)) {
            return;
        }
        final List<String> names = new ArrayList<>(digests.keySet());
        present.digests.keySet().stream().filter(name -> !digests.containsKey(name)).forEach(names::add);
        names.removeIf(name -> digests.getOrDefault(name, "").equals(present.digests.get(name)));
        throw new IllegalArgumentException(String.join(", ", names)
            + ": changed while the sweep ran; run it again once the files stay as they are");
    }
}

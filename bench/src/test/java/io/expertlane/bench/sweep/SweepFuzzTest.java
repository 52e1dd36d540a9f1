package io.expertlane.bench.sweep;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.results.OutputDirectory;
import io.expertlane.bench.results.ReaderTarget;
import io.expertlane.kernel.fuzz.FuzzSuite;
import io.expertlane.kernel.fuzz.FuzzTarget;
import io.expertlane.kernel.fuzz.MemoryFolder;
import io.expertlane.kernel.fuzz.Mutator;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.io.TempDir;

/** Sweep files, journals that a run left behind, and folders of shards that others wrote. */
class SweepFuzzTest extends FuzzSuite {
    private static final SweepInputs NO_INPUTS = new SweepInputs(new TreeMap<>());
    private static final String DEFINITION = """
        {"base": {"model": "deepseek-v3", "ep": 32},
         "grid": {"tokens": [16, 32], "set.nic.mtuBytes": [1024, "4096"]},
         "plots": [{"x": "tokens", "y": "tpotMicros", "series": "set.nic.mtuBytes"}]}
        """;

    @TempDir(factory = MemoryFolder.class)
    private Path folder;

    @Override
    protected List<FuzzTarget> targets() throws IOException {
        return List.of(definition(), journal(), merge());
    }

    private static FuzzTarget definition() {
        final List<byte[]> seeds = List.of(bytes(DEFINITION), bytes("{\"grid\": {\"tokens\": [1]}}"));
        return ReaderTarget.of("sweep", Mutator.ofText(seeds, "set.", "json", "-x", "wqes", "1e3", "true"), input -> {
            final SweepDefinition read = SweepDefinition.parse(new String(input, StandardCharsets.UTF_8));
            assertThat(SweepDefinition.ofLine(read.line())).isEqualTo(read);
            assertThat(read.arguments(read.size() - 1)).isNotNull();
        });
    }

    private static byte[] bytes(final String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static SweepDefinition sample() {
        final SweepDefinition whole = SweepDefinition.parse(DEFINITION);
        return new SweepDefinition(whole.base(), whole.grid(), List.of());
    }

    private static String point(final SweepDefinition definition, final int index) {
        final String names = definition.parameters(index).entrySet().stream().map(e -> "\"" + e.getKey() + "\":\""
            + e.getValue() + "\"")
            .collect(Collectors.joining(","));
        final String values = SweepValues.COLUMNS.stream().map(column -> "\"" + column + "\":"
            + (column.startsWith("ttft") ? "null" : "1.5"))
            .collect(Collectors.joining(","));
        return "{\"index\":" + index + ",\"point\":{" + names + "},\"values\":{" + values + "}}";
    }

    /** Opened, its lines are of this sweep's points; opened again, it is the same. */
    private FuzzTarget journal() {
        final SweepDefinition definition = sample();
        final String header = SweepFolder.header(definition, NO_INPUTS, Shard.WHOLE);
        final List<byte[]> seeds = new ArrayList<>();
        for (int points = 0; points <= definition.size(); points++) {
            final StringBuilder text = new StringBuilder(header).append('\n');
            for (int index = 0; index < points; index++) {
                text.append(point(definition, index)).append('\n');
            }
            seeds.add(bytes(text.toString()));
        }
        final Path file = folder.resolve("journal.jsonl");
        final Path results = folder.resolve("results");
        return ReaderTarget.of("journal", Mutator.ofText(seeds, "\n", "{\"index\":0}", "\"index\":3"), input -> {
            Files.write(file, input);
            final Map<Integer, String> lines;
            try (Journal journal = Journal.open(file, header, definition)) {
                lines = new TreeMap<>(journal.lines());
            }
            try (Journal journal = Journal.open(file, header, definition)) {
                assertThat(journal.lines()).isEqualTo(lines);
            }
            assertThat(lines.keySet()).allMatch(index -> index >= 0 && index < definition.size());
            if (lines.size() == definition.size()) {
                Files.createDirectories(results);
                SweepFolder.write(results, definition, NO_INPUTS, Shard.WHOLE, lines);
                assertThat(SweepFolder.readPoints(results)).containsExactlyElementsOf(lines.values());
            }
        });
    }

    /** Two shards, the second one's files changed: merged, or refused before anything is written. */
    private FuzzTarget merge() throws IOException {
        final SweepDefinition definition = sample();
        for (int shard = 1; shard <= 2; shard++) {
            final Path part = Files.createDirectories(folder.resolve("part-" + shard));
            SweepFolder.write(part, definition, NO_INPUTS, new Shard(shard, 2), points(definition, shard));
        }
        final Path second = folder.resolve("part-2");
        final Path target = folder.resolve("merged");
        final String header = Files.readString(second.resolve("sweep.json"));
        final String points = Files.readString(second.resolve("points.jsonl"));
        return ReaderTarget.of("merge", Mutator.ofText(List.of(bytes(header + points)), "\n", "{\"index\":0}",
            "\"1/2\"", "\"shard\""), input -> {
            final String text = new String(input, StandardCharsets.ISO_8859_1);
            final int cut = text.indexOf('\n') + 1;
            Files.writeString(second.resolve("sweep.json"), text.substring(0, cut), StandardCharsets.ISO_8859_1);
            Files.writeString(second.resolve("points.jsonl"), text.substring(cut), StandardCharsets.ISO_8859_1);
            if (Files.exists(target)) {
                OutputDirectory.delete(target);
            }
            try {
                Sweep.merge(List.of(folder.resolve("part-1"), second), target);
            } catch (final IllegalArgumentException e) {
                assertThat(target).doesNotExist();
                throw e;
            }
            assertThat(SweepFolder.readPoints(target)).hasSize(definition.size());
        });
    }

    private static Map<Integer, String> points(final SweepDefinition definition, final int shard) {
        final Map<Integer, String> lines = new TreeMap<>();
        for (int index = shard - 1; index < definition.size(); index += 2) {
            lines.put(index, point(definition, index));
        }
        return lines;
    }
}

package io.expertlane.bench.sweep;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Journals and folders of shards that are not what this sweep has written. */
class SweepFolderTest {
    private static final SweepDefinition DEFINITION = SweepDefinition.parse(
        "{\"grid\": {\"tokens\": [1, 2], \"ep\": [8, 16]}}");
    private static final SweepInputs NO_INPUTS = new SweepInputs(new TreeMap<>());
    private static final String HEADER = SweepFolder.header(DEFINITION, NO_INPUTS, Shard.WHOLE);
    /** More than any machine needs for what is linear, less than it needs for the square of a million. */
    private static final Duration FAR_TOO_LONG = Duration.ofMinutes(2);

    @TempDir
    private Path folder;
    private Path part;

    @BeforeEach
    void writeShards() throws IOException {
        for (int shard = 1; shard <= 2; shard++) {
            final Map<Integer, String> lines = new TreeMap<>();
            for (int index = shard - 1; index < DEFINITION.size(); index += 2) {
                lines.put(index, point(index));
            }
            part = Files.createDirectory(folder.resolve("part-" + shard));
            SweepFolder.write(part, DEFINITION, NO_INPUTS, new Shard(shard, 2), lines);
        }
    }

    private static String point(final int index) {
        return SweepPoint.line(index, DEFINITION.parameters(index), SweepValues.COLUMNS.stream()
            .collect(Collectors.toMap(name -> name, _ -> 1.5)));
    }

    private void merge() throws IOException {
        Sweep.merge(List.of(folder.resolve("part-1"), part), folder.resolve("whole"));
    }

    @Test
    void aSweepStopsWhenAFileItNamesChangesMeanwhile() throws IOException {
        final Path cluster = Files.writeString(folder.resolve("cluster.json"), "{}");
        final SweepDefinition definition = SweepDefinition.parse("{\"base\": {\"cluster\": \"" + cluster
            + "\"}, \"grid\": {\"tokens\": [1, 2]}}");
        final Path results = folder.resolve("results");
        final Sweep sweep = new Sweep(definition, Shard.WHOLE, results, _ -> {
            Files.writeString(cluster, "{ }");
            return null;
        });
        assertThatThrownBy(() -> sweep.run(1, _ -> { })).isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith(cluster + ": changed while the sweep ran");
        assertThat(Files.readAllLines(results.resolve("journal.jsonl"))).as("no point, the header alone").hasSize(1);
        assertThat(SweepFolder.isComplete(results)).isFalse();
    }

    private Map<Integer, String> journal(final String text) throws IOException {
        final Path file = Files.writeString(folder.resolve("journal.jsonl"), text);
        try (Journal journal = Journal.open(file, HEADER, DEFINITION)) {
            return Map.copyOf(journal.lines());
        }
    }

    @Test
    void readsWhatWasWritten() throws IOException {
        assertThat(journal(HEADER + "\n" + point(3) + "\n" + point(0) + "\n{\"index\":1")).containsOnlyKeys(0, 3);
        merge();
        assertThat(SweepFolder.readPoints(folder.resolve("whole"))).hasSize(DEFINITION.size());
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "''; is of another sweep", "{}; is of another sweep"})
    void refusesJournalsOfOtherSweeps(final String header, final String complaint) {
        assertThatThrownBy(() -> journal(header + "\n")).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining(complaint);
    }

    /** Each of them came into the results as it was, or ended in a stack trace. */
    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "\"index\":3; \"index\":4; no result of one of the 4 points",
        "\"index\":3; \"index\":-1; no result of one of the 4 points",
        "\"index\":3; \"index\":\"3\"; no result of one of the 4 points",
        "\"tokens\":\"2\"; \"tokens\":\"1\"; other parameters than point 3",
        "\"wqes\":1.5; \"wqes\":\"many\"; no number as wqes", "\"wqes\":1.5; \"x\":1; no number as wqes",
        "{\"index\"; \"index\"; not whole JSON",
        "\"index\":3; \"index\": 3; not in the form", "\"index\":3; \"index\":3,\"index\":3; not in the form"})
    void refusesLinesThatAreNoPoints(final String from, final String to, final String complaint) throws IOException {
        final String line = point(3).replace(from, to);
        assertThatThrownBy(() -> journal(HEADER + "\n" + line + "\n")).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("line 2")
            .hasMessageContaining(complaint);
        Files.writeString(part.resolve("points.jsonl"), point(1) + "\n" + line + "\n");
        assertThatThrownBy(this::merge).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("line 2")
            .hasMessageContaining(complaint);
        assertThat(folder.resolve("whole")).doesNotExist();
    }

    /** As a blank it is JSON, as a line end it made two lines of one. */
    @Test
    void refusesACarriageReturnInALine() {
        final String line = point(3).replace("\"wqes\"", "\r\"wqes\"");
        assertThatThrownBy(() -> journal(HEADER + "\n" + line + "\n")).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("not in the form");
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {"{; not what a sweep writes", "{\"sweep\":{}}; not what a sweep writes",
        "[]; not what a sweep writes",
        "{\"sweep\":{\"grid\":{\"ep\":[1]}}}; of another sweep"})
    void refusesDefinitionsThatAreNone(final String text, final String complaint) throws IOException {
        Files.writeString(part.resolve("sweep.json"), text + "\n");
        assertThatThrownBy(this::merge).isInstanceOf(IllegalArgumentException.class).hasMessageContaining(complaint);
        assertThat(folder.resolve("whole")).doesNotExist();
    }

    @Test
    void refusesFilesThatAreNoText() throws IOException {
        Files.write(part.resolve("points.jsonl"), new byte[] {(byte) 0xCD});
        assertThatThrownBy(this::merge).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("points.jsonl: expected text in UTF-8");
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {"[[[; not JSON, line 1",
        "{\"grid\": {\"ep\": [1]}, \"plots\": [{\"x\": [], \"y\": \"wqes\"}]}; plots[0].x",
        "{\"grid\": {\"ep\": [1]}, \"plots\": [{\"x\": \"ep\", \"y\": {}}]}; plots[0].y"})
    void refusesDefinitionsOfAnyForm(final String text, final String complaint) {
        assertThatThrownBy(() -> SweepDefinition.parse(text)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining(complaint);
        assertThatThrownBy(() -> SweepDefinition.parse("[".repeat(2000))).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("not JSON");
    }

    @Test
    void aMillionValuesAreReadInLinearTime() {
        final String values = IntStream.range(0, 1_000_000).mapToObj(Integer::toString)
            .collect(Collectors.joining(","));
        final SweepDefinition read = Assertions.assertTimeoutPreemptively(FAR_TOO_LONG,
            () -> SweepDefinition.parse("{\"grid\": {\"ep\": [" + values + "]}}"));
        assertThat(read.size()).isEqualTo(1_000_000);
    }
}

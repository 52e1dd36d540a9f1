package io.expertlane.bench.suite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class PresetTest {
    private static final Timing SHORT = new Timing(1, 0, 1, 10);

    static List<Preset> presets() {
        return List.copyOf(Presets.all().values());
    }

    @Test
    void expandsParametersInOrder() {
        final Preset preset = new Preset("p", List.of(PresetRow.timed("SampleBenchmark.copy", SHORT)));
        assertThat(preset.trials(_ -> true)).extracting(Trial::label)
            .containsExactly("SampleBenchmark.copy lengthBytes=4096", "SampleBenchmark.copy lengthBytes=65536");
    }

    @Test
    void refusesRowsThatNameNothing() {
        assertThatThrownBy(() -> new Preset("p", List.of(PresetRow.timed("No.such", SHORT))).trials(_ -> true))
            .isInstanceOf(IllegalArgumentException.class).hasMessage("preset=p: benchmark No.such is not in the jar");
        assertThatThrownBy(() -> new Preset("p",
            List.of(PresetRow.timed("SampleBenchmark.copy", SHORT).param("x", "1"))).trials(_ -> true))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage("preset=p: SampleBenchmark.copy has parameters [lengthBytes], not all of [x]");
    }

    /** A few kilobytes of values would be more combinations than memory holds. */
    @Test
    void refusesMoreCombinationsThanCouldRun() {
        final String[] many = IntStream.rangeClosed(1, 1001).mapToObj(Integer::toString).toArray(String[]::new);
        final PresetRow row = PresetRow.timed("LowLatencyBenchmark.dispatch", SHORT);
        final PresetRow wide = row.param("tokens", many).param("hidden", many);
        assertThatThrownBy(() -> new Preset("p", List.of(wide)).trials(_ -> true))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage("preset=p: LowLatencyBenchmark.dispatch has more combinations of parameters than 100000");
    }

    @Test
    void addsCeilingsThatAPresetLeavesOut() {
        final Preset preset = new Preset("p",
            List.of(PresetRow.timed("SampleBenchmark.allocate", SHORT).param("lengthBytes", "4096")));
        assertThat(preset.trials(_ -> true)).extracting(Trial::label).containsExactly(
            "SampleBenchmark.copy lengthBytes=4096", "SampleBenchmark.copy lengthBytes=65536",
            "SampleBenchmark.allocate lengthBytes=4096");
    }

    @ParameterizedTest
    @MethodSource("presets")
    void shippedPresetsResolve(final Preset preset) {
        final List<Trial> trials = preset.trials(name -> !name.startsWith("SampleBenchmark"));
        assertThat(trials).doesNotHaveDuplicates().isNotEmpty();
        assertThat(trials).extracting(Trial::fileName).as("names of files").doesNotHaveDuplicates();
        assertThat(trials).allSatisfy(trial -> trial.ceiling().ifPresent(name ->
            assertThat(trials).as("ceiling of " + trial.label()).anyMatch(t -> t.row().benchmark().equals(name))));
    }

    @ParameterizedTest
    @CsvSource({"quick, 3", "standard, 30", "nightly, 120", "kernel, 10"})
    void shippedPresetsFitTheirTime(final String name, final int minutes) {
        final long millis = Presets.all().get(name).trials(_ -> true).stream().mapToLong(t -> t.row().expectedMillis())
            .sum();
        assertThat(millis).isBetween(minutes * 40_000L, minutes * 60_000L);
    }

    @ParameterizedTest
    @CsvSource({"standard", "nightly"})
    void theLongPresetsLeaveNoBenchmarkClassOut(final String name) {
        assertThat(Presets.all().get(name).rows().stream()
            .map(row -> row.benchmark().substring(0, row.benchmark().indexOf('.'))).distinct())
            .containsExactlyInAnyOrderElementsOf(new Suite().names().stream().map(n -> n.substring(0, n.indexOf('.')))
            .distinct()
                .filter(n -> !n.startsWith("Sample") && !n.startsWith("Broken")).toList());
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "{\"rows\": []}; rows is missing or empty", "[]; line 1",
            "{\"rows\": [{\"benchmark\": \"A.b\"}]}; a row without timing",
        "{\"row\": []}; row", "{; line 1",
        "{\"timing\": {\"forks\": 0, \"warmupIterations\": 0, \"measurementIterations\": 1, \"iterationMillis\": 1}}; "
        + "forks=0: 1 to",
        "{\"timing\": {\"forks\": 1, \"warmupIterations\": 0, \"measurementIterations\": 1, \"iterationMillis\": 1}, "
        + "\"rows\": [{\"benchmark\": \"A.b\","
            + "\"setupMillis\": -1}]}; setupMillis=-1: 0 to 1000000"})
    void refusesFilesThatAreNoPreset(final String text, final String complaint, @TempDir final Path folder)
    throws IOException {
        final Path file = Files.writeString(folder.resolve("p.json"), text);
        assertThatThrownBy(() -> Presets.read(file)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith("preset=" + file)
            .hasMessageContaining(complaint);
    }

    @Test
    void refusesFilesThatAreNoText(@TempDir final Path folder) throws IOException {
        final Path file = Files.write(folder.resolve("p.json"), new byte[] {(byte) 0xCD});
        assertThatThrownBy(() -> Presets.read(file)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("preset=" + file + ": not UTF-8");
    }
}

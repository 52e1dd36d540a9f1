package io.expertlane.bench.suite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
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
            .hasMessage("preset=p: benchmark No.such is not in the jar");
        assertThatThrownBy(() -> new Preset("p", List.of(PresetRow.timed("SampleBenchmark.copy", SHORT).param("x", "1"))).trials(_ -> true))
            .hasMessage("preset=p: SampleBenchmark.copy has parameters [lengthBytes], not all of [x]");
        assertThatThrownBy(() -> new Preset("p", List.of(PresetRow.timed("SampleBenchmark.copy", SHORT).against("No.such"))).trials(_ -> true))
            .hasMessage("preset=p: roofline No.such is no row");
    }

    @ParameterizedTest
    @MethodSource("presets")
    void shippedPresetsResolveAndTheirRooflinesAreUnique(final Preset preset) {
        final List<Trial> trials = preset.trials(_ -> true);
        assertThat(trials).doesNotHaveDuplicates();
        for (final Trial trial : trials) {
            trial.row().bytesPerOp().ifPresent(bytes -> assertThat(bytes.applyAsLong(trial.params())).as(trial.label()).isPositive());
            trial.row().roofline().ifPresent(name -> {
                assertThat(trial.row().bytesPerOp()).as(trial.label()).isPresent();
                assertThat(trials.stream().filter(t -> t.row().benchmark().equals(name) && t.row().bytesPerOp().isPresent()).toList())
                    .as("roofline of " + trial.label()).hasSize(1);
            });
        }
    }

    @Test
    void quickTakesAboutThreeMinutes() {
        final long millis = Presets.all().get("quick").trials(_ -> true).stream().mapToLong(t -> t.row().timing().expectedMillis()).sum();
        assertThat(millis).isLessThan(200_000);
    }
}

package io.expertlane.bench.suite;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.results.ReaderTarget;
import io.expertlane.kernel.fuzz.FuzzSuite;
import io.expertlane.kernel.fuzz.FuzzTarget;
import io.expertlane.kernel.fuzz.MemoryFolder;
import io.expertlane.kernel.fuzz.Mutator;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;

/** Preset files: read, and made the trials that would run. */
class PresetFuzzTest extends FuzzSuite {
    private static final String TEXT = """
        {"timing": {"forks": 1, "warmupIterations": 6, "measurementIterations": 5, "iterationMillis": 500},
         "rows": [{"benchmark": "LowLatencyBenchmark.dispatch", "params": {"tokens": ["8", "128"]}},
                  {"benchmark": "CodecBenchmark.reduce8", "setupMillis": 900,
                   "timing": {"forks": 2, "warmupIterations": 0, "measurementIterations": 1, "iterationMillis": 1}}]}
        """;

    @TempDir(factory = MemoryFolder.class)
    private Path folder;

    @Override
    protected List<FuzzTarget> targets() {
        final Path file = folder.resolve("a.json");
        return List.of(ReaderTarget.of("preset", Mutator.ofText(List.of(TEXT.getBytes(StandardCharsets.UTF_8)), "\"hidden\"", "\"RowMemoryBenchmark.copy\"", "100000"),
            input -> {
                Files.write(file, input);
                final List<Trial> trials = Presets.read(file).trials(name -> true);
                assertThat(trials).allMatch(trial -> trial.row().expectedMillis() >= 0 && !trial.label().isEmpty());
            }));
    }
}

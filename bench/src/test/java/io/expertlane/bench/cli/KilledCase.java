package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.results.Better;
import io.expertlane.bench.results.Run;
import io.expertlane.bench.results.SampleRun;
import io.expertlane.bench.sweep.Sweep;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A command that takes about a second, what it reads, and what it may leave behind. Each works in a folder: it writes to {@code work} below it, and
 * nowhere else but its folder for temporary files.
 */
enum KilledCase {
    /** A folder that appears whole. */
    EXCHANGE {
        @Override
        List<String> arguments() {
            return words("exchange --routing uniform --ranks 2 --tokens-per-rank 64 --hidden 512 --topk 2 --experts 4 --warmup-seconds 0 --out work/out");
        }

        @Override
        void checkUnfinished(final Path folder, final Map<String, String> whole) throws IOException {
            final Map<String, String> found = contents(folder.resolve("work"));
            if (!found.isEmpty()) {
                assertThat(found).isEqualTo(whole);
            }
        }

        /** It refuses a folder that is there. */
        @Override
        boolean isFinal(final Path folder) {
            return Files.exists(folder.resolve("work/out"));
        }
    },
    /** A folder that grows, point by point. */
    SWEEP {
        @Override
        List<String> arguments() {
            return words("sweep grid.json --threads 1 --out work/out");
        }

        @Override
        void prepare(final Path folder) throws IOException {
            Files.writeString(folder.resolve("grid.json"), "{\"base\": {\"model\": \"qwen3-235b\", \"ep\": 4},"
                + "\"grid\": {\"tokens\": [1, 2, 4], \"ports\": [\"fixed\", \"preallocated\"]}, \"plots\": [{\"x\": \"tokens\", \"y\": \"dispatchP50Micros\"}]}");
        }

        @Override
        void checkUnfinished(final Path folder, final Map<String, String> whole) throws IOException {
            final Path merged = folder.resolve("merged");
            try {
                Sweep.merge(List.of(folder.resolve("work/out")), merged);
            } catch (final IllegalArgumentException e) {
                assertThat(e).hasMessageContaining("no complete sweep");
                return;
            }
            assertThat(contents(merged)).isEqualTo(contents(folder.resolve("work/out"), "journal.jsonl"));
            assertThat(contents(folder.resolve("work"), "journal.jsonl")).isEqualTo(whole);
        }
    },
    /** A folder of files that are each replaced whole. */
    REPORT {
        @Override
        List<String> arguments() {
            return words("report --results results --out work/site");
        }

        @Override
        void prepare(final Path folder) throws IOException {
            for (int day = 1; day <= 3; day++) {
                new SampleRun("2026-01-0" + day + "T03:04:05Z").timed("Sample.copy", new double[] {1, 2, 3}, new double[] {2, 3, 4})
                    .simulated("simulate.tpot", 12.5, Better.LOWER).latency("Open.loop", null, 10, 20, 30).write(folder.resolve("results"));
            }
        }

        @Override
        void checkUnfinished(final Path folder, final Map<String, String> whole) throws IOException {
            contents(folder.resolve("work")).forEach((name, text) -> assertThat(text).as(name).isEqualTo(whole.get(name)));
        }
    },
    /** A run's folder that appears whole, measured in JVMs of its own. */
    BENCH {
        @Override
        List<String> arguments() {
            return words("bench --preset short.json --include empty$ --results work/results");
        }

        @Override
        void prepare(final Path folder) throws IOException {
            Files.writeString(folder.resolve("short.json"), "{\"timing\": {\"forks\": 1, \"warmupIterations\": 0, \"measurementIterations\": 1,"
                + "\"iterationMillis\": 10}, \"rows\": [{\"benchmark\": \"HarnessBenchmark.empty\", \"params\": {\"ranks\": [\"1\", \"2\"]}}]}");
        }

        @Override
        void checkUnfinished(final Path folder, final Map<String, String> whole) throws IOException {
            final Path results = folder.resolve("work/results");
            if (Files.exists(results)) {
                Run.readAll(results);
            }
        }

        @Override
        void checkFinished(final Path folder, final Map<String, String> whole) throws IOException {
            assertThat(Run.readAll(folder.resolve("work/results")).getLast().summary().rows()).hasSize(2);
        }
    };

    abstract List<String> arguments();

    /** Checks what was left by a run that did not come to its end: {@code whole} is what one leaves that did. */
    abstract void checkUnfinished(Path folder, Map<String, String> whole) throws IOException;

    /** Makes what the command reads. */
    void prepare(final Path folder) throws IOException {
        // Nothing but its arguments.
    }

    /** Whether the same command would be refused because it has come to its end. */
    boolean isFinal(final Path folder) {
        return false;
    }

    /** Checks what a run has left that came to its end: the same bytes. */
    void checkFinished(final Path folder, final Map<String, String> whole) throws IOException {
        assertThat(contents(folder.resolve("work"))).isEqualTo(whole);
    }

    /** Checks that nothing is left of runs that did not come to their end; a run that could not be put in its place is kept, and no rest. */
    static void checkNothingLeft(final Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            assertThat(all.map(path -> folder.relativize(path).toString()).filter(name -> name.matches("work/(.*/)?\\..*") || name.matches("tmp/\\.?expertlane-(?!results-).*")))
                .as("left behind").isEmpty();
        }
    }

    private static List<String> words(final String text) {
        return List.of(text.split(" "));
    }

    /** Files below {@code folder} by name, as Latin-1 text: byte for byte; hidden ones and {@code others} are left out. */
    static Map<String, String> contents(final Path folder, final String... others) throws IOException {
        if (!Files.exists(folder)) {
            return Map.of();
        }
        try (Stream<Path> files = Files.walk(folder)) {
            final List<Path> names = files.filter(Files::isRegularFile).filter(file -> !(folder.relativize(file).toString()).matches("(.*/)?\\..*"))
                .filter(file -> !List.of(others).contains(file.getFileName().toString())).toList();
            final Map<String, String> contents = new TreeMap<>();
            for (final Path file : names) {
                contents.put(folder.relativize(file).toString(), Files.readString(file, StandardCharsets.ISO_8859_1));
            }
            return contents;
        }
    }

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}

package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.expertlane.bench.results.Json;
import io.expertlane.bench.results.Run;
import io.expertlane.bench.suite.Preset;
import io.expertlane.bench.suite.PresetRow;
import io.expertlane.bench.suite.Timing;
import java.io.FilterWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;
import tools.jackson.databind.JsonNode;

class BenchCommandTest {
    private static final Clock CLOCK = Clock.fixed(Instant.parse("2026-01-02T03:04:05Z"), ZoneOffset.UTC);
    private static final Timing SHORT = new Timing(1, 0, 1, 10);
    private static final Preset SAMPLE = new Preset("sample", List.of(
        PresetRow.timed("SampleBenchmark.copy", SHORT).param("lengthBytes", "65536"),
        PresetRow.timed("SampleBenchmark.wrongAnswer", SHORT),
        PresetRow.timed("SampleBenchmark.allocate", SHORT).param("lengthBytes", "4096")));

    @TempDir
    private Path folder;
    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    @Test
    void keepsWhatFinishedAndFailsForAWrongAnswer() throws IOException {
        final int exitCode = execute("--preset", "sample", "--results", folder.resolve("r").toString(), "--json");
        assertThat(exitCode).as(err.toString()).isEqualTo(1);
        assertThat(err.toString()).contains("expertlane: SampleBenchmark.wrongAnswer {lengthBytes=4096} failed: "
            + "java.lang.IllegalStateException: row 3 is not the row sent")
            .contains("[4/4] SampleBenchmark.allocate lengthBytes=4096");

        final Path run = folder.resolve("r/2026-01-02T030405-nocommit");
        final JsonNode summary = Json.mapper().readTree(run.resolve("summary.json"));
        assertThat(Json.mapper().readTree(out.toString())).isEqualTo(summary);
        assertThat(summary.get("rows").valueStream().map(r -> r.get("benchmark").asString()))
            .containsExactly("SampleBenchmark.copy", "SampleBenchmark.wrongAnswer", "SampleBenchmark.allocate");
        final JsonNode copy = summary.at("/rows/0");
        final JsonNode allocate = summary.at("/rows/2");
        assertThat(copy.get("gigabytesPerSecond").asDouble()).isEqualTo(65536 / copy.get("nanosPerOp").asDouble());
        assertThat(copy.get("roofline").isNull()).isTrue();
        assertThat(allocate.get("rooflineRatio").asDouble())
            .isEqualTo(allocate.get("gigabytesPerSecond").asDouble() / copy.get("gigabytesPerSecond").asDouble());
        assertThat(allocate.get("allocatedBytesPerOp").asDouble()).as("the array, and what the harness adds")
            .isBetween(4096.0, 16_384.0);
        assertThat(summary.at("/rows/1/bytesPerOp").isNull()).isTrue();
        assertThat(summary.at("/failed/0/params/lengthBytes").asString()).isEqualTo("4096");

        assertThat(Json.mapper().readTree(run.resolve("jmh.json")).size()).isEqualTo(3);
        assertThat(Json.mapper().readTree(run.resolve("environment.json")).at("/commandLine").toString())
            .contains("--preset");
        assertThat(entries(folder.resolve("r"))).containsExactly(run);
        final Run read = Run.read(run);
        assertThat(read.summary().partial()).isTrue();
        assertThat(read.measurements()).extracting(m -> m.series().label())
            .contains("SampleBenchmark.copy lengthBytes=65536",
            "SampleBenchmark.allocate lengthBytes=4096 [allocation]");
    }

    @Test
    void keepsTheRunElsewhereWhereItsFolderCannotBeWritten() throws IOException {
        final Path results = folder.resolve("r");
        final PrintWriter filling = new PrintWriter(new FilterWriter(err) {
            @Override
            public void write(final String text, final int offset, final int length) throws IOException {
                if (Files.notExists(results)) {
                    Files.writeString(results, "a file comes in the way while benchmarks run");
                }
                super.write(text, offset, length);
            }
        }, true);
        final CommandLine commandLine = new CommandLine(new BenchCommand(() -> Map.of("sample", SAMPLE), CLOCK))
            .setOut(new PrintWriter(out, true)).setErr(filling);
        ErrorPolicy.install(commandLine);
        assertThat(commandLine.execute("--preset", "sample", "--include", "alloc", "--results", results.toString()))
            .as(err.toString()).isEqualTo(2);
        final String line = err.toString().lines().filter(l -> l.startsWith("expertlane: ")).findFirst().orElseThrow();
        assertThat(line).contains("--results=" + results, "cannot be made", "; the run is kept in ");
        final Path kept = Path.of(line.substring(line.lastIndexOf(' ') + 1));
        assertThat(Run.read(kept).measurements()).hasSize(4);
        assertThat(results).hasContent("a file comes in the way while benchmarks run");
        try (Stream<Path> left = Files.walk(kept.getParent())) {
            for (final Path each : left.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(each);
            }
        }
    }

    @Test
    void runsTheRooflineOfWhatIsAskedForAndPrintsATable() throws IOException {
        final int exitCode = execute("--preset", "sample", "--include", "alloc", "--results", folder.toString());
        assertThat(exitCode).as(err.toString()).isZero();
        assertThat(out.toString().lines().map(l -> l.split(" ")[0]))
            .containsExactly("benchmark", "SampleBenchmark.copy", "SampleBenchmark.allocate");
        assertThat(err.toString()).contains("results: ");
    }

    @Test
    void writesNothingWhereNothingFinished() throws IOException {
        final Preset wrong = new Preset("wrong",
            List.of(PresetRow.timed("SampleBenchmark.wrongAnswer", SHORT).param("lengthBytes", "4096")));
        final BenchCommand command = new BenchCommand(() -> Map.of("wrong", wrong), CLOCK);
        assertThat(execute(command, "--preset", "wrong", "--results", folder.resolve("r").toString())).isEqualTo(1);
        assertThat(entries(folder)).isEmpty();
    }

    /** A kernel that loses bits measures as well as one that does not; its figures must not be kept. */
    @Test
    void refusesTheFiguresOfABrokenKernel() throws IOException {
        final Preset broken = new Preset("broken",
            List.of(dispatch("BrokenKernelBenchmark.dispatch"), dispatch("LowLatencyBenchmark.dispatch")));
        final int exitCode = execute(new BenchCommand(() -> Map.of("broken", broken), CLOCK), "--preset", "broken",
            "--include", "dispatch", "--results",
            folder.resolve("r").toString(), "--profile", "exchange", "--json");
        assertThat(exitCode).as(err.toString()).isEqualTo(1);
        final JsonNode summary = Json.mapper().readTree(out.toString());
        assertThat(summary.get("rows").valueStream().map(r -> r.get("benchmark").asString()))
            .contains("LowLatencyBenchmark.dispatch").doesNotContain("BrokenKernelBenchmark.dispatch");
        assertThat(summary.at("/failed/0/benchmark").asString()).isEqualTo("BrokenKernelBenchmark.dispatch");
        assertThat(summary.at("/failed/0/reason").asString())
            .matches("java.lang.AssertionError: rank \\d token 0 channel \\d+: combined .*, expected .*");
        final String raw = Files.readString(entries(folder.resolve("r")).getFirst().resolve("jmh.json"));
        assertThat(raw).contains("LowLatencyBenchmark.dispatch", "roofline.mustMove.norm", "roofline.moved.norm",
            "roofline.ceiling", "roofline.ratio")
            .doesNotContain("BrokenKernelBenchmark");
        final JsonNode metrics = Json.mapper().readTree(raw).valueStream()
            .filter(r -> r.get("benchmark").asString().endsWith("LowLatencyBenchmark.dispatch"))
            .findFirst().orElseThrow().get("secondaryMetrics");
        assertThat(metrics.at("/roofline.mustMove.norm/score").asDouble())
            .as("2 ranks x 2 tokens x 2 selections x (16 + 2 x 128) bytes").isEqualTo(2176);
        assertThat(metrics.at("/exchange.copies/score").asDouble()).as("two messages a token, and one staged")
            .isCloseTo(1.5, within(0.05));
        assertThat(metrics.at("/exchange.stage.send.norm/score").asDouble()).isPositive();
    }

    private static PresetRow dispatch(final String benchmark) {
        return PresetRow.timed(benchmark, SHORT).param("tokens", "2").param("hidden", "128").param("topK", "2")
            .param("experts", "4")
            .param("dispatchType", "BF16").param("combine", "PUSH");
    }

    @Test
    void plansWithoutMeasuring() throws IOException {
        assertThat(execute("--preset", "sample", "--plan", "--forks", "2", "-p", "lengthBytes=8,16", "--include",
            "copy")).as(err.toString()).isZero();
        assertThat(out.toString().lines())
            .containsExactly("    1.4 s  SampleBenchmark.copy lengthBytes=8",
            "    1.4 s  SampleBenchmark.copy lengthBytes=16",
            "preset sample: 2 trials, about 0.0 minutes");
    }

    @Test
    void runsAPresetFromAFileAndKeepsLatencies() throws IOException {
        final Path preset = folder.resolve("mine.json");
        Files.writeString(preset, """
            {"timing": {"forks": 1, "warmupIterations": 0, "measurementIterations": 2, "iterationMillis": 10},
             "rows": [{"benchmark": "SampleBenchmark.load", "params": {"lengthBytes": ["4096"]}}]}
            """);
        final Path results = folder.resolve("r");
        assertThat(execute("--preset", preset.toString(), "--include", "load", "--results", results.toString()))
            .as(err.toString()).isZero();
        final Run run = Run.read(entries(results).getFirst());
        assertThat(run.summary().rows()).isEmpty();
        assertThat(run.summary().latency()).singleElement().satisfies(latency -> {
            assertThat(latency.count()).as("of two runs, ten operations each").isEqualTo(20);
            assertThat(latency.excluded()).isNull();
            assertThat(entries(results).getFirst().resolve(latency.percentiles())).isRegularFile();
        });
        assertThat(out.toString()).contains("under load", "SampleBenchmark.load");
    }

    @Test
    void refusesBadInputBeforeMeasuring() throws IOException {
        Files.writeString(folder.resolve("file"), "");
        assertUsage("expertlane: --preset=slow: expected one of [sample] or a .json file", "--preset", "slow");
        assertUsage("expertlane: --include=(: not a regular expression (Unclosed group)", "--preset", "sample",
            "--include", "(");
        assertUsage("expertlane: --include=zzz: matches no benchmark of preset sample", "--preset", "sample",
            "--include", "zzz");
        assertUsage("expertlane: --profile=fast: expected one of [async, exchange, load, nic, roofline]", "--preset",
            "sample", "--profile", "fast");
        assertUsage("expertlane: forks=0: 1 to 1000000", "--preset", "sample", "--forks", "0");
        assertUsage("expertlane: -p x: no benchmark of preset sample has such a parameter", "--preset", "sample", "-p",
            "x=1");
        final Path below = folder.resolve("file/2026-01-02T030405-nocommit");
        assertUsage("expertlane: --results=" + below + ": cannot be made (" + folder.resolve("file")
            + " is no writable folder)",
            "--preset", "sample", "--results", folder.resolve("file").toString());
    }

    private void assertUsage(final String line, final String... arguments) {
        err.getBuffer().setLength(0);
        assertThat(execute(arguments)).isEqualTo(2);
        assertThat(err.toString()).isEqualTo(line + System.lineSeparator());
        assertThat(out.toString()).isEmpty();
    }

    private int execute(final String... arguments) {
        return execute(new BenchCommand(() -> Map.of("sample", SAMPLE), CLOCK), arguments);
    }

    private int execute(final BenchCommand command, final String... arguments) {
        final CommandLine commandLine = new CommandLine(command).setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(err, true));
        ErrorPolicy.install(commandLine);
        return commandLine.execute(arguments);
    }

    private static List<Path> entries(final Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.toList();
        }
    }
}

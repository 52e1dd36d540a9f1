package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.jmh.BenchmarkMain;
import io.expertlane.bench.results.Better;
import io.expertlane.bench.results.Json;
import io.expertlane.bench.results.SampleRun;
import java.io.File;
import java.io.FilterWriter;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.jar.Attributes;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** The commands that read results folders. */
class ResultsCommandsTest {
    @TempDir
    private Path folder;
    private Path older;
    private Path newer;

    @BeforeEach
    void writeRuns() throws IOException {
        older = sample("2026-01-01T00:00:00Z", 5).write(folder);
        newer = sample("2026-01-02T00:00:00Z", 6).write(folder);
    }

    private static SampleRun sample(final String date, final double micros) {
        return new SampleRun(date)
            .timed("A.x", Map.of("tokens", "8", "note", "a \"b\", c"), 16, new double[] {100}, new double[] {102})
            .simulated("simulate.tpot", micros, Better.LOWER).simulated("simulate.rate", 2 / micros, Better.HIGHER);
    }

    @Test
    void exportsJmhUntouched() throws IOException {
        assertThat(export("jmh", older.toString())).isEqualTo(Files.readString(older.resolve("jmh.json")));
        assertThat(export("jmh", "latest")).isEqualTo(Files.readString(newer.resolve("jmh.json")));
    }

    @Test
    void exportsSimulatedValuesForGithubActionBenchmark() {
        final JsonNode smaller = Json.mapper()
            .readTree(export("customSmallerIsBetter", newer.getFileName().toString()));
        assertThat(smaller.size()).isEqualTo(1);
        assertThat(smaller.get(0).get("name").asString()).isEqualTo("simulate.tpot ep=16 (simulated)");
        assertThat(smaller.get(0).get("value").asDouble()).isEqualTo(6);
        assertThat(smaller.get(0).get("unit").asString()).isEqualTo("us");
        assertThat(Json.mapper().readTree(export("customBiggerIsBetter", "latest")).get(0).get("name").asString())
            .startsWith("simulate.rate");
    }

    @Test
    void exportsCsv() {
        assertThat(export("csv", "latest").split("\r\n")).hasSize(5)
            .contains("2026-01-02T000000-0123456789,2026-01-02T00:00:00Z,"
            + "0123456789abcdef0123456789abcdef01234567,false,A.x,\"note=a \"\"b\"\", c "
            + "tokens=8\",time,ns/op,lower,101.0,100.0,102.0,2,0.5");
    }

    @Test
    void exportsOpenMetricsThatPromtoolAccepts() throws IOException, InterruptedException {
        final String text = export("openmetrics", "latest");
        assertThat(text).endsWith("# EOF\n")
            .contains("# TYPE expertlane_measured_seconds gauge\n# UNIT expertlane_measured_seconds seconds\n",
            "expertlane_measured_seconds{run=\"2026-01-02T000000-0123456789\",name=\"A.x\",params=\"note=a \\\"b\\\", "
            + "c tokens=8\",metric=\"time\",unit=\"ns/op\"} 1.01",
            "expertlane_measured_bytes{", "expertlane_simulated_seconds{");
        final Process promtool;
        try {
            promtool = new ProcessBuilder("promtool", "check", "metrics").redirectErrorStream(true).start();
        } catch (final IOException _) {
            Assumptions.abort("promtool is not installed");
            return;
        }
        promtool.getOutputStream().write(text.getBytes(StandardCharsets.UTF_8));
        promtool.getOutputStream().close();
        final String said = new String(promtool.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(promtool.waitFor()).as(said).isZero();
        assertThat(said).isEmpty();
    }

    @Test
    void writesExportsToFilesWholeOrNotAtAll() throws IOException {
        final Path out = folder.resolve("export.csv");
        CommandRun.of("export", newer, "--format", "csv", "--out", out).succeeded();
        assertThat(out).hasContent(export("csv", "latest"));
        CommandRun.of("export", newer, "--format", "csv", "--out", folder.resolve("no/such/folder.csv"))
            .refused("--out=" + folder.resolve("no/such/folder.csv") + ": no folder " + folder.resolve("no/such"));
        CommandRun.of("export", newer, "--format", "csv", "--out", "").refused("--out=: is empty");
    }

    @Test
    void comparesAndEndsWithThreeForARegression() {
        final CommandRun worse = CommandRun.of("compare", older.getFileName(), "latest", "--results", folder);
        assertThat(worse.exitCode()).isEqualTo(3);
        assertThat(worse.out()).contains("slower     simulate.tpot ep=16 (simulated)", "5.000 -> 6.000 us  +20.0 %",
            "2 slower, 0 faster, 0 unchanged, 2 unstable");
        final CommandRun same = CommandRun.of("compare", older, older, "--json").succeeded();
        assertThat(same.json().get("rows").valueStream().map(r -> r.get("verdict").asString()))
            .containsExactly("unstable", "unstable", "unchanged", "unchanged");
        assertThat(CommandRun.of("compare", newer, older).exitCode()).isZero();
    }

    /** Two jars that hold nothing but the way to the classes of these tests. */
    @Test
    void measuresTwoJarsInTurn() throws IOException {
        final Path first = sampleJar("first.jar");
        final Path second = sampleJar("second.jar");
        final CommandRun run = CommandRun.of("compare", "--jars", first, second, "--include",
            "SampleBenchmark.(copy|allocate)$", "--forks", "2", "--json", "--",
            "-p", "lengthBytes=4096", "-bm", "avgt", "-wi", "1", "-w", "5ms", "-i", "4", "-r", "5ms", "-prof", "gc")
            .succeeded();
        assertThat(run.err()).contains("[pair 2/2] jar=" + first + ", jar=" + second);
        assertThat(run.json().get("rows").valueStream()
            .map(r -> r.get("name").asString() + " " + r.get("metric").asString() + " " + r.get("firstForks").asInt()
            + " " + r.get("secondForks").asInt() + " " + r.get("verdict").asString()))
            .containsExactlyInAnyOrder("SampleBenchmark.allocate allocation 2 2 unstable",
                "SampleBenchmark.allocate time 2 2 unstable", "SampleBenchmark.copy allocation 2 2 unstable",
                "SampleBenchmark.copy time 2 2 unstable");
        assertThat(run.json().at("/rows/0/note").asString()).isEqualTo("2 forks a side: a change needs 9 to show");
        final CommandRun none = CommandRun.of("compare", "--jars", first, second, "--include", "NoSuchBenchmark",
            "--forks", "1");
        assertThat(none.exitCode()).isEqualTo(2);
        // Both fail, and which of them ends first is the machine's choice.
        final String why = ": JMH ended with 2: expertlane: jmh: benchmarks=[NoSuchBenchmark]: none in the jar";
        assertThat(none.err()).containsAnyOf("jar=" + first + why, "jar=" + second + why);
    }

    @Test
    void measuresTheJarsThatWereThereWhateverIsBuiltMeanwhile() throws IOException {
        final Path first = sampleJar("first.jar");
        final Path second = sampleJar("second.jar");
        final StringWriter out = new StringWriter();
        final StringWriter err = new StringWriter();
        final PrintWriter building = new PrintWriter(new FilterWriter(err) {
            @Override
            public void write(final String text, final int offset, final int length) throws IOException {
                if (text.contains("[pair ")) {
                    Files.writeString(first, "half a jar");
                }
                super.write(text, offset, length);
            }
        }, true);
        final int exitCode = ExpertlaneCommand.commandLine().setOut(new PrintWriter(out, true)).setErr(building)
            .execute("compare", "--jars", first.toString(),
            second.toString(), "--include", "SampleBenchmark.copy$", "--forks", "2", "--", "-p", "lengthBytes=4096",
            "-bm", "avgt", "-wi", "1", "-w", "5ms",
            "-i", "2", "-r", "5ms");
        assertThat(exitCode).as(err.toString()).isZero();
        assertThat(err.toString()).contains("[pair 2/2] jar=" + first);
        assertThat(first).hasContent("half a jar");
    }

    /** JMH writes a result for each mode, all with one name. */
    @Test
    void eachModeOfABenchmarkHasARow() throws IOException {
        final Path jar = sampleJar("first.jar");
        final CommandRun run = CommandRun.of("compare", "--jars", jar, jar, "--include", "SampleBenchmark.copy$",
            "--forks", "1", "--json", "--", "-p", "lengthBytes=4096", "-bm", "ss,avgt,thrpt", "-wi", "0", "-i", "2",
            "-r", "5ms", "-prof", "gc").succeeded();
        assertThat(run.json().get("rows").valueStream()
            .map(row -> row.get("name").asString() + " " + row.get("metric").asString()))
            .containsExactlyInAnyOrder("SampleBenchmark.copy (avgt) allocation", "SampleBenchmark.copy (avgt) time",
            "SampleBenchmark.copy (ss) allocation", "SampleBenchmark.copy (ss) time",
            "SampleBenchmark.copy (thrpt) allocation", "SampleBenchmark.copy (thrpt) time");
    }

    private Path sampleJar(final String name) throws IOException {
        final Manifest manifest = new Manifest();
        manifest.getMainAttributes().put(Attributes.Name.MANIFEST_VERSION, "1.0");
        manifest.getMainAttributes().put(Attributes.Name.MAIN_CLASS, BenchmarkMain.class.getName());
        manifest.getMainAttributes()
            .put(Attributes.Name.CLASS_PATH, Stream.of(System.getProperty("java.class.path").split(File.pathSeparator))
            .map(entry -> Path.of(entry).toUri().toString()).collect(Collectors.joining(" ")));
        final Path jar = folder.resolve(name);
        new JarOutputStream(Files.newOutputStream(jar), manifest).close();
        return jar;
    }

    @Test
    void refusesBadInput() throws IOException {
        CommandRun.of("compare", older).refused("RUN=[" + older + "]: two runs, base first");
        CommandRun.of("compare", older, folder.resolve("no"))
            .refused("run=" + folder.resolve("no") + ": no such folder");
        CommandRun.of("compare", older, newer, "--threshold", "0").refused("--threshold=0.0: 0.001 to 1");
        CommandRun.of("compare", older, newer, "--include", "x").refused("--include=x: goes with --jars");
        CommandRun.of("compare", "--jars", "a.jar", "b.jar", "--include", "x").refused("--jars=a.jar: no such file");
        final Path jar = Files.writeString(folder.resolve("a.jar"), "no jar");
        CommandRun.of("compare", "--jars", jar, jar).refused("--include=null: needed with --jars");
        CommandRun.of("compare", "--jars", jar, jar, "--include", "(").refused("--include=(: not a regular expression");
        CommandRun.of("compare", "--jars", jar, jar, "--include", "x", "--forks", "51").refused("--forks=51: 1 to 50");
        final CommandRun broken = CommandRun.of("compare", "--jars", jar, jar, "--include", "x", "--forks", "1");
        assertThat(broken.exitCode()).isEqualTo(2);
        assertThat(broken.err()).contains("expertlane: IOException: jar=" + jar + ": zip END header not found");
        CommandRun.of("export", older, "--format", "xml")
            .refused("--format=xml: expected one of jmh, customBiggerIsBetter");
        CommandRun.of("export", "latest", "--format", "csv", "--results",
            Files.createDirectory(folder.resolve("empty"))).refused("--results=", "has no runs");
        final Path other = new SampleRun("2026-01-03T00:00:00Z").timed("A.x", new double[] {1}).cpu("Another CPU")
            .write(folder);
        CommandRun.of("compare", older, other).succeeded();
        final Path measuredOnly = new SampleRun("2026-01-04T00:00:00Z").timed("A.x", new double[] {1}).write(folder);
        CommandRun.of("compare", other, measuredOnly)
            .refused("environment=cpu.model: Another CPU, Sample CPU: the same in both runs");
    }

    private String export(final String format, final String run) {
        return CommandRun.of("export", run, "--format", format, "--results", folder).succeeded().out();
    }
}

package io.expertlane.bench.results;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import java.io.IOException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RunTest {
    private static final String DATE = "2026-01-02T03:04:05Z";
    private static final String ID = "2026-01-02T030405-0123456789";

    @TempDir
    private Path folder;

    @Test
    void readsWhatWasWritten() throws IOException {
        final Path run = sample(DATE).latency("OpenLoop.step", null, 1_000, 2_000, 3_000).write(folder);
        assertThat(run).isEqualTo(folder.resolve(ID));
        final Run read = Run.read(run);
        assertThat(read.id()).isEqualTo(ID);
        assertThat(read.environment().cpu().model()).isEqualTo("Sample CPU");
        assertThat(read.measurements()).extracting(m -> m.series().label())
            .containsExactly("Sample.step tokens=8", "Sample.step tokens=8 [allocation]",
            "OpenLoop.step arrivals=poisson [p50 latency]", "OpenLoop.step arrivals=poisson [p99 latency]",
            "OpenLoop.step arrivals=poisson [p99.9 latency]",
            "simulate.tpot ep=16");
        final Measurement time = read.measurements().get(0);
        assertThat(time.forks()).containsExactly(11.0, 21.0);
        assertThat(time).returns(16.0, Measurement::value).returns(11.0, Measurement::low)
            .returns(21.0, Measurement::high)
            .returns(0.5, Measurement::rooflineRatio).returns(1000L, Measurement::bytesPerOp);
        assertThat(time.rerun()).isEqualTo(
            "bench/bin/expertlane jmh '^io\\.expertlane\\.bench\\.jmh\\.Sample\\.step$' -p tokens=8 -bm avgt -tu ns -t "
            + "1 "
            + "-f 2 -wi 2 -w 500ms -i 2 -r 500ms -prof gc");
        assertThat(read.measurements().get(5).series()).returns(true, Series::simulated)
            .returns(Better.HIGHER, Series::better);
        assertThat(run.resolve("latency/OpenLoop.step.hgrm")).content().contains("Value     Percentile", "#[Mean");
        assertThat(run.resolve("latency/OpenLoop.step.hlog")).content().contains("Histogram log format version");
    }

    /** What fits the schema need not fit the type: such numbers ended in a stack trace. */
    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "summary.json; \"samples\" : 4; \"samples\" : 44444444444444444444; rows/0/samples",
        "summary.json; \"samples\" : 4; \"samples\" : 1e38; beyond 64 bits",
        "environment.json; \"cores\" : 2; \"cores\" : 4294967298; cpu/cores",
        "environment.json; 2026-01-02T03:04:05Z; 2026-02-30T03:04:05Z; date",
        "jmh.json; \"threads\" : 1; \"threads\" : 4294967297; threads"})
    void refusesNumbersThatNoFieldHolds(final String file, final String from, final String to, final String place)
    throws IOException {
        final Path run = sample(DATE).write(folder);
        SampleRun.edit(run, file, from, to);
        assertThatThrownBy(() -> Run.read(run)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith(run.resolve(file) + ": ")
            .hasMessageContaining(place).message().hasLineCount(1);
    }

    @Test
    void aUnitNeedNotBeOne() throws IOException {
        final Path run = sample(DATE).write(folder);
        SampleRun.edit(run, "jmh.json", "\"scoreUnit\" : \"ns/op\"", "\"scoreUnit\" : \"\"");
        assertThat(Run.read(run).measurements().getFirst().rerun()).contains(" -tu ns ");
    }

    @Test
    void aFileWithoutABenchmarkHasNoFork() throws IOException {
        final Path empty = Files.writeString(folder.resolve("jmh.json"), "[]");
        assertThatThrownBy(() -> JmhFile.fork(empty)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage(empty + ": has no benchmark");
    }

    @Test
    void showsTheSpreadOfASingleForksIterations() throws IOException {
        final Measurement time = Run.read(new SampleRun(DATE).timed("Sample.step", new double[] {8, 10, 12})
            .write(folder)).measurements().get(0);
        assertThat(time).returns(10.0, Measurement::value).returns(8.0, Measurement::low)
            .returns(12.0, Measurement::high);
        assertThat(time.forks()).containsExactly(10.0);
    }

    @Test
    void leavesExcludedLatencyRunsOut() throws IOException {
        final Run read = Run.read(new SampleRun(DATE).latency("OpenLoop.step", "rate=3/s: missed 100/s", 1_000)
            .write(folder));
        assertThat(read.measurements()).isEmpty();
        assertThat(read.summary().latency()).extracting(RunSummary.Latency::excluded)
            .containsExactly("rate=3/s: missed 100/s");
    }

    @Test
    void checksumsAreThoseOfSha256sum() throws IOException, InterruptedException {
        final Path run = sample(DATE).write(folder);
        assertThat(new ProcessBuilder("sha256sum", "-c", "--quiet", "SHA256SUMS").directory(run.toFile()).inheritIO()
            .start().waitFor()).isZero();
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "summary.json; \"schema\" : 2; \"schema\" : 1; summary.json: schema=1: version 2 is read",
        "summary.json; \"preset\" : \"sample\"; \"preset\" : 5; summary.json: preset=5: type \"string\"",
        "summary.json; \"interrupted\" : false,; ''; summary.json: interrupted: missing",
        "summary.json; \"preset\"; \"surprise\" : 1, \"preset\"; summary.json: surprise: unknown field",
        "summary.json; \"nanosPerOp\" : 16.0; \"nanosPerOp\" : -1; summary.json: rows/0/nanosPerOp=-1: "
        + "exclusiveMinimum 0",
        "summary.json; 2026-01-02T030405-0123456789; ../x; summary.json: run=\"../x\": pattern",
        "summary.json; \"simulated\" : false; \"simulated\" : true; summary.json: simulated=true: const false",
        "environment.json; \"cores\" : 2; \"cores\" : 0; environment.json: cpu/cores=0: minimum 1",
        "environment.json; \"kernel\" : \"6.1.0\",; ''; environment.json: os/kernel: missing",
        "jmh.json; \"avgt\"; \"best\"; jmh.json: 0/mode=\"best\": enum [\"thrpt\",\"avgt\",\"sample\",\"ss\"]",
        "jmh.json; \"threads\" : 1; \"threads\" : \"1\"; jmh.json: 0/threads=\"1\": type \"integer\"",
        "simulated.json; \"higher\"; \"best\"; simulated.json: metrics/0/better=\"best\": enum [\"lower\",\"higher\"]",
    })
    void refusesWhatDoesNotFit(final String file, final String from, final String to, final String message)
    throws IOException {
        final Path run = sample(DATE).write(folder);
        SampleRun.edit(run, file, from, to);
        assertThatThrownBy(() -> Run.read(run)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith(run + "/" + message);
    }

    @Test
    void refusesTruncatedForeignAndMissingFiles() throws IOException {
        final Path run = sample(DATE).write(folder);
        for (final String file : List.of("summary.json", "environment.json", "jmh.json", "simulated.json")) {
            final String whole = Files.readString(run.resolve(file));
            for (final String bad : List.of("", whole.substring(0, whole.length() / 2), whole + "]", "\"text\"", "null",
                "{\"a\": 1}", "[5]", "\0\1\2")) {
                Files.writeString(run.resolve(file), bad);
                assertThatThrownBy(() -> Run.read(run)).as("%s %s", file, bad)
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessageStartingWith(run.resolve(file) + ": ").message().hasLineCount(1);
            }
            Files.delete(run.resolve(file));
            final String missing = "simulated.json".equals(file) ? ": missing, but named in SHA256SUMS" : ": missing";
            assertThatThrownBy(() -> Run.read(run)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage(run.resolve(file) + missing);
            Files.writeString(run.resolve(file), whole);
        }
        assertThat(Run.read(run).id()).isEqualTo(ID);
        assertThatThrownBy(() -> Run.read(folder.resolve("no")))
            .hasMessage("run=" + folder.resolve("no") + ": no such folder");
    }

    @Test
    void refusesWhatDiffersFromItsChecksum() throws IOException {
        final Path run = sample(DATE).write(folder);
        Files.writeString(run.resolve("jmh.json"), Files.readString(run.resolve("jmh.json")).replace("10", "11"));
        assertThatThrownBy(() -> Run.read(run)).hasMessageStartingWith(run.resolve("jmh.json") + ": sha256=");
        Files.delete(run.resolve("SHA256SUMS"));
        assertThatThrownBy(() -> Run.read(run)).hasMessage(run.resolve("SHA256SUMS") + ": missing");
        Checksums.write(run);
        Files.writeString(run.resolve("more"), "");
        assertThatThrownBy(() -> Run.read(run)).hasMessage(run.resolve("more") + ": not named in SHA256SUMS");
    }

    @Test
    void refusesTwoRunsWithOneId() throws IOException {
        final Path run = sample(DATE).write(folder);
        sample("2026-01-01T03:04:05Z").write(folder);
        Files.createDirectory(folder.resolve(".2026-01-03T030405-0123456789.tmp"));
        Files.createDirectory(folder.resolve("notes"));
        assertThat(Run.readAll(folder)).extracting(Run::id).containsExactly("2026-01-01T030405-0123456789", ID);
        assertThatThrownBy(() -> sample(DATE).write(folder)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("--results=" + run + ": exists and is not empty");
        sample(DATE).write(folder.resolve("elsewhere"));
        Files.move(folder.resolve("elsewhere/" + ID), folder.resolve("baseline"));
        assertThatThrownBy(() -> Run.readAll(folder)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("run=" + ID + ": is in two folders, " + run + " and " + folder.resolve("baseline"));
    }

    @Test
    void aFullDiskLeavesOlderRunsAndNothingElse() throws IOException {
        final Configuration small = Configuration.unix().toBuilder().setMaxSize(64 << 10).setBlockSize(512).build();
        int refused = 0;
        for (int size = 1; size <= 4096; size *= 4) {
            try (FileSystem disk = Jimfs.newFileSystem(small)) {
                final Path results = disk.getPath("/results");
                final Path older = sample("2026-01-01T03:04:05Z").write(results);
                final SampleRun large = sample(DATE);
                for (int i = 0; i < size; i++) {
                    large.simulated("metric" + i, i, Better.LOWER);
                }
                try {
                    assertThat(Run.read(large.write(results)).measurements()).hasSize(size + 3);
                } catch (final IOException e) {
                    refused++;
                    assertThat(Run.read(older).measurements()).hasSize(3);
                    try (Stream<Path> left = Files.list(results)) {
                        assertThat(left).containsExactly(older);
                    }
                }
            }
        }
        assertThat(refused).isBetween(1, 5);
    }

    private static SampleRun sample(final String date) {
        return new SampleRun(date)
            .timed("Sample.step", Map.of("tokens", "8"), 24, new double[] {10, 12}, new double[] {20, 22})
            .simulated("simulate.tpot", 31.5, Better.HIGHER);
    }
}

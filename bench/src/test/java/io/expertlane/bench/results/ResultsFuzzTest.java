package io.expertlane.bench.results;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.report.Comparison;
import io.expertlane.bench.report.ComparisonTable;
import io.expertlane.bench.report.Dashboard;
import io.expertlane.bench.report.Export;
import io.expertlane.bench.report.History;
import io.expertlane.kernel.fuzz.FuzzSuite;
import io.expertlane.kernel.fuzz.FuzzTarget;
import io.expertlane.kernel.fuzz.MemoryFolder;
import io.expertlane.kernel.fuzz.Mutator;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Clock;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;

/** The files of results folders, one by one and as a whole: what is read of them, compared, exported and shown. */
class ResultsFuzzTest extends FuzzSuite {
    private static final LocalDate TODAY = LocalDate.of(2026, 1, 2);
    /** A dashboard is a dozen files. */
    private static final int SHOWN_ONE_IN = 64;

    @TempDir(factory = MemoryFolder.class)
    private Path folder;

    @Override
    protected List<FuzzTarget> targets() throws IOException {
        final Path run = sample().write(Files.createDirectories(folder.resolve("sample")));
        return List.of(
            json("summary.json", run, RunSummary.class, "summary"),
            json("environment.json", run, Environment.class, "environment"),
            json("simulated.json", run, SimulatedResults.class, "simulated"),
            json("jmh.json", run, JmhResult[].class, "jmh"),
            changes(), machine(), run(run));
    }

    private static SampleRun sample() {
        return new SampleRun("2026-01-02T03:04:05Z").timed("Sample.copy", new double[] {1, 2}, new double[] {2, 3})
            .timed("Sample.dispatch", Map.of("tokens", "8"), 16, new double[] {5, 6}).simulated("simulate.tpot", 12.5,
            Better.LOWER)
            .latency("Open.loop", null, 10, 20, 30);
    }

    /** A file that Expertlane writes: what is read of it is written and read again, and the same. */
    private <T> FuzzTarget json(final String name, final Path run, final Class<T> type, final String definition)
        throws IOException {
        final RunSchema schema = RunSchema.of(definition);
        final Path file = folder.resolve("a-" + name);
        return ReaderTarget.of(name, Mutator.ofText(List.of(Files.readAllBytes(run.resolve(name))), "-1", "1.5",
            "9223372036854775807", "NaN"), input -> {
            Files.write(file, input);
            final T read = schema.read(file, type);
            if (read instanceof final JmhResult[] results) {
                for (final JmhResult result : results) {
                    result.measurements(null);
                    result.firstFork("name");
                }
                assertThat(JmhFile.pairs(List.of(file), List.of(file))).hasSizeLessThanOrEqualTo(2 * results.length);
                assertThat(JmhFile.fork(file).times()).isNotNull();
                return;
            }
            Json.write(file, read);
            assertThat(schema.read(file, type)).isEqualTo(read);
        });
    }

    private FuzzTarget changes() {
        final String text = """
            {"known": [{"date": "2026-01-02", "series": "Sample.*tokens=8", "reason": "new codec"}],
             "muted": [{"series": "^Open", "reason": "noise", "until": "2026-02-03"}]}
            """;
        final Path file = folder.resolve("a-changes.json");
        return ReaderTarget.of("changes.json", Mutator.ofText(List.of(text.getBytes(StandardCharsets.UTF_8)),
            "2026-02-30", "0000-01-01", "(?<x>a)", "\\\\Q"),
            input -> {
                Files.write(file, input);
                final ChangesFile read = ChangesFile.read(file);
                final History history = History.of(List.of(Run.read(folder.resolve("sample").resolve(only("sample")))),
                    read, TODAY);
                assertThat(history.flags()).hasSameSizeAs(read.known());
                Json.write(file, read);
                assertThat(ChangesFile.read(file)).isEqualTo(read);
            });
    }

    private String only(final String parent) throws IOException {
        try (Stream<Path> entries = Files.list(folder.resolve(parent))) {
            return entries.findFirst().orElseThrow().getFileName().toString();
        }
    }

    /** What {@code /proc} and {@code /sys} say: nothing of it may fail a run. Seeds begin with the file's name. */
    private FuzzTarget machine() throws IOException {
        final Map<String, String> files = Map.of("proc/cpuinfo",
            "processor\t: 0\nmodel name\t: Sample CPU\nprocessor\t: 1\n",
            "proc/meminfo", "MemTotal:       16384 kB\nMemFree: 1 kB\n", "sys/fs/cgroup/cpu.max", "200000 100000\n",
            "sys/fs/cgroup/memory.max", "1073741824\n",
            "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
        final Path root = folder.resolve("machine");
        for (final String name : files.keySet()) {
            Files.createDirectories(root.resolve(name).getParent());
        }
        final Path json = folder.resolve("machine.json");
        final RunSchema schema = RunSchema.of("environment");
        return ReaderTarget.of("machine", Mutator.ofText(named(files)), input -> {
            final NamedInput file = NamedInput.of(input, files.keySet().stream().toList());
            Files.write(root.resolve(file.name()), file.bytes());
            final Environment captured = Environment.capture(Clock.systemUTC(), root, Optional.empty(),
                List.of("bench"));
            Files.delete(root.resolve(file.name()));
            Json.write(json, captured);
            assertThat(schema.read(json, Environment.class)).isEqualTo(captured);
        });
    }

    /**
     * A whole folder, one file of it changed, in most cases with the right checksum: read, compared, searched, exported
     * and shown.
     */
    private FuzzTarget run(final Path sample) throws IOException {
        final Map<String, String> files = Map.of("summary.json", text(sample, "summary.json"), "environment.json",
            text(sample, "environment.json"),
            "simulated.json", text(sample, "simulated.json"), "jmh.json", text(sample, "jmh.json"), "SHA256SUMS",
            text(sample, "SHA256SUMS"),
            "latency/Open.loop.hgrm", text(sample, "latency/Open.loop.hgrm"));
        final Run base = Run.read(sample);
        final Path copy = folder.resolve("copy").resolve(sample.getFileName());
        Files.createDirectories(copy.resolve("latency"));
        for (final String name : List.of("latency/Open.loop.hlog", "latency/Open.loop.hgrm", "jmh.json", "SHA256SUMS",
            "summary.json", "environment.json",
            "simulated.json")) {
            Files.copy(sample.resolve(name), copy.resolve(name));
        }
        return ReaderTarget.of("run", Mutator.ofText(named(files), "Sample.copy", "latency/Open.loop.hgrm", "../x",
            "ops/s", "ns/op"), input -> {
            final NamedInput file = NamedInput.of(input, files.keySet().stream().toList());
            final int hash = Arrays.hashCode(input) & Integer.MAX_VALUE;
            try {
                Files.write(copy.resolve(file.name()), file.bytes());
                if (!file.name().equals(Checksums.FILE) && hash % 8 != 0) {
                    Checksums.write(copy);
                }
                use(Run.read(copy), base, hash % SHOWN_ONE_IN == 0);
            } finally {
                Files.copy(sample.resolve(file.name()), copy.resolve(file.name()), StandardCopyOption.REPLACE_EXISTING);
                Files.copy(sample.resolve(Checksums.FILE), copy.resolve(Checksums.FILE),
                    StandardCopyOption.REPLACE_EXISTING);
            }
        });
    }

    private void use(final Run run, final Run base, final boolean shown) throws IOException {
        ComparisonTable.lines(Comparison.of(base, run, Comparison.DEFAULT_THRESHOLD));
        Json.text(Comparison.of(run, base, Comparison.DEFAULT_THRESHOLD));
        final History history = History.of(List.of(base, run), new ChangesFile(List.of(), List.of()), TODAY);
        history.findings();
        for (final Export export : Export.values()) {
            assertThat(export.of(run)).isNotEmpty();
        }
        if (shown) {
            Dashboard.write(history, folder.resolve("site"));
        }
    }

    private static String text(final Path run, final String name) throws IOException {
        return Files.readString(run.resolve(name));
    }

    private static List<byte[]> named(final Map<String, String> files) {
        final List<byte[]> seeds = new ArrayList<>();
        files.forEach((name, text) -> seeds.add((name + "\n" + text).getBytes(StandardCharsets.UTF_8)));
        return seeds;
    }

    /** Input of one of several files, whose name is its first line. */
    private record NamedInput(String name, byte[] bytes) {
        static NamedInput of(final byte[] input, final List<String> names) {
            for (final String name : names) {
                final byte[] line = (name + "\n").getBytes(StandardCharsets.UTF_8);
                if (input.length >= line.length && Arrays.equals(input, 0, line.length, line, 0, line.length)) {
                    return new NamedInput(name, Arrays.copyOfRange(input, line.length, input.length));
                }
            }
            throw new IllegalArgumentException("names no file");
        }
    }
}

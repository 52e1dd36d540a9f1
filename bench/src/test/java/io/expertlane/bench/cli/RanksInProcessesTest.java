package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.npy.NpyType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;

/** The command line with a process a rank: the same files as in one process, one line where something is wrong, and nothing left behind. */
@EnabledOnOs(OS.LINUX)
class RanksInProcessesTest {
    private static final String[] FILES = {"combined.npy", "recv_count.npy", "recv_rows.npy"};

    @TempDir
    private Path folder;

    private Path shared() throws IOException {
        return Files.createDirectories(folder.resolve("shared"));
    }

    private void assertNothingIsLeft() throws IOException {
        try (Stream<Path> left = Files.list(shared())) {
            assertThat(left).isEmpty();
        }
    }

    @ParameterizedTest
    @CsvSource({"ll, zero, push, bf16, 2", "ll, zero, pull, fp8, 3", "ll, ring, push, fp8, 2", "ht, zero, push, bf16, 2", "ht, ring, push, fp8, 2"})
    void writeTheSameFilesBitForBit(final String mode, final String path, final String combine, final String type, final int ranks) throws IOException {
        final long seed = new SplittableRandom().nextLong(1L << 40);
        System.out.println("RanksInProcessesTest seed=" + seed);
        final ExchangeFiles input = ExchangeFiles.random(ranks, 9, 256, 3, 4 * ranks, seed).write(folder, NpyType.INT32);
        final Path one = folder.resolve("one");
        final Path many = folder.resolve("many");
        final Object[] kind = {"--mode", mode, "--path", path, "--combine", combine, "--dispatch-type", type, "--expert", "scale"};
        input.run(folder, one, kind).succeeded();
        final Object[] processes = Stream.concat(Stream.of(kind), Stream.of("--ranks-in", "processes", "--shared-folder", shared(), "--json")).toArray();
        final CommandRun run = input.run(folder, many, processes).succeeded();
        for (final String file : FILES) {
            assertThat(many.resolve(file)).hasSameBinaryContentAs(one.resolve(file));
        }
        assertThat(run.json().at("/ranksIn").stringValue()).isEqualTo("processes");
        assertThat(run.json().at("/dispatch/micros").doubleValue()).isPositive();
        assertNothingIsLeft();
    }

    @Test
    void areStartedByLaunch() throws IOException {
        final Object[] options = {"--routing", "zipf:1", "--tokens-per-rank", 5, "--hidden", 128, "--topk", 2, "--experts", 8, "--seed", 3, "--warmup-seconds", 0};
        final Path launched = folder.resolve("launched");
        CommandRun.of(Stream.concat(Stream.of("launch", "-n", 2, "--", "exchange", "--shared-folder", shared(), "--out", launched), Stream.of(options)).toArray())
            .succeeded();
        final Path one = folder.resolve("one");
        CommandRun.of(Stream.concat(Stream.of("exchange", "--ranks", 2, "--out", one), Stream.of(options)).toArray()).succeeded();
        for (final String file : FILES) {
            assertThat(launched.resolve(file)).hasSameBinaryContentAs(one.resolve(file));
        }
        assertNothingIsLeft();
    }

    @Test
    void sayInOneLineWhatIsWrong() throws IOException {
        final Path out = folder.resolve("out");
        final Object[] options = {"exchange", "--routing", "uniform", "--ranks", 2, "--tokens-per-rank", 2, "--hidden", 128, "--topk", 2, "--experts", 8,
            "--warmup-seconds", 0, "--out", out};
        lastly(options, "--shared-folder", shared()).refused("--shared-folder=", "only together with --ranks-in processes");
        lastly(options, "--ranks-in", "processes", "--threads", 1).refused("--threads=1: only together with --ranks-in threads");
        lastly(options, "--ranks-in", "hosts").refused("--ranks-in=hosts", "threads", "processes");
        final CommandRun run = lastly(options, "--ranks-in", "processes", "--shared-folder", folder.resolve("missing"));
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err().lines().filter(line -> line.startsWith("expertlane: "))).singleElement().asString().contains("missing: no folder");
        assertThat(run.out()).isEmpty();
        assertThat(out).doesNotExist();
    }

    private static CommandRun lastly(final Object[] options, final Object... more) {
        return CommandRun.of(Stream.concat(Stream.of(options), Stream.of(more)).toArray());
    }

    @Test
    void launchPassesVariablesAndTheFirstExitCodeOn() throws IOException {
        final Path seen = Files.createDirectories(folder.resolve("seen"));
        final String script = "echo $RANK $WORLD_SIZE $LOCAL_RANK $MASTER_ADDR $EXPERTLANE_SECRET >" + seen + "/$RANK";
        CommandRun.of("launch", "-n", 3, "--", "sh", "-c", script).succeeded();
        final List<String> first = List.of(Files.readString(seen.resolve("0")).strip().split(" "));
        assertThat(first).hasSize(5).startsWith("0", "3", "0", "127.0.0.1");
        assertThat(first.get(4)).hasSize(48);
        assertThat(Files.readString(seen.resolve("2")).strip()).isEqualTo("2 3 2 127.0.0.1 " + first.get(4));
        // The others would sleep for ever.
        assertThat(CommandRun.of("launch", "-n", 3, "--", "sh", "-c", "[ $RANK = 1 ] && exit 7; exec sleep 1000").exitCode()).isEqualTo(7);
        CommandRun.of("launch", "-n", 0, "--", "true").refused("-n=0: 1 to 4096");
        CommandRun.of("launch", "-n", 2, "--", folder.resolve("nothing")).refused("CMD=", "cannot be started");
    }

    @Test
    void ranksListsAndCleans() throws IOException {
        final Path foreign = Files.writeString(shared().resolve("expertlane-0000000000000001-0"), "no memory of a rank");
        Files.setPosixFilePermissions(foreign, PosixFilePermissions.fromString("rw-------"));
        final CommandRun list = CommandRun.of("ranks", "list", "--shared-folder", shared()).succeeded();
        assertThat(list.out()).contains("job 0000000000000001 rank    0  refused").contains("truncated").endsWith("1 files\n");
        assertThat(CommandRun.of("ranks", "list", "--json", "--shared-folder", shared()).succeeded().json().at("/0/state").stringValue()).isEqualTo("refused");
        assertThat(CommandRun.of("ranks", "clean", "--shared-folder", shared()).succeeded().out()).isEqualTo("0 files removed\n");
        assertThat(foreign).exists();
        CommandRun.of("ranks", "list", "--shared-folder", folder.resolve("none")).refused("--shared-folder=", "no folder");
    }

    @ParameterizedTest
    @CsvSource({"threads", "processes"})
    void pingMeasuresBothWays(final String where) throws IOException {
        final Object[] folderOption = where.equals("processes") ? new Object[] {"--shared-folder", shared()} : new Object[0];
        final CommandRun run = lastly(new Object[] {"ping", "--ranks-in", where, "--sizes", "8,4096", "--iterations", 200, "--json"}, folderOption).succeeded();
        for (int size = 0; size < 2; size++) {
            final JsonNode latency = run.json().at("/latencies/" + size);
            assertThat(latency.at("/bytes").intValue()).isEqualTo(size == 0 ? 8 : 4096);
            assertThat(latency.at("/iterations").intValue()).isEqualTo(200);
            assertThat(latency.at("/minMicros").doubleValue()).isPositive().isLessThanOrEqualTo(latency.at("/typicalMicros").doubleValue());
            assertThat(latency.at("/typicalMicros").doubleValue()).isLessThanOrEqualTo(latency.at("/p99Micros").doubleValue());
            assertThat(latency.at("/p99Micros").doubleValue()).isLessThanOrEqualTo(latency.at("/maxMicros").doubleValue());
            final JsonNode bandwidth = run.json().at("/bandwidths/" + size);
            assertThat(bandwidth.at("/averageMBps").doubleValue())
                .isCloseTo(bandwidth.at("/millionMessagesPerSecond").doubleValue() * bandwidth.at("/bytes").intValue(), Percentage.withPercentage(1e-6));
        }
        assertThat(lastly(new Object[] {"ping", "--ranks-in", where, "--sizes", "64", "--iterations", 20}, folderOption).succeeded().out())
            .contains("t_typical[usec]", "MsgRate[Mpps]", "ranks in " + where);
        assertNothingIsLeft();
    }

    @Test
    void pingRefusesInALine() {
        CommandRun.of("ping", "--sizes", "8,7").refused("--sizes=7: 8 to 4194304");
        CommandRun.of("ping", "--iterations", 0).refused("--iterations=0: 1 to 10000000");
        CommandRun.of("ping", "--ranks-in", "threads", "--shared-folder", "x").refused("--shared-folder=x", "only together with --ranks-in processes");
    }
}

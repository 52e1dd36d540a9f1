package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.expertlane.bench.npy.NpyType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import tools.jackson.databind.JsonNode;

class ExchangeCommandTest {
    private static final short BF16_NAN = 0x7fc0;

    @TempDir
    private Path folder;

    /** A NaN in a token is a NaN in that element of that token, and the rest is as it would be without it. */
    @ParameterizedTest
    @ValueSource(strings = {"bf16", "fp8"})
    void keepsNaNsToThemselves(final String type) throws IOException {
        final ExchangeFiles input = ExchangeFiles.random(2, 4, 256, 3, 4, 5).write(folder, NpyType.INT32);
        Arrays.fill(input.ids(), 0, 3 * 3, 1);
        final int at = 256 + 77;
        // Not the largest of its group with FP8, or the others' scale would be another without it.
        input.tokens()[at] = 0;
        input.write(folder, NpyType.INT32)
            .run(folder, folder.resolve("plain"), "--dispatch-type", type, "--expert", "scale").succeeded();
        input.tokens()[at] = BF16_NAN;
        input.write(folder, NpyType.INT32)
            .run(folder, folder.resolve("nan"), "--dispatch-type", type, "--expert", "scale").succeeded();
        final short[] plain = ExchangeFiles.readShorts(folder.resolve("plain/combined.npy"), 2, 4, 256);
        final short[] combined = ExchangeFiles.readShorts(folder.resolve("nan/combined.npy"), 2, 4, 256);
        assertThat(PlainArithmetic.toFloat(combined[at])).isNaN();
        combined[at] = plain[at];
        assertThat(combined).isEqualTo(plain);
    }

    @Test
    void combinesToZerosWhereNothingIsSelected() throws IOException {
        final ExchangeFiles input = ExchangeFiles.random(2, 3, 64, 2, 4, 1);
        Arrays.fill(input.ids(), -1);
        final Path out = folder.resolve("out");
        input.write(folder, NpyType.INT64).run(folder, out).succeeded();
        assertThat(ExchangeFiles.readShorts(out.resolve("combined.npy"), 2, 3, 64)).containsOnly((short) 0);
        assertThat(ExchangeFiles.readInts(out.resolve("recv_count.npy"), 2, 2)).containsOnly(0);
        assertThat(ExchangeFiles.readInts(out.resolve("recv_rows.npy"), 0, 4)).isEmpty();
    }

    @Test
    void takesATokenThatSelectsOneExpertOnly() throws IOException {
        final ExchangeFiles input = ExchangeFiles.random(2, 3, 64, 8, 4, 1);
        Arrays.fill(input.ids(), 2);
        final Path out = folder.resolve("out");
        input.write(folder, NpyType.INT32).run(folder, out).succeeded();
        assertThat(ExchangeFiles.readInts(out.resolve("recv_count.npy"), 2, 2)).containsExactly(0, 0, 48, 0);
        assertThat(ExchangeFiles.readInts(out.resolve("recv_rows.npy"), 48, 4)).hasSize(48 * 4);
    }

    @ParameterizedTest
    @CsvSource({"1, 1, 1, 1", "1, 1, 1, 16", "32, 1, 1, 1", "32, 1, 8, 64", "8, 5, 2, 3"})
    void runsOnAnyNumberOfThreads(final int ranks, final int tokens, final int topK, final int threads)
        throws IOException {
        final ExchangeFiles input = ExchangeFiles.random(ranks, tokens, 128, topK, 2 * ranks, 1)
            .write(folder, NpyType.INT32);
        final Path one = folder.resolve("one");
        final Path many = folder.resolve("many");
        input.run(folder, one, "--threads", 1).succeeded();
        input.run(folder, many, "--threads", threads).succeeded();
        for (final String file : new String[] {"combined.npy", "recv_count.npy", "recv_rows.npy"}) {
            assertThat(many.resolve(file)).hasSameBinaryContentAs(one.resolve(file));
        }
    }

    @Test
    void takesAnEmptyFolderWithASpaceAndMakesParents() throws IOException {
        final Path spaced = Files.createDirectories(folder.resolve("with space"));
        final ExchangeFiles input = ExchangeFiles.random(2, 3, 64, 2, 4, 1).write(spaced, NpyType.INT32);
        final Path empty = Files.createDirectory(spaced.resolve("empty folder"));
        input.run(spaced, empty).succeeded();
        input.run(spaced, spaced.resolve("a/b c")).succeeded();
        assertThat(empty.resolve("combined.npy")).hasSameBinaryContentAs(spaced.resolve("a/b c/combined.npy"));
        assertThat(empty).isDirectoryNotContaining(file -> file.toString().endsWith(".tmp"));
    }

    @Test
    void generatesTheSameFromOneSeed() {
        final Object[] options = {"exchange", "--routing", "zipf:1", "--ranks", 4, "--tokens-per-rank", 8, "--hidden",
            128, "--topk", 3, "--experts", 16,
            "--dispatch-type", "fp8", "--warmup-seconds", 0, "--seed", 1, "--json", "--out", folder.resolve("a")};
        final CommandRun run = CommandRun.of(options).succeeded();
        options[options.length - 1] = folder.resolve("b");
        CommandRun.of(options).succeeded();
        options[options.length - 1] = folder.resolve("c");
        options[options.length - 4] = 2;
        CommandRun.of(options).succeeded();
        assertThat(folder.resolve("b/combined.npy")).hasSameBinaryContentAs(folder.resolve("a/combined.npy"));
        assertThat(contentOf("c/combined.npy")).isNotEqualTo(contentOf("a/combined.npy"));

        final JsonNode report = run.json();
        final int selections = 4 * 8 * 3;
        assertThat(report.at("/dispatch/algorithmicBytes").longValue()).isEqualTo(selections * (16L + 128 + 4));
        assertThat(report.at("/combine/algorithmicBytes").longValue()).isEqualTo(selections * 256L);
        for (final String phase : new String[] {"/dispatch", "/combine"}) {
            final double micros = report.at(phase + "/micros").doubleValue();
            assertThat(report.at(phase + "/algorithmicGBps").doubleValue())
                .isCloseTo(report.at(phase + "/algorithmicBytes").longValue() / micros / 1e3,
                Percentage.withPercentage(1e-6));
        }
        assertThat(report.get("stageMicros").propertyNames())
            .containsExactlyInAnyOrder("routingMap", "packCast", "send", "wait", "unpack", "reduce");
        assertThat(report.get("simulated").booleanValue()).isFalse();
    }

    private byte[] contentOf(final String file) {
        try {
            return Files.readAllBytes(folder.resolve(file));
        } catch (final IOException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void dealsRecordedTokensToRanks() {
        final Path recorded = CommandRun.recordedRoutings();
        assumeThat(recorded).as("no shared/data/esft beside the project").isNotNull();
        final JsonNode report = CommandRun.of("exchange", "--routing", "esft:" + recorded, "--ranks", 8,
            "--tokens-per-rank", 16, "--hidden", 128,
            "--warmup-seconds", 0, "--json", "--out", folder.resolve("out")).succeeded().json();
        assertThat(report.at("/shape/experts").intValue()).isEqualTo(64);
        assertThat(report.at("/combine/algorithmicBytes").longValue()).isEqualTo(8L * 16 * 6 * 256);
    }
}

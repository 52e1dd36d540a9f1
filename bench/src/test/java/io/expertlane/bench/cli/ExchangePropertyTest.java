package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.npy.NpyType;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What the exchange command writes, over seeded shapes, against sums computed here from the input alone. */
class ExchangePropertyTest {
    private static final int SHAPES = 48;
    private static final int[] RANKS = {1, 2, 8, 32};
    private static final double MAX_DIFF_BF16 = 1e-5;
    private static final double MAX_DIFF_FP8 = 9e-4;

    @TempDir
    private Path folder;

    static LongStream seeds() {
        return LongStream.range(0, SHAPES);
    }

    @ParameterizedTest(name = "seed {0}")
    @MethodSource("seeds")
    void everyRowArrivesAndEverySumIsRight(final long seed) throws IOException {
        final SplittableRandom random = new SplittableRandom(seed);
        final int ranks = RANKS[(int) (seed % RANKS.length)];
        final boolean fp8 = seed / 4 % 2 == 1;
        final boolean scale = seed / 8 % 2 == 1;
        final NpyType idType = random.nextBoolean() ? NpyType.INT32 : NpyType.INT64;
        final int hidden = fp8 ? 128 * random.nextInt(1, 4) : 8 * random.nextInt(1, 40);
        final ExchangeFiles input = ExchangeFiles.random(ranks, random.nextInt(1, 14), hidden, random.nextInt(1, 9),
            ranks * random.nextInt(1, 5), seed);
        input.write(folder, idType);
        final Path out = folder.resolve("out");
        input.run(folder, out, "--dispatch-type", fp8 ? "fp8" : "bf16", "--expert", scale ? "scale" : "identity",
            "--threads", random.nextInt(1, 4)).succeeded();

        checkRows(input, out);
        final short[] combined = ExchangeFiles.readShorts(out.resolve("combined.npy"), ranks, input.tokensPerRank(),
            hidden);
        assertThat(PlainArithmetic.diff(combined, combined(input, false, scale)))
            .isLessThan(fp8 ? MAX_DIFF_FP8 : MAX_DIFF_BF16);
        assertThat(combined).as("bits, with the arithmetic as specified").isEqualTo(combined(input, fp8, scale));
    }

    /**
     * Counts are those of the routing; every row is one selection of the token it says, and rows lie by rank, then
     * local expert.
     */
    private static void checkRows(final ExchangeFiles input, final Path out) throws IOException {
        final int localExperts = input.experts() / input.ranks();
        final int[] counts = new int[input.experts()];
        final List<int[]> expected = new ArrayList<>();
        for (int i = 0; i < input.ids().length; i++) {
            final int expert = (int) input.ids()[i];
            if (expert >= 0) {
                counts[expert]++;
                final int token = i / input.topK();
                expected.add(new int[] {expert / localExperts, expert % localExperts, token / input.tokensPerRank(),
                    token % input.tokensPerRank()});
            }
        }
        expected.sort(Arrays::compare);
        assertThat(ExchangeFiles.readInts(out.resolve("recv_count.npy"), input.ranks(), localExperts))
            .isEqualTo(counts);
        final int[] flat = ExchangeFiles.readInts(out.resolve("recv_rows.npy"), expected.size(), 4);
        final List<int[]> rows = new ArrayList<>();
        for (int at = 0; at < flat.length; at += 4) {
            rows.add(Arrays.copyOfRange(flat, at, at + 4));
        }
        assertThat(rows).isSortedAccordingTo((a, b) -> Arrays.compare(a, 0, 2, b, 0, 2));
        rows.sort(Arrays::compare);
        assertThat(rows.toArray(int[][]::new)).isDeepEqualTo(expected.toArray(int[][]::new));
    }

    /** The weighted sums in fp32, fused, in top-k order, rounded once; expert outputs rounded to BF16. */
    private static short[] combined(final ExchangeFiles input, final boolean fp8, final boolean scale) {
        final int hidden = input.hidden();
        final short[] result = new short[input.tokens().length];
        for (int token = 0; token < input.ranks() * input.tokensPerRank(); token++) {
            final short[] row = Arrays.copyOfRange(input.tokens(), token * hidden, (token + 1) * hidden);
            final short[] seen = fp8 ? PlainArithmetic.throughFp8(row) : row;
            for (int c = 0; c < hidden; c++) {
                float sum = 0;
                for (int i = token * input.topK(); i < (token + 1) * input.topK(); i++) {
                    if (input.ids()[i] >= 0) {
                        final float factor = scale ? 1f + (float) input.ids()[i] / input.experts() : 1f;
                        sum = Math.fma(input.weights()[i],
                            PlainArithmetic.toFloat(PlainArithmetic.toBf16(PlainArithmetic.toFloat(seen[c]) * factor)),
                            sum);
                    }
                }
                result[token * hidden + c] = PlainArithmetic.toBf16(sum);
            }
        }
        return result;
    }
}

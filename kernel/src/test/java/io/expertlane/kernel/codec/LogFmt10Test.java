package io.expertlane.kernel.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class LogFmt10Test {
    private static final int HIDDEN = 256;

    private final Arena arena = Arena.ofConfined();
    private final MemorySegment row = arena.allocate(2L * HIDDEN);
    private final MemorySegment encoded = arena.allocate(LogFmt10.rowBytes(HIDDEN));
    private final MemorySegment decoded = arena.allocate(2L * HIDDEN);

    @AfterEach
    void close() {
        arena.close();
    }

    static Stream<RowCodec> codecs() {
        return Stream.of(RowCodec.scalar(), RowCodec.best());
    }

    @Test
    void sizeOfARow() {
        assertThat(LogFmt10.rowBytes(7168)).isEqualTo(9184);
        assertThat(LogFmt10.rowBytes(128)).isEqualTo(164);
    }

    /** Pins the diagram: amax 2, amin 1, one channel after the other set to a value of which the code is known. */
    @ParameterizedTest
    @MethodSource("codecs")
    void layout(final RowCodec codec) {
        for (int c = 0; c < 128; c++) {
            row.fill((byte) 0);
            set(128 + (c + 1) % 128, 1f);
            set(128 + c, -2f);
            codec.encodeLogFmt10(row, 0, encoded, 0, HIDDEN);
            assertThat(encoded.get(ValueLayout.JAVA_INT_UNALIGNED, 0)).isZero();
            assertThat(encoded.get(ScalarRowCodec.BF16, 4)).isEqualTo(Bfloat16.fromFloat(2f));
            assertThat(encoded.get(ScalarRowCodec.BF16, 6)).isEqualTo(Bfloat16.fromFloat(1f));
            for (int other = 0; other < 128; other++) {
                final int low = encoded.get(ValueLayout.JAVA_BYTE, 8 + 160 + other) & 0xff;
                final int high = encoded.get(ValueLayout.JAVA_BYTE, 8 + 160 + 128 + other % 32) >>> other / 32 * 2 & 3;
                final int code = high << 8 | low;
                assertThat(code).as("c=%d other=%d", c, other)
                    .isEqualTo(other == c ? 0x3ff : other == (c + 1) % 128 ? 1 : 0);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void relativeErrorIsBounded(final RowCodec codec) {
        final long seed = 10;
        final SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < 300; i++) {
            final int octaves = random.nextInt(1, 33);
            final int base = random.nextInt(-120, 120 - octaves);
            for (int c = 0; c < HIDDEN; c++) {
                final double magnitude = Math.pow(2, base + random.nextDouble(0, octaves - 0.1));
                set(c, (float) (random.nextBoolean() ? magnitude : -magnitude));
            }
            roundTrip(codec);
            final double bound = Math.pow(2, octaves / 510.0 / 2) - 1 + 0x1p-8 + 1e-4;
            for (int c = 0; c < HIDDEN; c++) {
                assertThat((double) get(decoded, c) / get(row, c)).as("seed=%d i=%d c=%d", seed, i, c)
                    .isCloseTo(1, within(bound));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void largestAndSmallestComeBackExactly(final RowCodec codec) {
        final SplittableRandom random = new SplittableRandom(12);
        for (int i = 0; i < 3_000; i++) {
            final int smallest = random.nextInt(LogFmt10.MIN_NORMAL_BITS, Bfloat16.INFINITY_BITS);
            final int largest = random.nextInt(smallest, Math.min(Bfloat16.INFINITY_BITS, smallest + (31 << 7)));
            for (int c = 0; c < HIDDEN; c++) {
                row.set(ScalarRowCodec.BF16, 2L * c, (short) ((c & 1) == 0 ? smallest : largest | 0x8000));
            }
            roundTrip(codec);
            assertThat(decoded.mismatch(row)).as("smallest=%x largest=%x", smallest, largest).isEqualTo(-1);
        }
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void groupsOfOneMagnitudeComeBackExactly(final RowCodec codec) {
        for (int bits = 0; bits < Bfloat16.INFINITY_BITS; bits++) {
            final short expected = (short) (bits < LogFmt10.MIN_NORMAL_BITS ? 0 : bits);
            for (int c = 0; c < HIDDEN; c++) {
                row.set(ScalarRowCodec.BF16, 2L * c, (short) bits);
            }
            roundTrip(codec);
            for (int c = 0; c < HIDDEN; c += 127) {
                assertThat(decoded.get(ScalarRowCodec.BF16, 2L * c)).isEqualTo(expected);
            }
        }
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void tinyMagnitudesComeBackAsTheLowestLevel(final RowCodec codec) {
        row.fill((byte) 0);
        set(0, 1f);
        set(1, -0x1p-60f);
        set(2, 0x1p-127f);
        roundTrip(codec);
        assertThat(get(decoded, 0)).isEqualTo(1f);
        assertThat(get(decoded, 1)).isEqualTo(-0x1p-32f);
        assertThat(get(decoded, 2)).isZero();
        assertThat(get(decoded, 3)).isZero();
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void nanAndInfinityDisturbNothingElse(final RowCodec codec) {
        final SplittableRandom random = new SplittableRandom(11);
        for (int c = 0; c < HIDDEN; c++) {
            set(c, (float) random.nextGaussian());
        }
        set(5, 0f);
        set(100, 0f);
        roundTrip(codec);
        final float[] clean = new float[HIDDEN];
        for (int c = 0; c < HIDDEN; c++) {
            clean[c] = get(decoded, c);
        }
        set(5, Float.NaN);
        set(100, Float.NEGATIVE_INFINITY);
        roundTrip(codec);
        for (int c = 0; c < HIDDEN; c++) {
            assertThat(decoded.get(ScalarRowCodec.BF16, 2L * c))
                    .isEqualTo(c == 5 || c == 100 ? Bfloat16.NAN : Bfloat16.fromFloat(clean[c]));
        }
    }

    private void roundTrip(final RowCodec codec) {
        codec.encodeLogFmt10(row, 0, encoded, 0, HIDDEN);
        codec.decodeLogFmt10(encoded, 0, decoded, 0, HIDDEN);
    }

    private void set(final int channel, final float value) {
        row.set(ScalarRowCodec.BF16, 2L * channel, Bfloat16.fromFloat(value));
    }

    private static float get(final MemorySegment from, final int channel) {
        return Bfloat16.toFloat(from.get(ScalarRowCodec.BF16, 2L * channel));
    }
}

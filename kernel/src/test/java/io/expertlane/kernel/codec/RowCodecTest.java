package io.expertlane.kernel.codec;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RowCodecTest {
    private final Arena arena = Arena.ofConfined();

    @AfterEach
    void close() {
        arena.close();
    }

    static Stream<RowCodec> codecs() {
        return Stream.of(RowCodec.scalar(), RowCodec.best());
    }

    @Test
    void bestIsVectorisedUnderTheTestFlags() {
        assertThat(RowCodec.best()).isInstanceOf(VectorRowCodec.class);
    }

    @Test
    void twinsAgreeOnEveryBfloat16() {
        new TwinComparison(arena, 1).everyBfloat16();
    }

    @Test
    void twinsAgreeOnEveryFloat8() {
        new TwinComparison(arena, 2).everyFloat8();
    }

    @Test
    void twinsAgreeOnTenMillionFloats() {
        new TwinComparison(arena, 3).manyElements(10_000_000);
    }

    @Test
    void twinsAgreeOnRandomShapesAndOffsets() {
        for (long seed = 4; seed < 8; seed++) {
            new TwinComparison(arena, seed).randomShapes(500_000);
        }
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void quantizesByTheFormula(final RowCodec codec) {
        final int hidden = 1024;
        final MemorySegment src = normalRow(hidden, 9);
        final MemorySegment values = arena.allocate(hidden);
        final MemorySegment scales = arena.allocate(Float8E4M3.scalesBytes(hidden));
        for (final boolean roundScale : new boolean[] {false, true}) {
            codec.quantizeFp8(src, 0, values, 0, scales, 0, hidden, roundScale);
            for (int g = 0; g < hidden / 128; g++) {
                float amax = 1e-4f;
                for (int c = g * 128; c < (g + 1) * 128; c++) {
                    amax = Math.max(amax, Math.abs(bf16(src, c)));
                }
                final float scale = scales.get(ScalarRowCodec.FP32, 4L * g);
                final double power = Math.pow(2, Math.ceil(Math.log(amax / 448.0) / Math.log(2)));
                assertThat(scale).isEqualTo(roundScale ? (float) power : amax / 448f);
                for (int c = g * 128; c < (g + 1) * 128; c++) {
                    final float factor = roundScale ? 1f / scale : 448f / amax;
                    assertThat(values.get(ValueLayout.JAVA_BYTE, c))
                        .isEqualTo(Float8E4M3.encode(bf16(src, c) * factor));
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void fp8RoundTripIsWithinHalfAnUlp(final RowCodec codec) {
        final int hidden = 7168;
        final MemorySegment src = normalRow(hidden, 10);
        final MemorySegment values = arena.allocate(hidden);
        final MemorySegment scales = arena.allocate(Float8E4M3.scalesBytes(hidden));
        final MemorySegment back = arena.allocate(2L * hidden);
        codec.quantizeFp8(src, 0, values, 0, scales, 0, hidden, false);
        codec.dequantizeFp8(values, 0, scales, 0, back, 0, hidden);
        for (int c = 0; c < hidden; c++) {
            final float x = bf16(src, c);
            final double step = 0x1p-10 * scales.get(ScalarRowCodec.FP32, 4L * (c / 128));
            assertThat((double) bf16(back, c))
                .isBetween(x - Math.abs(x) * 0.067 - step, x + Math.abs(x) * 0.067 + step);
        }
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void nanAndInfinityDisturbNothingElse(final RowCodec codec) {
        final int hidden = 256;
        final MemorySegment src = normalRow(hidden, 11);
        final short[] specials = {0x7f80, (short) 0xff80, 0x7fc0, (short) 0xffff, 0x7f81};
        final int[] places = {0, 17, 64, 126, 127};
        for (int i = 0; i < places.length; i++) {
            src.set(ScalarRowCodec.BF16, 2L * places[i], (short) 0);
        }
        final MemorySegment clean = arena.allocate(hidden + 8);
        codec.quantizeFp8(src, 0, clean, 0, clean, hidden, hidden, false);
        for (int i = 0; i < places.length; i++) {
            src.set(ScalarRowCodec.BF16, 2L * places[i], specials[i]);
        }
        final MemorySegment dirty = arena.allocate(hidden + 8);
        codec.quantizeFp8(src, 0, dirty, 0, dirty, hidden, hidden, false);
        for (final int place : places) {
            assertThat(dirty.get(ValueLayout.JAVA_BYTE, place)).isEqualTo(Float8E4M3.NAN);
            clean.set(ValueLayout.JAVA_BYTE, place, Float8E4M3.NAN);
        }
        assertThat(dirty.mismatch(clean)).isEqualTo(-1);

        final MemorySegment back = arena.allocate(2L * hidden);
        codec.dequantizeFp8(dirty, 0, dirty, hidden, back, 0, hidden);
        for (final int place : places) {
            assertThat(back.get(ScalarRowCodec.BF16, 2L * place)).isEqualTo(Bfloat16.NAN);
        }
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void reducesInTableOrderInFp32(final RowCodec codec) {
        final int hidden = 520;
        for (int count = 0; count <= 32; count++) {
            final RowTable rows = new RowTable(32);
            final float[] sums = new float[hidden];
            final SplittableRandom random = new SplittableRandom(count);
            for (int k = 0; k < count; k++) {
                final MemorySegment row = normalRow(hidden + k, count * 100 + k);
                final float weight = k % 3 == 2 ? 1f : (float) random.nextDouble();
                if (k % 3 == 2) {
                    rows.add(row, 2L * k);
                } else {
                    rows.add(row, 2L * k, weight);
                }
                for (int c = 0; c < hidden; c++) {
                    sums[c] = Math.fma(weight, bf16(row, c + k), sums[c]);
                }
            }
            final MemorySegment dst = arena.allocate(2L * hidden).fill((byte) 0x55);
            codec.reduce(rows, dst, 0, hidden);
            for (int c = 0; c < hidden; c++) {
                assertThat(dst.get(ScalarRowCodec.BF16, 2L * c)).as("count=%d c=%d", count, c)
                    .isEqualTo(Bfloat16.fromFloat(sums[c]));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void worksInPlace(final RowCodec codec) {
        final int hidden = 1000;
        final MemorySegment row = normalRow(hidden, 12);
        final MemorySegment other = normalRow(hidden, 13);
        final MemorySegment expected = arena.allocate(2L * hidden);
        codec.scale(row, 0, expected, 0, hidden, 3f);
        codec.scale(row, 0, row, 0, hidden, 3f);
        assertThat(row.mismatch(expected)).isEqualTo(-1);

        final RowTable rows = new RowTable(2);
        rows.add(other, 0);
        rows.add(row, 0, 0.5f);
        codec.reduce(rows, expected, 0, hidden);
        codec.reduce(rows, row, 0, hidden);
        assertThat(row.mismatch(expected)).isEqualTo(-1);
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void rejectsBadShapesBeforeWriting(final RowCodec codec) {
        final MemorySegment row = arena.allocate(256);
        final MemorySegment untouched = arena.allocate(255).fill((byte) 7);
        assertThatThrownBy(() -> codec.scale(row, 0, untouched, 0, 128, 1f))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("dstOffset=0 with a row of 256 bytes is outside its segment of 255 bytes");
        assertThatThrownBy(() -> codec.scale(row, 2, row, 0, 128, 1f)).hasMessageStartingWith("srcOffset=2 ");
        assertThatThrownBy(() -> codec.scale(row, -1, row, 0, 8, 1f)).hasMessageStartingWith("srcOffset=-1 ");
        assertThatThrownBy(() -> codec.scale(row, 0, row, 0, 0, 1f))
            .hasMessage("hidden=0 must be a positive multiple of 1");
        assertThatThrownBy(() -> codec.quantizeFp8(row, 0, untouched, 0, untouched, 128, 120, false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("hidden=120 must be a positive multiple of 128");
        assertThatThrownBy(() -> codec.quantizeFp8(row, 0, untouched, 0, untouched, 252, 128, false))
            .hasMessageStartingWith("scalesOffset=252 ");
        final RowTable rows = new RowTable(1);
        rows.add(row, Long.MAX_VALUE);
        assertThatThrownBy(() -> codec.reduce(rows, untouched, 0, 8))
            .hasMessageStartingWith("rows.offset=" + Long.MAX_VALUE);
        for (int i = 0; i < 255; i++) {
            assertThat(untouched.get(ValueLayout.JAVA_BYTE, i)).isEqualTo((byte) 7);
        }
    }

    @ParameterizedTest
    @MethodSource("codecs")
    void closedSegmentFails(final RowCodec codec) {
        final MemorySegment row = arena.allocate(1024);
        final Arena other = Arena.ofConfined();
        final MemorySegment closed = other.allocate(1024);
        other.close();
        assertThatThrownBy(() -> codec.scale(closed, 0, row, 0, 512, 1f)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void tableRefusesMoreThanItsCapacity() {
        final RowTable rows = new RowTable(1);
        rows.add(MemorySegment.NULL, 0);
        assertThatThrownBy(() -> rows.add(MemorySegment.NULL, 0)).isInstanceOf(IllegalStateException.class)
                .hasMessage("count=1 has reached capacity=1");
        rows.clear();
        assertThat(rows.count()).isZero();
        assertThatThrownBy(() -> new RowTable(0)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("capacity=0");
    }

    private MemorySegment normalRow(final int hidden, final long seed) {
        final SplittableRandom random = new SplittableRandom(seed);
        final MemorySegment row = arena.allocate(2L * hidden);
        for (int c = 0; c < hidden; c++) {
            row.set(ScalarRowCodec.BF16, 2L * c, Bfloat16.fromFloat((float) random.nextGaussian()));
        }
        return row;
    }

    private static float bf16(final MemorySegment row, final int channel) {
        return Bfloat16.toFloat(row.get(ScalarRowCodec.BF16, 2L * channel));
    }
}

package io.expertlane.kernel.codec;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class Float8E4M3Test {
    @Test
    void everyCodeDecodesAsTheSpecificationSays() {
        for (int code = 0; code < 256; code++) {
            assertThat(Float.floatToIntBits(Float8E4M3.decode((byte) code))).as("code=%d", code)
                    .isEqualTo(Float.floatToIntBits((float) specified(code)));
        }
        assertThat(Float8E4M3.decode((byte) 0x7e)).isEqualTo(448f);
    }

    @Test
    void everyCodeComesBack() {
        for (int code = 0; code < 256; code++) {
            final int expected = (code & 0x7f) == 0x7f ? 0x7f : code;
            assertThat(Float8E4M3.encode(Float8E4M3.decode((byte) code)) & 0xff).isEqualTo(expected);
        }
    }

    @Test
    void encodesToTheNearestOfAllCodes() {
        final long seed = 8;
        final SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < 200_000; i++) {
            final float value = (float) Math.scalb(random.nextDouble(-1, 1), random.nextInt(-14, 11));
            assertThat(Float8E4M3.encode(value) & 0xff).as("value=%s seed=%d", value, seed).isEqualTo(nearest(value));
        }
    }

    @Test
    void encodesTiesToTheEvenCode() {
        for (int code = 0; code < 0x7e; code++) {
            final float tie = (float) ((specified(code) + specified(code + 1)) / 2);
            final int even = code + (code & 1);
            assertThat(Float8E4M3.encode(tie) & 0xff).as("tie=%s", tie).isEqualTo(even);
            assertThat(Float8E4M3.encode(-tie) & 0xff).isEqualTo(even | 0x80);
            assertThat(Float8E4M3.encode(Math.nextDown(tie)) & 0xff).isEqualTo(code);
            assertThat(Float8E4M3.encode(Math.nextUp(tie)) & 0xff).isEqualTo(code + 1);
        }
    }

    @Test
    void saturatesFiniteValuesOnly() {
        for (final float value : new float[] {448f, 464f, 465f, 480f, 1e30f, Float.MAX_VALUE}) {
            assertThat(Float8E4M3.encode(value)).isEqualTo((byte) 0x7e);
            assertThat(Float8E4M3.encode(-value)).isEqualTo((byte) 0xfe);
        }
        for (final float value : new float[] {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY}) {
            assertThat(Float8E4M3.encode(value)).isEqualTo(Float8E4M3.NAN);
        }
    }

    @Test
    void scaleOfAGroup() {
        assertThat(Float8E4M3.scale(896f, false)).isEqualTo(2f);
        assertThat(Float8E4M3.scale(0f, false)).isEqualTo(1e-4f / 448f);
        assertThat(Float8E4M3.scale(896f, true)).isEqualTo(2f);
        assertThat(Float8E4M3.scale(897f, true)).isEqualTo(4f);
        assertThat(Float8E4M3.scale(0f, true)).isEqualTo(0x1p-22f);
        assertThat(Float8E4M3.scalesBytes(7168)).isEqualTo(224);
    }

    private static double specified(final int code) {
        final int exponent = code >> 3 & 15;
        final int mantissa = code & 7;
        final double magnitude = exponent == 15 && mantissa == 7
                ? Double.NaN
                : exponent == 0 ? Math.scalb(mantissa / 8.0, -6) : Math.scalb(1 + mantissa / 8.0, exponent - 7);
        return code >= 128 ? -magnitude : magnitude;
    }

    private static int nearest(final float value) {
        final double magnitude = Math.abs((double) value);
        int best = 0;
        for (int code = 1; code < 0x7f; code++) {
            final double distance = Math.abs(specified(code) - magnitude);
            final double bestDistance = Math.abs(specified(best) - magnitude);
            if (distance < bestDistance || distance == bestDistance && (code & 1) == 0) {
                best = code;
            }
        }
        return Float.floatToRawIntBits(value) < 0 ? best | 0x80 : best;
    }
}

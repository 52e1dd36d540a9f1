package io.expertlane.kernel.codec;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class Bfloat16Test {
    @Test
    void everyValueComesBackAndNanIsCanonical() {
        for (int bits = 0; bits < 1 << 16; bits++) {
            final float value = Bfloat16.toFloat((short) bits);
            final int back = Bfloat16.fromFloat(value) & 0xffff;
            assertThat(back).isEqualTo(Float.isNaN(value) ? 0x7fc0 : bits);
        }
    }

    @Test
    void roundsToNearestTiesToEven() {
        final long seed = 16;
        final SplittableRandom random = new SplittableRandom(seed);
        for (int i = 0; i < 1_000_000; i++) {
            final float value = Float.intBitsToFloat(random.nextInt());
            if (Float.isNaN(value) || Math.abs(value) >= 0x1.fep127f) {
                continue;
            }
            final int below = Float.floatToRawIntBits(value) >>> 16;
            final double toBelow = Math.abs((double) value - Bfloat16.toFloat((short) below));
            final double toAbove = Math.abs((double) value - Bfloat16.toFloat((short) (below + 1)));
            final int nearest = toBelow < toAbove || toBelow == toAbove && (below & 1) == 0 ? below : below + 1;
            assertThat(Bfloat16.fromFloat(value) & 0xffff).as("value=%s seed=%d", value, seed).isEqualTo(nearest);
        }
    }

    @Test
    void largestFloatsRoundToInfinity() {
        assertThat(Bfloat16.fromFloat(Float.MAX_VALUE)).isEqualTo((short) 0x7f80);
        assertThat(Bfloat16.fromFloat(-Float.MAX_VALUE)).isEqualTo((short) 0xff80);
        assertThat(Bfloat16.fromFloat(0x1.fep127f)).isEqualTo((short) 0x7f7f);
    }
}

package io.expertlane.kernel.memory;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class CallWordTest {
    @Test
    void bitsAreWhereTheDiagramSays() {
        assertThat(CallWord.of(0xabc, 0x1234567, 0x89abcd)).isEqualTo(0xabc1_2345_6789_abcdL);
        assertThat(CallWord.of(0, 1, 0)).isEqualTo(1L << 24);
        assertThat(CallWord.of(0xfff, -1, CallWord.MAX_VALUE)).isEqualTo(-1L);
        assertThat(CallWord.ofPosition(0xabc, CallWord.MAX_POSITION)).isEqualTo(0xabcf_ffff_ffff_ffffL);
    }

    @Test
    void aWordIsOfItsCallAndLinkOnly() {
        final long word = CallWord.of(7, 42, 5);
        assertThat(CallWord.value(word)).isEqualTo(5);
        assertThat(CallWord.isOf(word, 7, 42)).isTrue();
        assertThat(CallWord.isOf(word, 6, 42)).isFalse();
        assertThat(CallWord.isOf(word, 7, 41)).isFalse();
        assertThat(CallWord.isOf(word, 7, 42 + (1L << 28))).as("call numbers count modulo 2^28").isTrue();
        assertThat(CallWord.isOf(0, 0, 1)).as("zeroed memory").isFalse();
    }

    @Test
    void aPositionOfAnotherLinkIsNone() {
        assertThat(CallWord.position(CallWord.ofPosition(3, 99), 3)).isEqualTo(99);
        assertThat(CallWord.position(CallWord.ofPosition(3, 99), 4)).isZero();
        assertThat(CallWord.position(0, 0)).isZero();
    }

    @Test
    void tagsFollowTheSumOfEpochsAndAreZeroOnlyAtFirst() {
        assertThat(CallWord.tag(0, 0)).isZero();
        for (int epoch = 1; epoch < 10_000; epoch++) {
            assertThat(CallWord.tag(epoch, 0)).isBetween(1, 4095).isNotEqualTo(CallWord.tag(epoch - 1, 0));
            assertThat(CallWord.tag(epoch, 3)).isEqualTo(CallWord.tag(3, epoch)).isNotEqualTo(CallWord.tag(epoch, 2));
        }
    }
}

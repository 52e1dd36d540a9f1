package io.expertlane.bench.study;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WordsTest {
    @Test
    void saysOnlyWhatHolds() {
        assertThat(Words.when(true, "%d of %d.", 3, 4)).isEqualTo("3 of 4.");
        assertThat(Words.when(false, "%d of %d.", 3, 4)).isEmpty();
        assertThat(Words.paragraph("One.", "", "Two.", "")).isEqualTo("One. Two.");
        assertThat(Words.item("", "")).isEmpty();
        assertThat(Words.list(Words.item("a"), Words.item(""), Words.item("b"))).isEqualTo("* a\n* b");
    }

    @Test
    void tellsRatiosInBothDirections() {
        assertThat(Words.longer(1.3)).isEqualTo("30 % longer");
        assertThat(Words.longer(0.75)).isEqualTo("25 % less");
        assertThat(Words.longer(1)).isEqualTo("0 % longer");
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void wrapsWithoutLosingAWord(final long seed) {
        final SplittableRandom random = new SplittableRandom(seed);
        final String words = IntStream.range(0, 300).mapToObj(_ -> "w".repeat(1 + random.nextInt(12)))
            .collect(Collectors.joining(" "));
        final String item = Words.item(words);
        assertThat(item.lines()).as("seed %d", seed).hasSizeGreaterThan(1).allMatch(line -> line.length() <= 180);
        assertThat(item.lines().skip(1)).as("seed %d", seed).allMatch(line -> line.startsWith("  w"));
        assertThat(item.replaceAll("\n *", " ")).as("seed %d", seed).isEqualTo("* " + words);
    }
}

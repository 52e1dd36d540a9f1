package io.expertlane.bench.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/**
 * Each thing has one word, the one that engineers of the field use: {@code docs/CONTRIBUTING.md} lists them. This looks
 * for others in code, help texts and pages, also across line ends, and in names of methods and variables.
 */
class WordsTest {
    /** Why a file may have such a word. */
    private static final Set<String> EXCEPTIONS = Set.of(
        // The list of the words itself.
        "WordsTest.java");
    private static final String APART = "[\\s*/+\"]+";
    private static final Pattern WORDS = Pattern.compile(String.join("|",
        "\\bknock\\w*", "\\bwelcom\\w*", "\\bsigns?" + APART + "of" + APART + "life\\b", "signs?OfLife",
        "\\btold" + APART + "of\\b", "toldOf", "\\bgiven" + APART + "up\\b", "givenUp",
        "\\bunder" + APART + "way\\b", "underWay", "\\bcomebacks?\\b"), Pattern.CASE_INSENSITIVE);
    private static final List<String> PLACES = List.of("kernel", "sim-nic", "bench", "docs", "README.md");
    private static final Pattern TEXT = Pattern.compile(".*\\.(java|md|json|properties|sh|py|html|js|css|svg|xml|yml)");
    private static final Set<String> LEFT_OUT = Set.of("target", ".builds", "node_modules");

    @Test
    void eachThingHasOneWord() throws IOException {
        final Set<String> found = new TreeSet<>();
        int files = 0;
        for (final String place : PLACES) {
            try (Stream<Path> paths = Files.walk(Path.of("..").resolve(place))) {
                for (final Path path : paths.filter(WordsTest::isOurs).toList()) {
                    files++;
                    final Matcher matcher = WORDS.matcher(Files.readString(path));
                    while (matcher.find()) {
                        found.add(path + ": " + matcher.group());
                    }
                }
            }
        }
        assertThat(files).isGreaterThan(400);
        assertThat(found).isEmpty();
    }

    private static boolean isOurs(final Path path) {
        for (final Path part : path) {
            if (LEFT_OUT.contains(part.toString())) {
                return false;
            }
        }
        final String name = path.getFileName().toString();
        return Files.isRegularFile(path) && TEXT.matcher(name).matches() && !EXCEPTIONS.contains(name);
    }

    @Test
    void otherWordsAreSeen() {
        for (final String text : List.of("Knocks at", "a sign\n * of life", "are told \"\n + \"of it", "isUnderWay(",
            "given up")) {
            assertThat(WORDS.matcher(text).find()).as(text).isTrue();
        }
        for (final String text : List.of("under a way", "told often", "give up", "come back to")) {
            assertThat(WORDS.matcher(text).find()).as(text).isFalse();
        }
    }
}

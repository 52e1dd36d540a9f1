package io.expertlane.kernel.example;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Runs the first program of the README, which is to stay short. */
class HelloDispatchTest {
    private static final int MOST_LINES = 30;

    @Test
    void everyRankGetsItsTokensBack() {
        final PrintStream before = System.out;
        final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            HelloDispatch.main(new String[0]);
        } finally {
            System.setOut(before);
        }
        assertThat(bytes.toString(StandardCharsets.UTF_8).lines()).containsExactly("rank 0: right", "rank 1: right",
            "rank 2: right", "rank 3: right");
    }

    @Test
    void theReadmeShowsItAndItIsShort() throws IOException {
        final String source = Files.readString(
            Path.of("src/test/java/io/expertlane/kernel/example/HelloDispatch.java"));
        final int begin = source.indexOf("// example begins\n") + "// example begins\n".length();
        final String code = source.substring(begin, source.indexOf("    // example ends", begin)).stripTrailing()
            .stripIndent();
        assertThat(code.lines()).hasSizeLessThanOrEqualTo(MOST_LINES);
        assertThat(Files.readString(Path.of("../README.md"))).contains("```java\n" + code + "\n```\n");
    }
}

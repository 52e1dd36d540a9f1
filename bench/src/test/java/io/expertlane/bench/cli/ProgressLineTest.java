package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class ProgressLineTest {
    private final StringWriter err = new StringWriter();
    private long nowNanos;

    private void run(final boolean terminal) {
        try (ProgressLine line = new ProgressLine(new PrintWriter(err), terminal, () -> nowNanos)) {
            line.tick(() -> "too early");
            line.stage("first");
            for (int i = 1; i <= 25; i++) {
                nowNanos += TimeUnit.MILLISECONDS.toNanos(100);
                final int tenths = i;
                line.tick(() -> "tick " + tenths);
            }
        }
    }

    @Test
    void printsAtMostOnceASecond() {
        run(false);
        assertThat(err.toString().lines()).containsExactly("first", "tick 10", "tick 20");
    }

    @Test
    void overwritesOneLineOfATerminalAndWipesIt() {
        run(true);
        assertThat(err.toString()).isEqualTo("\r\033[Kfirst\r\033[Ktick 10\r\033[Ktick 20\r\033[K");
    }
}

package io.expertlane.bench.suite;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.runner.IterationType;
import org.openjdk.jmh.runner.options.TimeValue;

class ProgressTest {
    /** Ten seconds by expectation. */
    private static final Timing TEN_SECONDS = new Timing(1, 0, 1, 10_000 - PresetRow.DEFAULT_SETUP_MILLIS);

    private final StringWriter err = new StringWriter();
    private final AtomicLong nanos = new AtomicLong(123);
    private final List<Trial> trials = List.of(trial("A.a"), trial("B.b"), trial("C.c"));

    @Test
    void correctsRemainingTimeByWhatFinishedTrialsTook() {
        final Progress progress = new Progress(new PrintWriter(err), false, nanos::get, trials);
        progress.nextTrial();
        nanos.addAndGet(20_000_000_000L);
        progress.nextTrial();
        nanos.addAndGet(20_000_000_000L);
        progress.nextTrial();
        progress.done();
        assertThat(err.toString().lines())
            .containsExactly("[1/3] A.a n=1  0:30 left", "[2/3] B.b n=1  0:40 left", "[3/3] C.c n=1  0:20 left");
    }

    @Test
    void overwritesOneLineOnATerminal() {
        final Progress progress = new Progress(new PrintWriter(err), true, nanos::get, trials);
        progress.nextTrial();
        nanos.addAndGet(4_000_000_000L);
        progress.iteration(null, new IterationParams(IterationType.MEASUREMENT, 5, TimeValue.seconds(1), 1), 2);
        progress.done();
        assertThat(err.toString()).isEqualTo("\r\033[K\033[?7l[1/3] A.a n=1  0:30 left\033[?7h"
            + "\r\033[K\033[?7l[1/3] A.a n=1  measuring 2/5  0:26 left\033[?7h\r\033[K");
    }

    @Test
    void keepsTheOutputOfTheTrialAtHand() {
        final Progress progress = new Progress(new PrintWriter(err), true, nanos::get, trials);
        progress.nextTrial();
        progress.println("of the first");
        progress.nextTrial();
        progress.println("x".repeat(100_000));
        progress.println("last words");
        assertThat(progress.trialOutput()).endsWith("xx" + System.lineSeparator() + "last words")
            .hasSizeLessThan(70_000).doesNotContain("first");
    }

    private static Trial trial(final String name) {
        return new Trial("p." + name, Map.of("n", "1"), PresetRow.timed(name, TEN_SECONDS), Optional.empty(),
            Mode.AverageTime);
    }
}

package io.expertlane.kernel.explorer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every schedule in which something once did not hold, as the explorer's command repeats it. */
class NamedSchedulesTest {
    static List<String> schedules() throws IOException {
        final List<String> schedules = new ArrayList<>();
        try (InputStream file = NamedSchedulesTest.class.getResourceAsStream("/schedules.txt")) {
            for (final String line : new String(file.readAllBytes(), StandardCharsets.UTF_8).lines().toList()) {
                if (!line.isBlank() && !line.startsWith("#")) {
                    schedules.add(line);
                }
            }
        }
        return schedules;
    }

    @ParameterizedTest
    @MethodSource("schedules")
    void holds(final String schedule) {
        final String[] parts = schedule.split(": ", 2);
        final Options options = Options.parse(parts[1].trim().split(" +"));
        try (Memory memory = new Memory()) {
            final Outcome outcome = Outcome.of(options.plan(options.first), memory, false);
            assertThat(outcome.violation()).as("%s: %s", parts[0], parts[1]).isNull();
            assertThat(outcome.steps()).as("%s runs", parts[0]).isPositive();
        }
    }
}

package io.expertlane.nic.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.profile.FaultProfile;
import io.expertlane.nic.profile.NicProfile.Granularity;
import io.expertlane.nic.trace.ElementLife.Stamp;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.ObjectMapper;

class TimelineWriterTest {
    /** Half a picosecond, in the microseconds of the format. */
    private static final double ROUNDING_MICROS = 0.5e-6;

    private static JsonNode timeline(final long seed, final double[] latencyNanos, final long[] counts)
        throws IOException {
        return timeline(seed, latencyNanos, counts, Granularity.PACKET, null);
    }

    private static JsonNode timeline(final long seed, final double[] latencyNanos, final long[] counts,
        final Granularity granularity,
                                     final FaultProfile faults) throws IOException {
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (TracedRun run = new TracedRun(seed, granularity,
            faults); TimelineWriter timeline = new TimelineWriter(out)) {
            run.transport.trace(timeline);
            run.scheduler.trace(timeline);
            run.run();
            counts[0] = run.transport.total(NicCounter.SENT_PACKETS);
            counts[1] = run.transport.total(NicCounter.SENT_ACKS);
            counts[2] = run.posted;
        }
        try (TracedRun run = new TracedRun(seed, granularity, faults)) {
            run.transport.trace(new ElementRecorder(life -> latencyNanos[0] += life.latencyPicos() / 1e3));
            run.run();
        }
        return new ObjectMapper().readTree(out.toByteArray());
    }

    /** Required fields, as the document of the Trace Event Format has them. */
    @Test
    void everyEventHasTheFieldsOfItsType() throws IOException {
        final JsonNode root = timeline(1, new double[1], new long[3]);
        assertThat(root.get("displayTimeUnit").asString()).isIn("ns", "ms");
        final JsonNode events = root.get("traceEvents");
        assertThat(events.isArray()).isTrue();
        assertThat(events.size()).isGreaterThan(1000);
        final Set<Long> named = new HashSet<>();
        final Map<String, Integer> types = new HashMap<>();
        for (final JsonNode event : events) {
            final String type = event.get("ph").asString();
            types.merge(type, 1, Integer::sum);
            assertThat(event.get("name").isString()).isTrue();
            assertThat(event.get("pid").isInt()).isTrue();
            assertThat(event.get("tid").isInt()).isTrue();
            final long thread = event.get("pid").asLong() << 32 | event.get("tid").asLong();
            switch (type) {
                case "M" -> {
                    assertThat(event.get("name").asString()).isIn("process_name", "thread_name");
                    assertThat(event.get("args").get("name").isString()).isTrue();
                    named.add(thread);
                }
                case "X" -> {
                    assertThat(event.get("ts").isNumber()).isTrue();
                    assertThat(event.get("ts").asDouble()).isNotNegative();
                    assertThat(event.get("dur").asDouble()).isNotNegative();
                    assertThat(event.get("cat").isString()).isTrue();
                    assertThat(named).as("thread of %s", event).contains(thread);
                }
                case "b", "e" -> {
                    assertThat(event.get("ts").isNumber()).isTrue();
                    assertThat(event.get("cat").isString()).isTrue();
                    assertThat(event.get("id").isString()).isTrue();
                    assertThat(named).contains(thread);
                }
                default -> throw new AssertionError("type " + type);
            }
        }
        assertThat(types).containsOnlyKeys("M", "X", "b", "e");
        assertThat(types.get("b")).isEqualTo(types.get("e"));
    }

    @Test
    void slicesOfAThreadDoNotOverlapAndPortsAreAccountedForWhole() throws IOException {
        final long[] counts = new long[3];
        final Map<Long, List<JsonNode>> threads = new HashMap<>();
        final Map<String, Integer> categories = new HashMap<>();
        for (final JsonNode event : timeline(2, new double[1], counts).get("traceEvents")) {
            if (event.get("ph").asString().equals("X")) {
                threads.computeIfAbsent(event.get("pid").asLong() << 32 | event.get("tid").asLong(),
                    key -> new ArrayList<>()).add(event);
                categories.merge(event.get("cat").asString(), 1, Integer::sum);
            }
        }
        assertThat(categories.get("packet")).isEqualTo((int) counts[0]);
        assertThat(categories.get("acknowledgement")).isEqualTo((int) counts[1]);
        assertThat(categories.get("element")).isEqualTo((int) counts[2]);
        assertThat(categories).containsKeys("idle", "work");
        for (final List<JsonNode> slices : threads.values()) {
            slices.sort(Comparator.comparingDouble(slice -> slice.get("ts").asDouble()));
            final boolean port = slices.stream().anyMatch(slice -> slice.get("cat").asString().equals("packet"));
            double end = slices.getFirst().get("ts").asDouble();
            for (final JsonNode slice : slices) {
                final double start = slice.get("ts").asDouble();
                assertThat(start).isGreaterThan(end - ROUNDING_MICROS);
                if (port) {
                    assertThat(start).as("busy or T_inter: no hole").isCloseTo(end, within(ROUNDING_MICROS));
                }
                end = start + slice.get("dur").asDouble();
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"PACKET,false", "PACKET,true", "MESSAGE,false"})
    void phasesSumToTheReportedLatencies(final Granularity granularity, final boolean faulty) throws IOException {
        final FaultProfile faults = faulty ? new FaultProfile(0.03, 0.01, 0.2, 5000, 7) : null;
        final double[] latencyNanos = new double[1];
        final Map<String, Deque<JsonNode>> open = new HashMap<>();
        final Map<String, Double> phaseMicros = new HashMap<>();
        final List<String> phases = Arrays.stream(Stamp.values()).map(Stamp::phase).toList();
        double totalNanos = 0;
        int elements = 0;
        final long[] counts = new long[3];
        for (final JsonNode event : timeline(3, latencyNanos, counts, granularity, faults).get("traceEvents")) {
            final String type = event.get("ph").asString();
            if (type.equals("b")) {
                open.computeIfAbsent(event.get("id").asString(), id -> new ArrayDeque<>()).push(event);
            } else if (type.equals("e")) {
                final String id = event.get("id").asString();
                final JsonNode begin = open.get(id).pop();
                final String name = event.get("name").asString();
                assertThat(begin.get("name").asString()).isEqualTo(name);
                assertThat(event.get("ts").asDouble()).isGreaterThanOrEqualTo(begin.get("ts").asDouble());
                final double micros = event.get("ts").asDouble() - begin.get("ts").asDouble();
                if (open.get(id).isEmpty()) {
                    final double reported = begin.get("args").get("latencyNanos").asDouble();
                    assertThat(phaseMicros.remove(id) * 1e3).isCloseTo(reported, within(1e-2));
                    assertThat(micros * 1e3).isCloseTo(reported, within(1e-2));
                    totalNanos += reported;
                    elements++;
                } else {
                    assertThat(phases).contains(name);
                    phaseMicros.merge(id, micros, Double::sum);
                }
            }
        }
        assertThat(elements).isEqualTo((int) counts[2]);
        assertThat(open.values()).allMatch(Deque::isEmpty);
        assertThat(totalNanos).isCloseTo(latencyNanos[0], within(1e-3 * elements));
    }
}

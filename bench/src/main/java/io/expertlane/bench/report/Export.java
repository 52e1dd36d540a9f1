package io.expertlane.bench.report;

import io.expertlane.bench.results.Better;
import io.expertlane.bench.results.Json;
import io.expertlane.bench.results.Measurement;
import io.expertlane.bench.results.Run;
import io.expertlane.bench.results.Series;
import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Forms of a run that other tools read. */
public enum Export {
    /** JMH's own file, byte by byte: jmh-visualizer, and github-action-benchmark's tool {@code jmh}. */
    JMH {
        @Override
        public String of(final Run run) throws IOException {
            return Files.readString(run.folder().resolve("jmh.json"));
        }
    },
    /** github-action-benchmark's tool {@code customBiggerIsBetter}: simulated values of which more is better. */
    CUSTOM_BIGGER_IS_BETTER {
        @Override
        public String of(final Run run) {
            return custom(run, Better.HIGHER);
        }
    },
    /** github-action-benchmark's tool {@code customSmallerIsBetter}: simulated values of which less is better. */
    CUSTOM_SMALLER_IS_BETTER {
        @Override
        public String of(final Run run) {
            return custom(run, Better.LOWER);
        }
    },
    /** OpenMetrics text, in base units; a Prometheus text-file collector reads it too. */
    OPENMETRICS {
        @Override
        public String of(final Run run) {
            return OpenMetrics.text(run);
        }
    },
    /** One line for each series, with a heading; fields quoted as RFC 4180 says. */
    CSV {
        @Override
        public String of(final Run run) {
            final Stream<String> rows = run.measurements().stream().map(m -> csv(run, m));
            return Stream.concat(Stream.of(
                "run,date,commit,simulated,name,params,metric,unit,better,value,low,high,forks,rooflineRatio"), rows)
                .collect(Collectors.joining("\r\n", "", "\r\n"));
        }
    };

    /** The whole text. */
    public abstract String of(Run run) throws IOException;

    private static String custom(final Run run, final Better better) {
        final List<Map<String, Object>> entries = new ArrayList<>();
        for (final Measurement measurement : run.measurements()) {
            final Series series = measurement.series();
            if (series.simulated() && series.better() == better) {
                final Map<String, Object> entry = new LinkedHashMap<>();
                entry.put("name", series.label() + " (simulated)");
                entry.put("unit", series.unit());
                entry.put("value", measurement.value());
                entry.put("extra", "run " + run.id());
                entries.add(entry);
            }
        }
        return Json.text(entries) + "\n";
    }

    private static String csv(final Run run, final Measurement m) {
        final Series series = m.series();
        return Stream.of(run.id(), run.environment().date(), run.environment().git().commit(), series.simulated(),
            series.name(), series.paramText(),
            series.metric(), series.unit(), series.better(), m.value(), m.low(), m.high(), m.forks().size(),
            m.rooflineRatio())
            .map(field -> quoted(Objects.toString(field, ""))).collect(Collectors.joining(","));
    }

    private static String quoted(final String field) {
        return field.matches("[^,\"\r\n]*") ? field : '"' + field.replace("\"", "\"\"") + '"';
    }
}

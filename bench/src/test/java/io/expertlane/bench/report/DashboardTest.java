package io.expertlane.bench.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.expertlane.bench.results.Better;
import io.expertlane.bench.results.ChangesFile;
import io.expertlane.bench.results.Json;
import io.expertlane.bench.results.Run;
import io.expertlane.bench.results.SampleRun;
import io.expertlane.bench.statistics.Verdict;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.LocalDate;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

/** Histories and what the dashboard knows of them. */
class DashboardTest {
    private static final LocalDate TODAY = LocalDate.parse("2026-02-01");
    private static final Instant START = Instant.parse("2026-01-01T02:00:00Z");
    private static final ChangesFile NOTHING = new ChangesFile(List.of(), List.of());

    @TempDir
    private Path folder;

    @Test
    void findsStepsKnowsAndMutesThem() throws IOException {
        nights(40, 36, 1.2);
        final History news = history(NOTHING);
        final History.Finding step = news.findings().getFirst();
        assertThat(step.line().series().label()).isEqualTo("A.step tokens=8");
        assertThat(step.change()).returns(36, History.Change::run).returns(35, History.Change::previousRun)
            .returns(0, History.Change::levelStart)
            .returns(39, History.Change::levelEnd).returns(Verdict.SLOWER, History.Change::verdict)
            .returns(true, History.Change::news);
        assertThat(step.change().change()).isBetween(0.18, 0.22);
        assertThat(news.regressed()).isTrue();
        assertThat(light(news)).containsExactly("red", "1 regression");

        final ChangesFile known =
            new ChangesFile(List.of(new ChangesFile.Known("2026-02-06", "A.step", "rows are padded"),
            new ChangesFile.Known("2026-01-03", "Other", "of another series")), List.of());
        assertThat(history(known).findings().getFirst().change()).returns(1, History.Change::flag)
            .returns(false, History.Change::news);
        assertThat(light(history(known))).containsExactly("green", "nothing changed");

        final ChangesFile muted = new ChangesFile(List.of(),
            List.of(new ChangesFile.Muted("A\\.", "noisy until pinned", "2026-02-01")));
        assertThat(history(muted).findings().getFirst().change().muted())
            .isEqualTo("noisy until pinned (until 2026-02-01)");
        assertThat(history(muted).regressed()).isFalse();
        assertThat(History.of(Run.readAll(folder), muted, TODAY.plusDays(1)).regressed()).as("the mute has expired")
            .isTrue();
    }

    @Test
    void aNewMachineIsNoRegression() throws IOException {
        nights(30, 30, 1);
        for (int night = 30; night < 60; night++) {
            night(night, 50, new Random(night)).cpu("Another CPU").write(folder);
        }
        final History history = history(NOTHING);
        assertThat(history.environments()).hasSize(2);
        assertThat(history.findings()).isEmpty();
        night(60, 100, new Random(60)).write(folder);
        assertThat(light(history(NOTHING)))
            .containsExactly("amber", "no regression, but the latest run is on another environment");
    }

    @Test
    void everyDifferenceOfASimulatedValueIsAChange() throws IOException {
        for (int night = 0; night < 5; night++) {
            new SampleRun(START.plus(night, ChronoUnit.DAYS).toString())
                .simulated("simulate.rate", night < 4 ? 10 : 9.999, Better.HIGHER).write(folder);
        }
        assertThat(history(NOTHING).findings()).singleElement().extracting(History.Finding::change)
            .returns(4, History.Change::run).returns(Verdict.SLOWER, History.Change::verdict);
    }

    @Test
    void writesWhatIsThereAndLeavesGaps() throws IOException {
        nights(3, 3, 1);
        new SampleRun("2026-01-05T02:00:00Z").timed("Other.x", new double[] {5})
            .latency("OpenLoop.step", null, 1_000, 2_000, 50_000).interrupted().write(folder);
        final Path site = folder.resolve("site");
        assertThat(Dashboard.write(history(NOTHING), site)).isEqualTo(site.resolve("index.html"));
        final JsonNode data = data(site);
        assertThat(data.at("/light/text").asString()).isEqualTo("no regression, but the latest run is partial");
        final JsonNode step = series(data, "A.step", "time");
        assertThat(step.get("value").size()).isEqualTo(4);
        assertThat(step.get("value").get(3).isNull()).isTrue();
        assertThat(step.get("rerun").asString())
            .startsWith("bench/bin/expertlane jmh '^io\\.expertlane\\.bench\\.jmh\\.A\\.step$' -p tokens=8 ");
        assertThat(series(data, "OpenLoop.step", "p99 latency").at("/curves/0/points").size()).isGreaterThan(3);
        assertThat(data.at("/runs/3/interrupted").asBoolean()).isTrue();
        try (Stream<Path> files = Files.list(site)) {
            assertThat(files.map(f -> f.getFileName().toString()))
                .containsExactlyInAnyOrder("index.html", "report.js", "report.css", "data.js", "uplot.js", "uplot.css",
                "uplot-LICENSE.txt");
        }
        for (final String file : List.of("index.html", "report.js", "report.css", "data.js", "uplot.css")) {
            assertThat(Files.readString(site.resolve(file)).replace("http://www.w3.org/2000/svg", "")).as(file)
                .doesNotContain("http:", "https:", "url(");
        }
        Dashboard.check("--out", site);
        Dashboard.write(history(NOTHING), site);
    }

    @Test
    void refusesFoldersOfOthers() throws IOException {
        Files.writeString(Files.createDirectory(folder.resolve("mine")).resolve("thesis.tex"), "");
        assertThatThrownBy(() -> Dashboard.check("--out", folder.resolve("mine")))
            .hasMessage("--out=" + folder.resolve("mine") + ": exists and is no report");
        final Path file = folder.resolve("mine/thesis.tex");
        assertThatThrownBy(() -> Dashboard.check("--out", file))
            .hasMessage("--out=" + file + ": exists and is not a folder");
    }

    @Test
    void refusesFilesOfChangesThatDoNotFit() throws IOException {
        final Path file = folder.resolve("changes.json");
        assertRefused(file, "{\"known\": []}", "muted: missing");
        assertRefused(file, "{\"known\": [], \"muted\": [{\"series\": \"x\", \"reason\": \"\", \"until\": "
            + "\"2026-01-01\"}]}", "muted/0/reason=\"\": minLength 1");
        assertRefused(file, "{\"known\": [{\"date\": \"1.2.2026\", \"series\": \"x\", \"reason\": \"y\"}], \"muted\": "
            + "[]}", "known/0/date=\"1.2.2026\": pattern");
        assertRefused(file, "{\"known\": [{\"date\": \"2026-02-30\", \"series\": \"x\", \"reason\": \"y\"}], "
            + "\"muted\": []}",
            "known/0/date=2026-02-30: a day of the calendar");
        assertRefused(file, "{\"known\": [{\"date\": \"2026-02-03\", \"series\": \"(\", \"reason\": \"y\"}], "
            + "\"muted\": []}",
            "known/0/series=(: a regular expression (Unclosed group)");
    }

    private static void assertRefused(final Path file, final String text, final String message) throws IOException {
        Files.writeString(file, text);
        assertThatThrownBy(() -> ChangesFile.read(file)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith(file + ": " + message);
    }

    private List<String> light(final History history) throws IOException {
        final Path site = folder.resolve("site");
        Dashboard.write(history, site);
        return List.of(data(site).at("/light/state").asString(), data(site).at("/light/text").asString());
    }

    private History history(final ChangesFile changes) throws IOException {
        return History.of(Run.readAll(folder), changes, TODAY);
    }

    private void nights(final int count, final int step, final double factor) throws IOException {
        for (int night = 0; night < count; night++) {
            night(night, night >= step ? 100 * factor : 100, new Random(night)).write(folder);
        }
    }

    private static SampleRun night(final int night, final double level, final Random random) {
        final double mean = level * (1 + 0.005 * random.nextGaussian());
        return new SampleRun(START.plus(night, ChronoUnit.DAYS).toString())
            .timed("A.step", Map.of("tokens", "8"), 0, new double[] {mean * 0.99}, new double[] {mean * 1.01})
            .timed("A.same", new double[] {50 * (1 + 0.005 * random.nextGaussian())});
    }

    private static JsonNode series(final JsonNode data, final String name, final String metric) {
        return data.get("series").valueStream()
            .filter(s -> s.get("name").asString().equals(name) && s.get("metric").asString().equals(metric)).findFirst()
            .orElseThrow();
    }

    private static JsonNode data(final Path site) throws IOException {
        final String text = Files.readString(site.resolve("data.js"));
        assertThat(text).startsWith("window.EXPERTLANE = ").endsWith(";\n");
        return Json.mapper().readTree(text.substring("window.EXPERTLANE = ".length(), text.length() - 2));
    }
}

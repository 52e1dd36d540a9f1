package io.expertlane.bench.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.results.ChangesFile;
import io.expertlane.bench.results.Run;
import java.io.File;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.MathContext;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.time.LocalDate;
import java.util.List;
import java.util.Locale;
import java.util.logging.Level;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openqa.selenium.By;
import org.openqa.selenium.Dimension;
import org.openqa.selenium.Keys;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;

/**
 * The dashboard in a headless Chromium: the numbers on screen are those of the runs, and the console stays silent.
 * Skipped where Chromium or ChromeDriver is missing (Debian: chromium, chromium-driver). With {@code
 * -Dexpertlane.screenshots=DIR} the pages are kept as pictures.
 */
class DashboardBrowserTest {
    private static final Path CHROMIUM = Path.of("/usr/bin/chromium");
    private static final Path CHROMEDRIVER = Path.of("/usr/bin/chromedriver");
    private static final int NIGHTS = 100;
    private static final int SERIES = 36;
    private static final String COMBINE =
        "#/series/measured%7CLowLatencyBenchmark.combine%7Chidden%3D7168%20tokens%3D8%20variant%3D0%7Ctime%7Cns%2Fop";

    @TempDir
    private static Path folder;
    private static ChromeDriver browser;
    private static List<Run> runs;
    private static String address;

    @BeforeAll
    static void open() throws IOException {
        Assumptions.assumeTrue(Files.isExecutable(CHROMIUM) && Files.isExecutable(CHROMEDRIVER),
            "chromium and chromedriver are not installed");
        SyntheticHistory.write(folder.resolve("results"), NIGHTS, SERIES);
        runs = Run.readAll(folder.resolve("results"));
        final History history = History.of(runs, ChangesFile.read(folder.resolve("results/changes.json")),
            LocalDate.parse("2026-01-01"));
        address = Dashboard.write(history, folder.resolve("site")).toUri().toString();
        final LoggingPreferences logs = new LoggingPreferences();
        logs.enable(LogType.BROWSER, Level.ALL);
        final ChromeOptions options = new ChromeOptions();
        options.setBinary(CHROMIUM.toFile());
        options.addArguments("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", "--window-size=1200,1100");
        options.setCapability("goog:loggingPrefs", logs);
        browser = new ChromeDriver(new ChromeDriverService.Builder().usingDriverExecutable(CHROMEDRIVER.toFile())
            .build(), options);
    }

    @AfterAll
    static void quit() {
        if (browser != null) {
            browser.quit();
        }
    }

    @BeforeEach
    void wide() {
        browser.manage().window().setSize(new Dimension(1200, 1100));
    }

    @AfterEach
    void consoleIsSilent() {
        assertThat(browser.manage().logs().get(LogType.BROWSER).getAll()).extracting(LogEntry::getMessage).isEmpty();
    }

    @Test
    void showsTheLightAndWhatChangedFirst() throws IOException {
        show("");
        assertThat(text("#light")).isEqualTo("1 regression, 1 change for the better");
        final List<WebElement> news = browser.findElements(By.cssSelector("#news li"));
        assertThat(news).hasSize(2);
        final double before = mean("LowLatencyBenchmark.dispatch", NIGHTS * 3 / 4, NIGHTS - 4);
        final double after = mean("LowLatencyBenchmark.dispatch", NIGHTS - 4, NIGHTS);
        assertThat(news.get(0).getText())
            .contains("LowLatencyBenchmark.dispatch", "measured", "worse", digits(before) + " ns/op → " + digits(after)
            + " ns/op")
            .contains(String.format(Locale.ROOT, "+%.3g %%", 100 * (after / before - 1)).replaceAll("0+ %", " %"));
        assertThat(news.get(1).getText()).contains("simulate.metric3", "simulated", "better", "103 us → 104 us");
        assertThat(browser.findElements(By.cssSelector("tr[data-text]"))).hasSize(SERIES + 3);
        assertThat(browser.findElements(By.cssSelector("tr.simulated"))).as("simulated rows in a table of their own")
            .hasSize(12)
            .allSatisfy(row -> assertThat(row.findElement(By.xpath("ancestor::table"))
            .findElements(By.cssSelector("tr:not(.simulated) td"))).isEmpty());
        picture("front");
        browser.findElement(By.tagName("body")).sendKeys("/");
        browser.switchTo().activeElement().sendKeys("COMBINE tokens=8");
        assertThat(browser.findElements(By.cssSelector("tr[data-text]")).stream().filter(WebElement::isDisplayed))
            .hasSize(4)
            .allSatisfy(row -> assertThat(row.getText()).contains("combine"));
    }

    @Test
    void showsASeriesWithItsNumbers() throws IOException {
        show(COMBINE);
        assertThat(text("h1")).isEqualTo("LowLatencyBenchmark.combine");
        final int last = runs.size() - 1;
        assertThat(text("#value")).isEqualTo(digits(value("LowLatencyBenchmark.combine", last) / 1000) + " us/op");
        assertThat(text("#readout")).contains("forks ", "50 % of roofline", "compare with the run before");
        assertThat(browser.findElements(By.cssSelector(".chart canvas"))).hasSize(1);
        assertThat(text("main")).contains("known A: rows are summed in one pass", "cpu.model: Sample CPU → Newer CPU",
            "lower is better",
            "bench/bin/expertlane jmh '^io\\.expertlane\\.bench\\.jmh\\.LowLatencyBenchmark\\.combine$' -p hidden=7168 "
            + "-p tokens=8 -p variant=0 -bm avgt", "git switch --detach ");
        picture("series");
        browser.findElement(By.tagName("body")).sendKeys(Keys.ARROW_LEFT);
        assertAfterEvents("#value", digits(value("LowLatencyBenchmark.combine", last - 1) / 1000) + " us/op");
        browser.findElement(By.id("theme")).click();
        assertThat(browser.executeScript("return document.documentElement.dataset.theme")).isEqualTo("dark");
        assertAfterEvents("h1", "LowLatencyBenchmark.combine");
        picture("series-dark");
        browser.findElement(By.id("theme")).click();
        browser.findElement(By.tagName("body")).sendKeys("h");
        assertAfterEvents("h1", "Nights");
    }

    @Test
    void comparesTwoRunsByLink() throws IOException {
        final int last = runs.size() - 1;
        show("#/compare/" + runs.get(last - 6).id() + "/" + runs.get(last).id());
        final WebElement first = browser.findElement(By.cssSelector("tbody tr"));
        final double before = value("LowLatencyBenchmark.dispatch", last - 6);
        final double after = value("LowLatencyBenchmark.dispatch", last);
        assertThat(first.getText())
            .contains("LowLatencyBenchmark.dispatch", digits(before) + " ns/op", digits(after) + " ns/op", "worse",
            "ranges apart");
        assertThat(text("pre")).isEqualTo("bench/bin/expertlane compare " + runs.get(last - 6).id() + " "
            + runs.get(last).id());
        picture("comparison");
        show("#/compare/" + runs.get(0).id() + "/" + runs.get(last).id());
        assertThat(text("#environments")).isEqualTo("Measurements are not compared. cpu.model: Sample CPU → Newer CPU");
        assertThat(browser.findElements(By.cssSelector("tbody tr"))).as("simulated values only").hasSize(12);
        show("#/compare/nothing/at-all");
        assertThat(text("h1")).isEqualTo("No such run");
    }

    @Test
    void showsTheRooflineOfTheLatestRun() throws IOException {
        show("#/roofline");
        final List<WebElement> rows = browser.findElements(By.cssSelector("tbody tr"));
        assertThat(rows).hasSize(12);
        final String dispatch = rows.stream().map(WebElement::getText)
            .filter(text -> text.contains("LowLatencyBenchmark.dispatch\nhidden=7168 tokens=8 ")).findFirst()
            .orElseThrow();
        assertThat(dispatch).contains("50 %", "Sample.copy")
            .contains(digits(1000 / value("LowLatencyBenchmark.dispatch", runs.size() - 1)));
        picture("roofline");
    }

    @Test
    void showsPercentileCurves() throws IOException {
        show("#/series/measured%7COpenLoopBenchmark.run%7Carrivals%3Dpoisson%7Cp99%20latency%7Cns");
        assertThat(browser.findElements(By.cssSelector(".chart canvas"))).as("nights and percentiles").hasSize(2);
        final double p99 = runs.getLast().measurements().stream().filter(m -> m.series().metric().equals("p99 latency"))
            .findFirst().orElseThrow().value();
        assertThat(text("#value")).isEqualTo(digits(p99 / 1000) + " us");
        browser.executeScript("document.querySelectorAll('.chart')[1].scrollIntoView({block: 'center'})");
        picture("percentiles");
    }

    @Test
    void fitsAPhone() throws IOException {
        browser.manage().window().setSize(new Dimension(500, 900));
        for (final String page : List.of("", COMBINE, "#/roofline", "#/compare", "#/runs")) {
            show(page);
            final Long overflow = (Long) browser.executeScript(
                "return document.documentElement.scrollWidth - window.innerWidth");
            assertThat(overflow).as("%s is wider than the screen", page).isLessThanOrEqualTo(0);
        }
        show("");
        picture("phone");
        show(COMBINE);
        picture("phone-series");
    }

    private static void show(final String fragment) {
        browser.get("about:blank");
        browser.get(address + fragment);
    }

    private static String text(final String selector) {
        return browser.findElement(By.cssSelector(selector)).getText();
    }

    private static void assertAfterEvents(final String selector, final String expected) {
        browser.executeAsyncScript("const done = arguments[0]; requestAnimationFrame(() => setTimeout(done))");
        assertThat(text(selector)).isEqualTo(expected);
    }

    private static void picture(final String name) throws IOException {
        final String target = System.getProperty("expertlane.screenshots");
        if (target != null) {
            final File file = browser.getScreenshotAs(OutputType.FILE);
            Files.createDirectories(Path.of(target));
            Files.copy(file.toPath(), Path.of(target, name + ".png"), StandardCopyOption.REPLACE_EXISTING);
        }
    }

    private static double value(final String name, final int run) {
        return runs.get(run).measurements().stream()
            .filter(m -> m.series().label().equals(name + " hidden=7168 tokens=8 variant=0")).findFirst().orElseThrow()
            .value();
    }

    /** Mean over the nights, of which some have no run. */
    private static double mean(final String name, final int fromNight, final int toNight) {
        return IntStream.range(0, runs.size()).filter(run -> {
            final long night = Duration.between(SyntheticHistory.START, runs.get(run).environment().date()).toDays();
            return night >= fromNight && night < toNight;
        }).mapToDouble(run -> value(name, run)).average().orElseThrow();
    }

    private static String digits(final double value) {
        final String text = new BigDecimal(value).round(new MathContext(6)).round(new MathContext(4))
            .stripTrailingZeros().toPlainString();
        return value >= 1000 ? text.substring(0, text.length() - 3) + "," + text.substring(text.length() - 3) : text;
    }
}

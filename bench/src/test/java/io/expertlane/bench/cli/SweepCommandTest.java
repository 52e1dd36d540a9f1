package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.sweep.SweepDefinition;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SweepCommandTest {
    private static final int POINTS = 12;
    private static final int EP = 4;
    /** Experts of a token and their weights, as recorded routings have them. */
    private static final String ROUTED_TOKEN = "1\t2\t3\t4\t5\t6\t\t0.1\t0.1\t0.1\t0.1\t0.1\t0.5\n";

    @TempDir
    private Path folder;
    private Path file;

    @BeforeEach
    void writeGrid() throws IOException {
        file = write("{\"base\": {\"model\": \"qwen3-235b\", \"ep\": 4, \"step\": \"fused\"},"
            + "\"grid\": {\"tokens\": [1, 2, 4], \"ports\": [\"fixed\", \"preallocated\"], \"set.nic.mtuBytes\": "
            + "[1024, 4096]},"
            + "\"plots\": [{\"x\": \"tokens\", \"y\": \"dispatchP50Micros\", \"series\": \"ports\"}, {\"x\": "
            + "\"tokens\", \"y\": \"tpotFusedMicros\"}]}");
    }

    private Path write(final String text) throws IOException {
        return Files.writeString(folder.resolve("grid.json"), text);
    }

    private CommandRun sweep(final String out, final Object... options) {
        final List<Object> all = new ArrayList<>(List.of("sweep", file, "--out", folder.resolve(out)));
        all.addAll(List.of(options));
        return CommandRun.of(all.toArray());
    }

    /** Files by name, as Latin-1 text: byte for byte. */
    private TreeMap<String, String> contents(final String out) throws IOException {
        final TreeMap<String, String> contents = new TreeMap<>();
        try (Stream<Path> files = Files.list(folder.resolve(out))) {
            for (final Path each : files.toList()) {
                contents.put(each.getFileName().toString(), Files.readString(each, StandardCharsets.ISO_8859_1));
            }
        }
        return contents;
    }

    @Test
    void writesATableAndCharts() throws IOException {
        assertThat(sweep("whole").succeeded().out()).contains(POINTS + " points")
            .contains(POINTS + " of them simulated now");
        assertThat(contents("whole").keySet())
            .containsExactly("plot-1-1.svg", "plot-1-2.svg", "plot-2-1.svg", "plot-2-2.svg", "plot-2-3.svg",
            "plot-2-4.svg",
            "points.jsonl", "results.csv", "sweep.json");
        final List<String> csv = Files.readAllLines(folder.resolve("whole/results.csv"));
        assertThat(csv).hasSize(POINTS + 1);
        assertThat(csv.getFirst()).startsWith("index,tokens,ports,set.nic.mtuBytes,dispatchP50Micros,")
            .contains(",tpotTwoBatchMicros,tpotFusedMicros,");
        assertThat(csv.get(1)).startsWith("0,1,fixed,1024,");
        assertThat(csv.getLast()).startsWith("11,4,preallocated,4096,");
        final int dispatch = List.of(csv.getFirst().split(",")).indexOf("dispatchP50Micros");
        final String simulated = CommandRun.of("simulate", "--json", "--model", "qwen3-235b", "--ep", 4, "--tokens", 4,
            "--ports", "preallocated").succeeded()
            .json().at("/dispatch/latencyMicros/p50").asString();
        assertThat(csv.getLast().split(",")[dispatch]).as("as simulate says").isEqualTo(simulated);
        assertThat(sweep("whole").succeeded().out()).as("again").contains("0 of them simulated now");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 5, POINTS})
    void aKilledRunGoesOnToTheSameBytes(final int done) throws IOException {
        sweep("whole", "--threads", 1).succeeded();
        final Path killed = Files.createDirectory(folder.resolve("killed"));
        // What a kill leaves: the header, some points in any order, and the beginning of a line.
        final List<String> points =
            new ArrayList<>(Files.readAllLines(folder.resolve("whole/points.jsonl")).reversed().subList(0, done));
        points.addFirst(Files.readString(folder.resolve("whole/sweep.json")).strip());
        Files.writeString(killed.resolve("journal.jsonl"), String.join("\n", points) + "\n{\"index\":3,\"poi");
        assertThat(sweep("killed", "--threads", 3).succeeded().out())
            .contains(POINTS - done + " of them simulated now");
        assertThat(contents("killed")).isEqualTo(contents("whole"));
    }

    @Test
    void shardsMergeToTheSameBytes() throws IOException {
        sweep("whole").succeeded();
        final List<Object> merge = new ArrayList<>(List.of("sweep", "merge", "--out", folder.resolve("merged")));
        for (int shard = 1; shard <= 4; shard++) {
            assertThat(sweep("part-" + shard, "--shard", shard + "/4").succeeded().out()).contains("3 points");
            merge.add(folder.resolve("part-" + shard));
        }
        CommandRun.of(merge.toArray()).succeeded();
        assertThat(contents("merged")).isEqualTo(contents("whole"));
        CommandRun.of("sweep", "merge", folder.resolve("part-1"), folder.resolve("part-2"), "--out",
            folder.resolve("some")).refused("points=6", "all 12");
        CommandRun.of("sweep", "merge", folder.resolve("part-1"), folder.resolve("part-1"), "--out",
            folder.resolve("twice")).refused("part-1", "another one has");
        assertThat(folder.resolve("some")).doesNotExist();
    }

    /** It takes minutes to run; what is checked here is that every point can be. */
    @Test
    void theShippedExampleHasAThousandPointsThatCanBeSimulated() throws IOException {
        Path root = Path.of("").toAbsolutePath();
        while (!Files.exists(root.resolve("docs/examples/sweep-ep32.json"))) {
            root = root.getParent();
        }
        final SweepDefinition example =
            SweepDefinition.parse(Files.readString(root.resolve("docs/examples/sweep-ep32.json")));
        assertThat(example.size()).isEqualTo(1000);
        for (int index = 0; index < example.size(); index++) {
            final SimulateCommand point = SimulateCommand.parse(example.arguments(index));
            point.check();
            assertThat(point.simulation().ranks()).isEqualTo(32);
        }
    }

    @Test
    void refusesTheFolderOfAnotherSweep() throws IOException {
        sweep("out", "--shard", "1/4").succeeded();
        sweep("out", "--shard", "2/4").refused("out", "another sweep or shard");
        Files.delete(folder.resolve("out/points.jsonl"));
        Files.writeString(folder.resolve("out/journal.jsonl"), "{}\n", StandardOpenOption.CREATE);
        sweep("out", "--shard", "1/4").refused("journal", "another sweep or shard");
    }

    /** A cluster, a model and a recorded routing by their names alone would keep the numbers of others. */
    @ParameterizedTest
    @ValueSource(strings = {"cluster.json", "model.json", "routing/a.txt", "routing/b.txt"})
    void refusesNumbersOfOtherContentsOfTheFilesItNames(final String changed) throws IOException {
        Files.writeString(folder.resolve("cluster.json"), CommandRun.of("profile", "h20-cx7-dual").succeeded().out());
        Files.writeString(folder.resolve("model.json"), CommandRun.of("profile", "deepseek-v2-lite").succeeded().out());
        final Path routing = Files.createDirectory(folder.resolve("routing"));
        Files.writeString(routing.resolve("a.txt"), ROUTED_TOKEN.repeat(EP));
        file = write("{\"base\": {\"model\": \"" + folder.resolve("model.json") + "\", \"ep\": " + EP
            + ", \"tokens\": 1}," + "\"grid\": {\"cluster\": [\"h20-cx7-dual\", \"" + folder.resolve("cluster.json")
            + "\"], \"routing\": [\"uniform\", \"esft:" + routing + "\"]}}");
        sweep("out").succeeded();
        sweep("part-1", "--shard", "1/2").succeeded();
        assertThat(sweep("out").succeeded().out()).as("nothing changed").contains("0 of them simulated now");
        final Path input = folder.resolve(changed);
        Files.writeString(input, changed.endsWith(".txt") ? ROUTED_TOKEN : "\n", StandardOpenOption.CREATE,
            StandardOpenOption.APPEND);
        sweep("out").refused("out", "other contents of the files it names");
        sweep("part-2", "--shard", "2/2").succeeded();
        CommandRun.of("sweep", "merge", folder.resolve("part-1"), folder.resolve("part-2"), "--out",
            folder.resolve("merged")).refused("part-2", "other contents");
        assertThat(folder.resolve("merged")).doesNotExist();
        sweep("new").succeeded();
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', value = {
        "[]; sweep=[]; an object",
        "{; not JSON; line 1",
        "{\"base\": {}}; grid; missing",
        "{\"grid\": {\"tokens\": 3}}; grid.tokens=3; array",
        "{\"grid\": {\"tokens\": []}}; grid.tokens=[]; at least one",
        "{\"grid\": {\"tokens\": [[1]]}}; grid.tokens[0]=[1]; a number or a string",
        "{\"grid\": {\"tokens\": [1, 2, 1]}}; grid.tokens[2]=1; twice",
        "{\"grid\": {\"tokens\": [1], \"tokens\": [2]}}; not JSON; \"tokens\"",
        "{\"grid\": {\"attribute\": [true]}}; grid.attribute; option of simulate",
        "{\"grid\": {\"tokens\": [1]}, \"plot\": []}; plot: unknown field; base, grid, plots",
        "{\"base\": {\"tokens\": 1}, \"grid\": {\"tokens\": [1]}}; grid.tokens; base",
        "{\"grid\": {\"trace\": [\"a.json\"]}}; grid.trace; option of simulate",
        "{\"grid\": {\"tokenz\": [1]}}; grid.tokenz; Unknown option",
        "{\"grid\": {\"tokens\": [1, \"x\"]}}; grid.tokens=x; int",
        "{\"grid\": {\"tokens\": [1, 0]}}; grid.tokens=0; 1 to",
        "{\"grid\": {\"ep\": [4, 3]}}; experts=256; a multiple of grid.ep=3",
        "{\"base\": {\"ep\": 3, \"experts\": 8}, \"grid\": {\"tokens\": [1]}}; base.experts=8; a multiple of base.ep=3",
        "{\"base\": {\"mode\": \"ht\"}, \"grid\": {\"channels\": [4, 65]}}; grid.channels=65; 1 to 64",
        "{\"base\": {\"path\": \"zero\"}, \"grid\": {\"ring\": [64]}}; grid.ring=64; only with base.path ring",
        "{\"grid\": {\"set.nic.mtuBytes\": [4097]}}; grid.set.nic.mtuBytes=4097; 256",
        "{\"grid\": {\"set.nic.mtu\": [4096]}}; nic.mtu; unknown field",
        "{\"grid\": {\"ports\": [\"fixed\"]}, \"plots\": [{\"x\": \"ports\", \"y\": \"wqes\"}]}; plots[0].x=ports; "
        + "numbers",
        "{\"grid\": {\"tokens\": [1]}, \"plots\": [{\"x\": \"tokens\", \"y\": \"tpot\"}]}; plots[0].y=\"tpot\"; "
        + "expected one of",
    })
    void refusesFilesBeforeAnythingIsRun(final String text, final String value, final String limit) throws IOException {
        file = write(text);
        sweep("out").refused(value, limit);
        assertThat(folder.resolve("out")).doesNotExist();
    }

    @Test
    void refusesBadOptions() {
        sweep("out", "--shard", "5/4").refused("--shard=5/4", "1 to N");
        sweep("out", "--shard", "1").refused("--shard=1", "I/N");
        sweep("out", "--threads", 0).refused("--threads=0", "1 to 1024");
        CommandRun.of("sweep", folder.resolve("none.json"), "--out", folder.resolve("out"))
            .refused("none.json", "no such file");
        CommandRun.of("sweep", file).refused("--out", "missing");
        assertThat(folder.resolve("out")).doesNotExist();
    }
}

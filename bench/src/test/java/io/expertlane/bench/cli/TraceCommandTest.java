package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.expertlane.bench.results.Json;
import io.expertlane.nic.device.QueuePairBinding;
import io.expertlane.nic.trace.BinaryTraceWriter;
import java.io.File;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class TraceCommandTest {
    @TempDir
    private Path folder;

    @Test
    void convertsABinaryTrace() throws IOException {
        final Path from = folder.resolve("run.xltrace");
        try (BinaryTraceWriter writer = new BinaryTraceWriter(from)) {
            writer.bound(0, 0, new QueuePairBinding(0, 1, 0x100, 0x100, 0, 0, 0xC000));
            writer.sent(1_000_000, 2_500_000, 0, 0, 0, 4096);
        }
        final Path to = folder.resolve("run.json");
        assertThat(CommandRun.of("trace", "convert", from, to).succeeded().out())
            .isEqualTo(to + ": 2 records converted" + System.lineSeparator());
        final JsonNode events = Json.mapper().readTree(Files.readString(to)).get("traceEvents");
        final JsonNode packet = events.get(events.size() - 1);
        assertThat(packet.get("ts").doubleValue()).isEqualTo(1);
        assertThat(packet.get("dur").doubleValue()).isEqualTo(1.5);
    }

    /**
     * The command of docs/traces.md, where tshark is installed: tokens 6 and 8 are those whose index looks like an
     * Ethernet type.
     */
    @Test
    void wiresharkFindsNoMalformedFrameInALowLatencyTrace() throws Exception {
        assumeTrue(Stream.of(System.getenv("PATH").split(File.pathSeparator))
            .anyMatch(path -> Files.isExecutable(Path.of(path, "tshark"))),
            "tshark is not installed");
        final Path pcap = folder.resolve("run.pcap");
        final JsonNode result = CommandRun.of("simulate", "--json", "--ep", 8, "--tokens", 16, "--trace", pcap)
            .succeeded().json();
        final Path lines = folder.resolve("lines");
        final Process tshark = new ProcessBuilder("tshark", "-n", "-r", pcap.toString(), "--disable-heuristic",
            "eth_over_ib", "-T", "fields", "-E",
            "separator=;", "-e", "frame.protocols", "-e", "_ws.malformed").redirectOutput(lines.toFile())
            .redirectError(Redirect.DISCARD).start();
        assertThat(tshark.waitFor()).isZero();
        assertThat(Files.readAllLines(lines)).hasSizeGreaterThan(2 * result.get("wqes").intValue())
            .allSatisfy(line -> assertThat(line).matches("eth:ethertype:ip:udp:infiniband(:data)?;"));
    }

    @Test
    void simulateWritesTracesAndItsResultStaysTheSame() throws IOException {
        final Object[] options = {"simulate", "--json", "--model", "qwen3-235b", "--ep", 4, "--tokens", 4};
        final JsonNode untraced = CommandRun.of(options).succeeded().json();
        final Object[] traced = Arrays.copyOf(options, options.length + 2);
        traced[options.length] = "--trace";
        for (final String extension : new String[] {"json", "pcap", "xltrace"}) {
            final Path file = folder.resolve("run." + extension);
            traced[options.length + 1] = file;
            final JsonNode result = CommandRun.of(traced).succeeded().json();
            assertThat(result.get("eventStreamHash")).isEqualTo(untraced.get("eventStreamHash"));
            assertThat(Files.size(file)).isGreaterThan(100 * untraced.get("wqes").longValue());
        }
        CommandRun.of("trace", "convert", folder.resolve("run.xltrace"), folder.resolve("converted.json")).succeeded();
        assertThat(folder.resolve("converted.json")).hasSameBinaryContentAs(folder.resolve("run.json"));
        traced[options.length + 1] = folder.resolve("run.txt");
        CommandRun.of(traced).refused("trace=", "run.txt", ".pcap");
        traced[options.length + 1] = folder.resolve("nowhere/run.json");
        CommandRun.of(traced).refused("--trace=" + traced[options.length + 1] + ": no folder");
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).hasSize(4);
        }
    }

    @Test
    void refusesWhatIsNoTrace() throws IOException {
        final Path none = Files.writeString(folder.resolve("none.xltrace"), "nothing of the kind, but long enough");
        CommandRun.of("trace", "convert", none, folder.resolve("out.json")).refused("not a binary trace");
        CommandRun.of("trace", "convert", folder.resolve("missing.xltrace"), folder.resolve("out.json"))
            .refused("missing.xltrace");
        CommandRun.of("trace", "convert", none, folder.resolve("out.txt")).refused("trace=", "out.txt", ".json");
        CommandRun.of("trace").refused("COMMAND is missing", "convert");
        assertThat(folder.resolve("out.json")).doesNotExist();
        assertThat(folder.resolve("out.txt")).doesNotExist();
    }
}

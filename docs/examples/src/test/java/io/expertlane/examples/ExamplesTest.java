package io.expertlane.examples;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.expertlane.kernel.exchange.ExchangeConfig;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.nic.flow.Flow;
import io.expertlane.nic.flow.FlowGroup;
import io.expertlane.nic.flow.FlowRequest;
import io.expertlane.nic.flow.Network;
import io.expertlane.nic.profile.ClusterProfile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Runs the programs, and checks that the pages show their code. */
class ExamplesTest {
    private static final int RANKS_PER_NODE = 8;
    private static final Path SOURCES = Path.of("src/main/java/io/expertlane/examples");

    private static String printed(final Runnable program) {
        final PrintStream before = System.out;
        final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        System.setOut(new PrintStream(bytes, true, StandardCharsets.UTF_8));
        try {
            program.run();
        } finally {
            System.setOut(before);
        }
        return bytes.toString(StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @CsvSource({"PlainFlows, plain-flows.md", "ForeignSimulator, embedding.md", "OwnTransport, embedding.md"})
    void pagesShowTheCode(final String program, final String page) throws IOException {
        final String source = Files.readString(SOURCES.resolve(program + ".java"));
        final int begin = source.indexOf("// example begins\n") + "// example begins\n".length();
        final String code = source.substring(begin, source.indexOf("    // example ends", begin));
        assertThat(Files.readString(Path.of("..", page))).as("code of %s in docs/%s", program, page)
            .contains("```java\n" + code.stripTrailing().stripIndent() + "\n```\n");
    }

    private static double jobMicros(final List<FlowRequest> flows) {
        try (Network network = Network.of(ClusterProfile.h100Cx7(), 32 * RANKS_PER_NODE)) {
            final FlowGroup group = network.send(flows, flow -> { }, all -> { });
            network.run();
            return group.endNanos() / 1e3;
        }
    }

    private static FlowRequest flow(final int source, final int destination, final long bytes) {
        return new FlowRequest(source * RANKS_PER_NODE, destination * RANKS_PER_NODE, bytes, 0);
    }

    /** The table of docs/plain-flows.md. */
    @Test
    void thePageHasTheTimesThatAreSimulated() throws IOException {
        final StringBuilder one = new StringBuilder("| one flow |");
        final StringBuilder incast = new StringBuilder("| 4 to 1 |");
        final StringBuilder allToAll = new StringBuilder("| all-to-all of 32 |");
        for (final long bytes : new long[] {1 << 16, 1 << 20}) {
            cell(one, List.of(flow(0, 1, bytes)));
            cell(incast, IntStream.rangeClosed(1, 4).mapToObj(i -> flow(i, 0, bytes)).toList());
            cell(allToAll, IntStream.range(0, 32 * 31).mapToObj(i -> flow(i % 32, (i % 32 + 1 + i / 32) % 32, bytes))
                .toList());
        }
        assertThat(Files.readAllLines(Path.of("../plain-flows.md")))
            .contains(one.toString(), incast.toString(), allToAll.toString());
    }

    private static void cell(final StringBuilder row, final List<FlowRequest> flows) {
        row.append(String.format(Locale.ROOT, " %.3f |", jobMicros(flows)));
    }

    /** One hop after the other, each as long as a flow that is alone: no two flows of the ring share a link. */
    @Test
    void ringTakesItsHops() {
        final ClusterProfile profile = ClusterProfile.h20Cx7Dual();
        final double hopNanos;
        try (Network network = Network.of(profile, 2)) {
            final Flow flow = network.send(0, 1, 1 << 20, 0, ended -> { });
            network.run();
            hopNanos = flow.durationNanos();
        }
        try (PlainFlows simulator = new PlainFlows(profile, 16, 1 << 20)) {
            assertThat(simulator.stepNanos(50_000)).isCloseTo(50_000 + 15 * hopNanos, withinPercentage(1));
        }
        assertThat(printed(() -> PlainFlows.main(new String[0])))
            .matches("16 hosts: 50 us of computing and a ring all-gather of 1 MiB each: \\d+\\.\\d us\\R");
    }

    @Test
    void helloDispatchComesBackInMemoryAndOnModelledNics() {
        for (final ExchangeConfig config : HelloDispatch.configs()) {
            assertThat(HelloDispatch.inMemory(config)).as(config.toString()).isLessThan(0.01);
            assertThat(HelloDispatch.onModelledNics(config)).as(config.toString()).isLessThan(0.01);
        }
        assertThat(printed(() -> HelloDispatch.main(new String[0])).lines()).hasSize(2)
            .allMatch(line -> line.matches("\\w+: in memory off by 0\\.0\\d+, on modelled NICs by 0\\.0\\d+"));
    }

    @Test
    void twoBatchesThatOverlapAreFaster() {
        try (TwoBatches batches = new TwoBatches()) {
            final double inTurn = batches.inTurnNanos();
            assertThat(batches.overlappingNanos()).isBetween(inTurn / 2, 0.99 * inTurn);
        }
        assertThat(printed(() -> TwoBatches.main(new String[0])))
            .matches("two batches on 8 ranks: in turn \\d+\\.\\d us, overlapping \\d+\\.\\d us\\R");
    }

    /**
     * 32 tokens, each to 8 of 64 experts, 7 of 8 of them elsewhere: messages of 7408 bytes, a count for each expert.
     */
    @Test
    void ownTransportTakesAsLongAsTheBusiestLink() {
        final MoeShape shape = new MoeShape(8, 8, 64, 8, 7168, 32);
        final double bytesPerNano = 50;
        final long latencyNanos = 2000;
        final double expected = 32 * 8 * 7 / 8.0 * 7408 / bytesPerNano + latencyNanos;
        final long simulated = OwnTransport.dispatchNanos(shape, bytesPerNano, latencyNanos);
        assertThat((double) simulated).isBetween(expected, 1.2 * expected);
        assertThat(OwnTransport.dispatchNanos(shape, bytesPerNano, latencyNanos)).isEqualTo(simulated);
        assertThat(OwnTransport.dispatchNanos(shape, 2 * bytesPerNano, latencyNanos)).isLessThan(simulated);
        assertThat(printed(() -> OwnTransport.main(new String[0])).lines()).hasSize(2)
            .allMatch(line -> line.matches("dispatch of 32 tokens a rank over links of \\d+ GB/s: \\d+\\.\\d us"));
    }
}

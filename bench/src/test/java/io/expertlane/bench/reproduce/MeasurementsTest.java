package io.expertlane.bench.reproduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.withinPercentage;

import io.expertlane.bench.scenario.LayerSimulation;
import io.expertlane.bench.scenario.ProfileJson;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.HostProfile;
import io.expertlane.nic.profile.InNodeProfile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MeasurementsTest {
    private static final String HEADER =
        "id,source,hardware,mode,op,ep,tokens,hidden,topk,experts,dtype,knob,metric,value,unit,note\n";
    private static final String ROW =
        "a,\"x, \"\"y\"\"\",H100+CX7 400G IB,LL,dispatch,16,8,7168,8,256,fp8,nvlink inside the "
        + "node,latency,23.6,us,\"two\nlines\"\r\n";

    @TempDir
    private Path folder;

    private List<Measurement> read(final String text) throws IOException {
        final Path file = folder.resolve("rows.csv");
        Files.writeString(file, text);
        return Measurements.read(file);
    }

    @Test
    void readsQuotedCellsAndColumnsInAnyOrder() throws IOException {
        final Measurement row = read(HEADER + ROW).getFirst();
        assertThat(row.note()).isEqualTo("two\nlines");
        assertThat(row.value()).isEqualTo(23.6);
        assertThat(read("value,mode,op,metric,ep,id,hardware,tokens,hidden,topk,experts\n5,LL,combine,latency,8,b,H800+CX7,1,128,2,16\n").getFirst().ep())
            .isEqualTo(8);
    }

    @Test
    void refusesFilesThatAreNoText() throws IOException {
        final Path file = Files.write(folder.resolve("rows.csv"), new byte[] {'i', 'd', (byte) 0xCD});
        assertThatThrownBy(() -> Measurements.read(file)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage(file + ": not UTF-8");
    }

    /** There is no error of nothing: its median is no number. */
    @Test
    void refusesFilesWithNothingToSimulate() {
        for (final String rows : List.of("", "\n", ROW.replace(",LL,", ",IB,"))) {
            assertThatThrownBy(() -> read(HEADER + rows)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageEndingWith("rows.csv: no rows of mode LL or HT below the header line");
        }
    }

    @Test
    void theBuiltInRowsAreTheirConfigurations() throws IOException {
        final List<Measurement> rows = Measurements.builtIn();
        assertThat(rows.stream().filter(Measurement::isExchange)).hasSize(28);
        final LayerSimulation pure = simulation(rows, "ll-ep128-d");
        assertThat(pure.cluster().inNode().link()).isEqualTo(InNodeProfile.Link.NIC);
        assertThat(pure.model().experts()).isEqualTo(256);
        final LayerSimulation proxied = simulation(rows, "ht-ep32-d-ibrc");
        assertThat(proxied.cluster().host().issue()).isEqualTo(HostProfile.Issue.PROXY);
        assertThat(proxied.cluster().inNode().link()).isEqualTo(InNodeProfile.Link.NVLINK);
        final LayerSimulation few = simulation(rows, "ht-sm8-c");
        assertThat(few.cluster().host().communicationSms()).isEqualTo(8);
        assertThat(few.kind().channels()).isEqualTo(4);
        assertThat(simulation(rows, "ht-chunk4").kind().chunkTokens()).isEqualTo(4);
    }

    private static LayerSimulation simulation(final List<Measurement> rows, final String id) {
        return MeasuredConfiguration.of(rows.stream().filter(row -> row.id().equals(id)).findFirst().orElseThrow())
            .simulation(UnaryOperator.identity());
    }

    /** The small rows, which take little time; docs/cluster-model.md has all of them. */
    @Test
    void smallRowsAreWithinTheirLimits() throws IOException {
        final List<Measurement> rows = Measurements.builtIn().stream()
            .filter(row -> row.isExchange() && row.tokens() <= 32).toList();
        final MeasurementReport report = MeasurementReport.of(rows, UnaryOperator.identity());
        assertThat(report.rows()).hasSize(6)
            .allSatisfy(row -> assertThat(row.error()).as(row.id()).isBetween(-0.15, 0.15));
        assertThat(report.medianError()).isLessThan(0.08);
        assertThat(report.worstError())
            .isEqualTo(report.rows().stream().mapToDouble(row -> Math.abs(row.error())).max().orElseThrow());
    }

    @Test
    void aFitFindsTheParameterThatTheRowsWereMadeWith() throws IOException {
        final String field = "host.kernels.startNanos";
        final List<Measurement> rows = Measurements.builtIn().stream()
            .filter(row -> row.isExchange() && row.tokens() == 8).toList();
        final MeasurementReport simulated = MeasurementReport.of(rows, UnaryOperator.identity());
        final List<Measurement> made = rows.stream()
            .map(row -> new Measurement(row.id(), row.hardware(), row.mode(), row.op(), row.ep(), row.tokens(),
            row.hidden(), row.topK(), row.experts(), row.dtype(), row.knob(), row.metric(),
            simulated.rows().stream().filter(each -> each.id().equals(row.id())).findFirst().orElseThrow().simulated(),
            row.unit(), row.note())).toList();
        final ParameterFit fit = ParameterFit.of(made, cluster -> ProfileJson.with(cluster, field, "4000"),
            List.of(field));
        assertThat(fit.parameters().getFirst().fitted())
            .isCloseTo(ClusterProfile.ofName("h100-cx7").host().kernels().startNanos(), withinPercentage(10));
        assertThat(fit.medianFitted()).isLessThan(0.02);
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';',
        value = {",16,8,; ,x,8,; ep=x: an integer", ",23.6,; ,0,; value=0: a number above 0",
            ",LL,; ,,; mode is missing",
        "H100+CX7 400G IB; B200; hardware=B200: has all parts of none of the names"})
    void badRowsAreRefusedByTheirField(final String good, final String bad, final String message) {
        assertThat(ROW).contains(good);
        assertThatThrownBy(() -> MeasurementReport.of(read(HEADER + ROW.replace(good, bad)), UnaryOperator.identity()))
            .isInstanceOf(IllegalArgumentException.class).hasMessageContaining(message);
    }
}

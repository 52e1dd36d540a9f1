package io.expertlane.bench.reproduce;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.results.ReaderTarget;
import io.expertlane.kernel.fuzz.FuzzSuite;
import io.expertlane.kernel.fuzz.FuzzTarget;
import io.expertlane.kernel.fuzz.MemoryFolder;
import io.expertlane.kernel.fuzz.Mutator;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;

class MeasurementsFuzzTest extends FuzzSuite {
    private static final String HEADER = "id,hardware,mode,op,ep,tokens,hidden,topk,experts,dtype,knob,metric,value,unit,note\n";
    private static final String ROWS = """
        a1,"H800, CX7",LL,dispatch,8,128,7168,8,256,fp8,,latency,77,us,
        a2,H20,HT,combine,16,4096,7168,8,256,bf16,"24 ""SMs"" of 78",bandwidth,43.5,GB/s,"two
        lines"
        a3,H20,MPI,ping,,,,,,,,latency,n/a,us,no exchange
        """;

    @TempDir(factory = MemoryFolder.class)
    private Path folder;

    @Override
    protected List<FuzzTarget> targets() {
        final List<byte[]> seeds = Stream.of(HEADER + ROWS, HEADER + ROWS.lines().findFirst().orElseThrow(),
            "mode,op,id,metric,value,ep,tokens,hidden,topk,experts\r\nLL,dispatch,x,latency,1,2,3,4,5,6\r\n").map(text -> text.getBytes(StandardCharsets.UTF_8))
            .toList();
        return List.of(ReaderTarget.of("measurements", Mutator.ofText(seeds, "\"", "\"\"", "\",\"", "LL", "HT", "mode", "dispatch", "fp8"), this::readAndWrite));
    }

    private void readAndWrite(final byte[] input) throws IOException {
        final Path file = Files.write(folder.resolve("a.csv"), input);
        final List<Measurement> read = Measurements.read(file);
        Files.writeString(file, HEADER + read.stream().map(MeasurementsFuzzTest::row).collect(Collectors.joining()));
        assertThat(Measurements.read(file)).isEqualTo(read);
    }

    private static String row(final Measurement m) {
        return Stream.of(m.id(), m.hardware(), m.mode(), m.op(), m.ep(), m.tokens(), m.hidden(), m.topK(), m.experts(), m.dtype(), m.knob(), m.metric(),
            m.value(), m.unit(), m.note()).map(cell -> "\"" + Objects.toString(cell).replace("\"", "\"\"") + "\"").collect(Collectors.joining(",", "", "\n"));
    }
}

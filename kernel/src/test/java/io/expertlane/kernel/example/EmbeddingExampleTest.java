package io.expertlane.kernel.example;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyCall;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.WorkMeter;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The worked example of docs/embedding.md, run; and a check that the page shows this very code. */
class EmbeddingExampleTest {
    // example begins
    /** Time of one dispatch of every rank over the simulator's links, in nanoseconds. */
    private static long dispatchNanos(final MoeShape shape, final double bytesPerNano, final long latencyNanos) {
        final LowLatencyConfig config = LowLatencyConfig.of(shape).withDispatchType(DispatchType.FP8).withPayload(Payload.OMITTED);
        try (Arena arena = Arena.ofConfined();
             SymmetricHeap heap = new SymmetricHeap(shape.ranks(), LowLatencyExchange.heapBytes(config));
             ForeignSimulator network = new ForeignSimulator(heap, bytesPerNano, latencyNanos)) {
            final LowLatencyExchange[] exchanges = new LowLatencyExchange[shape.ranks()];
            for (int rank = 0; rank < exchanges.length; rank++) {
                exchanges[rank] = new LowLatencyExchange(config, network, rank, WorkMeter.NONE, network::nowNanos);
            }
            final Routing[] routings = DrawnRouting.uniform().routings(shape, shape.maxTokensPerRank(), 7, arena);
            final LowLatencyCall[] calls = new LowLatencyCall[exchanges.length];
            for (int rank = 0; rank < exchanges.length; rank++) {
                calls[rank] = exchanges[rank].dispatch(MemorySegment.NULL, routings[rank]);
                calls[rank].receive();
            }
            int received = 0;
            while (received < calls.length) {
                int work = 0;
                received = 0;
                for (int rank = 0; rank < exchanges.length; rank++) {
                    work += exchanges[rank].doWork();
                    received += calls[rank].isReceived() ? 1 : 0;
                }
                if (work == 0 && !network.step()) {
                    throw new IllegalStateException("nothing left to happen, and not all rows received");
                }
            }
            return network.nowNanos();
        }
    }
    // example ends

    @Test
    void dispatchTakesAsLongAsTheBusiestLink() {
        final MoeShape shape = new MoeShape(8, 8, 64, 8, 7168, 32);
        final double bytesPerNano = 50;
        final long latencyNanos = 2000;
        // 32 tokens, each to 8 of 64 experts, 7 of 8 of them elsewhere: FP8 messages of 7408 bytes, and a count for each expert.
        final double expected = 32 * 8 * 7 / 8.0 * 7408 / bytesPerNano + latencyNanos;
        final long simulated = dispatchNanos(shape, bytesPerNano, latencyNanos);
        assertThat((double) simulated).isBetween(expected, 1.2 * expected);
        assertThat(dispatchNanos(shape, bytesPerNano, latencyNanos)).isEqualTo(simulated);
        assertThat(dispatchNanos(shape, 2 * bytesPerNano, latencyNanos)).isLessThan(simulated);
    }

    @Test
    void thePageShowsThisCode() throws IOException {
        final String page = Files.readString(Path.of("../docs/embedding.md"));
        for (final String file : new String[] {"ForeignSimulator", "EmbeddingExampleTest"}) {
            final String source = Files.readString(Path.of("src/test/java/io/expertlane/kernel/example/" + file + ".java"));
            final int begin = source.indexOf("// example begins\n") + "// example begins\n".length();
            final String example = source.substring(begin, source.indexOf("    // example ends", begin)).stripTrailing().stripIndent();
            assertThat(page).as("code of %s in docs/embedding.md", file).contains("```java\n" + example + "\n```\n");
        }
    }
}

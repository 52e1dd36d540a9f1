package io.expertlane.kernel.moe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.expertlane.kernel.fuzz.FuzzSuite;
import io.expertlane.kernel.fuzz.FuzzTarget;
import io.expertlane.kernel.fuzz.MemoryFolder;
import io.expertlane.kernel.fuzz.Mutator;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RecordedRoutingTest extends FuzzSuite {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @TempDir(factory = MemoryFolder.class)
    private Path folder;

    @Override
    protected List<FuzzTarget> targets() {
        final List<byte[]> seeds = IntStream.of(1, 2, 5).mapToObj(tokens -> line(tokens, tokens) + line(1, 7)).map(text -> text.getBytes(
            StandardCharsets.UTF_8)).toList();
        return List.of(new FuzzTarget("routing", Mutator.ofText(seeds, "63", "64", "\t", "\t\t", "0.25", "1e-45", "3.5e38", "\u0661"), input -> {
            final RecordedRouting read = read(input);
            final RecordedRouting again = read(text(read).getBytes(StandardCharsets.UTF_8));
            assertThat(text(again)).isEqualTo(text(read));
        }, IllegalArgumentException.class));
    }

    private RecordedRouting read(final byte[] text) throws IOException {
        Files.write(folder.resolve("a.txt"), text);
        return RecordedRouting.read(folder);
    }

    /** A line of {@code tokens} tokens. */
    private static String line(final int tokens, final long seed) {
        final SplittableRandom random = new SplittableRandom(seed);
        final String ids = random.ints((long) tokens * RecordedRouting.TOP_K, 0, RecordedRouting.EXPERTS).mapToObj(Integer::toString)
            .collect(Collectors.joining("\t"));
        final String weights = random.doubles((long) tokens * RecordedRouting.TOP_K).mapToObj(weight -> Float.toString((float) weight))
            .collect(Collectors.joining("\t"));
        return ids + "\t\t" + weights + "\n";
    }

    /** All that was read, in the form that it was read from. */
    private static String text(final RecordedRouting routing) {
        if (routing.tokens() == 0) {
            return "";
        }
        try (Arena arena = Arena.ofConfined()) {
            final MoeShape shape = new MoeShape(1, 1, RecordedRouting.EXPERTS, RecordedRouting.TOP_K, 128, routing.tokens());
            final Routing all = routing.routings(shape, routing.tokens(), 1, arena)[0];
            final StringBuilder ids = new StringBuilder();
            final StringBuilder weights = new StringBuilder();
            for (int token = 0; token < all.tokens(); token++) {
                for (int k = 0; k < all.topK(); k++) {
                    ids.append(all.expert(token, k)).append('\t');
                    weights.append('\t').append(all.weight(token, k));
                }
            }
            return ids.append(weights).append('\n').toString();
        }
    }

    /** Four times the lines are four times the work, which is counted in bytes allocated. */
    @Test
    void workIsLinearInTheLines() throws IOException {
        final long[] allocated = new long[3];
        for (int i = 0; i < allocated.length; i++) {
            final byte[] text = line(1, 3).repeat(i == 2 ? 40_000 : 10_000).getBytes(StandardCharsets.UTF_8);
            final long before = THREADS.getCurrentThreadAllocatedBytes();
            final int tokens = read(text).tokens();
            allocated[i] = THREADS.getCurrentThreadAllocatedBytes() - before;
            assertThat(tokens).isEqualTo(i == 2 ? 40_000 : 10_000);
        }
        assertThat((double) allocated[2] / allocated[1]).as(Arrays.toString(allocated)).isLessThan(5);
    }

    @Test
    void refusalsQuoteFieldsShortAndOnOneLine() {
        final String good = line(1, 3);
        assertThatThrownBy(() -> read(("x\u001b[31m" + good.substring(good.indexOf('\t'))).getBytes(StandardCharsets.UTF_8)))
            .isInstanceOf(IllegalArgumentException.class).hasMessage("a.txt line 1 id 0=x?[31m: 0 to 63");
        assertThatThrownBy(() -> read(("9".repeat(1000) + good.substring(good.indexOf('\t'))).getBytes(StandardCharsets.UTF_8)))
            .isInstanceOf(IllegalArgumentException.class).hasMessage("a.txt line 1 id 0=" + "9".repeat(80) + "...: 0 to 63");
    }
}

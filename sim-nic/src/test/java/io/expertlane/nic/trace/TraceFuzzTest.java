package io.expertlane.nic.trace;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.exchange.Stage;
import io.expertlane.kernel.fuzz.FuzzSuite;
import io.expertlane.kernel.fuzz.FuzzTarget;
import io.expertlane.kernel.fuzz.MemoryFolder;
import io.expertlane.kernel.fuzz.Mutator;
import io.expertlane.nic.device.NicTracer;
import io.expertlane.nic.device.QueuePairBinding;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.json.JsonMapper;

/** Binary traces that are damaged: read back, and turned into timelines. */
class TraceFuzzTest extends FuzzSuite {
    private static final int WRITTEN_ONE_IN = 8;
    private static final int RECORDS_OF_RUN = 24;
    private static final NicTracer NOTHING = new NicTracer() {
    };
    private static final JsonMapper JSON = new JsonMapper();
    /** A bound queue pair is named once, and every record becomes some text. */
    private static final long BYTES_PER_INPUT_BYTE = 1 << 12;

    @TempDir(factory = MemoryFolder.class)
    private Path folder;

    @Override
    protected List<FuzzTarget> targets() throws IOException {
        final List<byte[]> seeds = List.of(everyRecord(), beginningOfARun());
        return List.of(
            new FuzzTarget("xltrace", Mutator.ofBytes(seeds), this::readAndWrite, IOException.class).within(1 << 20, BYTES_PER_INPUT_BYTE),
            new FuzzTarget("timeline", Mutator.ofBytes(seeds), this::convert, IOException.class).within(1 << 20, BYTES_PER_INPUT_BYTE));
    }

    /**
     * Of what is read back a part is written again by the writer, and that is what the reader had read: all but fields that no record of its type
     * has. The writer's mapping is what takes time.
     */
    private void readAndWrite(final byte[] input) throws IOException {
        final Path first = Files.write(folder.resolve("first.xltrace"), input);
        if (Arrays.hashCode(input) % WRITTEN_ONE_IN != 0) {
            BinaryTraceReader.replay(first, NOTHING, (start, end, rank, agent, stage) -> { });
            return;
        }
        final Path second = folder.resolve("second.xltrace");
        final Path third = folder.resolve("third.xltrace");
        Files.deleteIfExists(second);
        Files.deleteIfExists(third);
        final long records = copy(first, second);
        assertThat(copy(second, third)).isEqualTo(records);
        assertThat(Files.mismatch(second, third)).isEqualTo(-1);
    }

    private static long copy(final Path from, final Path to) throws IOException {
        try (BinaryTraceWriter writer = new BinaryTraceWriter(to)) {
            return BinaryTraceReader.replay(from, writer, writer);
        }
    }

    private void convert(final byte[] input) throws IOException {
        final Path from = Files.write(folder.resolve("a.xltrace"), input);
        final Path to = folder.resolve("a.json");
        Files.deleteIfExists(to);
        try {
            TraceFile.convert(from, to);
        } catch (final IOException e) {
            assertThat(to).doesNotExist();
            throw e;
        }
        assertThat(JSON.readTree(to.toFile()).get("traceEvents").isArray()).isTrue();
    }

    private byte[] everyRecord() throws IOException {
        final Path file = folder.resolve("every.xltrace");
        try (BinaryTraceWriter writer = new BinaryTraceWriter(file)) {
            writer.bound(1, 0, new QueuePairBinding(3, 4, 0x105, 0x106, 1, 1, 0xC0DE));
            writer.bound(1, 1, new QueuePairBinding(4, 3, 0x106, 0x105, 1, 0, 0xC0DF));
            for (int index = 0; index < 2; index++) {
                writer.posted(10, 12, index, index, (byte) 3, 904);
                writer.doorbell(20, index, index + 1);
                writer.issued(20, 30, index, index);
                writer.sent(40, 47, index, index, 0, 904);
                writer.delivered(50, index, index);
                writer.acknowledged(51, 53, index, index);
                writer.completed(60, index, index, 0);
                writer.worked(70, 75, 3, index, Stage.REDUCE);
            }
        }
        return Files.readAllBytes(file);
    }

    private byte[] beginningOfARun() throws IOException {
        final Path file = folder.resolve("run.xltrace");
        try (TracedRun run = new TracedRun(1); TraceFile trace = TraceFile.create(file, run.transport, run.scheduler)) {
            run.run();
            trace.commit();
        }
        return Arrays.copyOf(Files.readAllBytes(file), BinaryTraceLayout.HEADER_BYTES + RECORDS_OF_RUN * BinaryTraceLayout.RECORD_BYTES);
    }
}

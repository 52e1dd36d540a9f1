package io.expertlane.nic.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.expertlane.kernel.exchange.Stage;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.device.NicTracer;
import io.expertlane.nic.device.QueuePairBinding;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.device.TestProfiles;
import io.expertlane.nic.host.AgentScheduler;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Locale;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TraceFileTest {
    private static final NicTracer NOTHING = new NicTracer() {
    };

    @TempDir
    private Path folder;

    private static void run(final long seed, final Path file) throws IOException {
        try (TracedRun run = new TracedRun(seed); TraceFile trace = TraceFile.create(file, run.transport,
            run.scheduler)) {
            run.run();
            trace.commit();
        }
    }

    private long names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.count();
        }
    }

    @Test
    void aConvertedTraceIsTheTimelineByteForByte() throws IOException {
        run(1, folder.resolve("a.json"));
        run(1, folder.resolve("a.xltrace"));
        final long records = TraceFile.convert(folder.resolve("a.xltrace"), folder.resolve("b.json"));
        assertThat(records).isGreaterThan(2000);
        assertThat(Files.size(folder.resolve("a.xltrace")))
            .isEqualTo(BinaryTraceLayout.HEADER_BYTES + records * BinaryTraceLayout.RECORD_BYTES);
        assertThat(folder.resolve("b.json")).hasSameBinaryContentAs(folder.resolve("a.json"));
        assertThat(names()).isEqualTo(3);
    }

    /** Other simulations, before and at the same time, on this thread and another, change no byte of a trace. */
    @ParameterizedTest
    @ValueSource(strings = {"json", "pcap", "xltrace"})
    void sameSeedSameTraceWhateverRunsBeside(final String format) throws Exception {
        run(11, folder.resolve("alone." + format));
        try (ExecutorService other = Executors.newSingleThreadExecutor(); TracedRun stranger = new TracedRun(13)) {
            final Future<?> running = other.submit(() -> {
                for (int seed = 20; seed < 24; seed++) {
                    run(seed, folder.resolve("other." + format));
                }
                return null;
            });
            stranger.transport.simulation().run();
            run(11, folder.resolve("beside." + format));
            stranger.run();
            running.get();
        }
        assertThat(folder.resolve("beside." + format)).hasSameBinaryContentAs(folder.resolve("alone." + format));
        assertThat(Files.mismatch(folder.resolve("other." + format), folder.resolve("alone." + format)))
            .isNotNegative();
    }

    @Test
    void sameSeedSameTraceAndTheRunStaysTheSame() throws IOException {
        final long[] hashes = new long[4];
        for (int i = 0; i < hashes.length; i++) {
            try (TracedRun run = new TracedRun(5)) {
                if (i > 0) {
                    final Path file = folder.resolve("run" + i + "."
                        + TraceFile.Format.values()[i - 1].name().toLowerCase(Locale.ROOT));
                    try (TraceFile trace = TraceFile.create(file, run.transport, run.scheduler)) {
                        run.run();
                        trace.commit();
                    }
                } else {
                    run.run();
                }
                hashes[i] = run.transport.simulation().streamHash();
            }
        }
        assertThat(hashes).containsOnly(hashes[0]);
        for (final TraceFile.Format format : TraceFile.Format.values()) {
            final String extension = "." + format.name().toLowerCase(Locale.ROOT);
            run(6, folder.resolve("first" + extension));
            try (TracedRun stranger = new TracedRun(7)) {
                stranger.run();
                run(6, folder.resolve("second" + extension));
            }
            run(7, folder.resolve("other" + extension));
            assertThat(folder.resolve("second" + extension))
                .hasSameBinaryContentAs(folder.resolve("first" + extension));
            assertThat(Files.mismatch(folder.resolve("first" + extension), folder.resolve("other" + extension)))
                .isNotNegative();
        }
    }

    @Test
    void layoutIsPinned() throws IOException {
        final Path file = folder.resolve("pinned.xltrace");
        try (BinaryTraceWriter writer = new BinaryTraceWriter(file)) {
            writer.bound(1, 2, new QueuePairBinding(3, 4, 0x105, 0x106, 1, 7, 0xC0DE));
            writer.posted(0x1122334455667788L, 0x1122334455667789L, 0xABCDEF, -2, (byte) 3, 8);
            writer.doorbell(10, 2, 12);
            writer.issued(10, 30, 2, 11);
            writer.sent(40, 47, 2, 11, 4096, 904);
            writer.delivered(50, 2, 11);
            writer.acknowledged(51, 53, 2, 11);
            writer.completed(60, 2, 11, 10);
            writer.worked(70, 75, 3, 9, Stage.REDUCE);
        }
        final byte[] bytes = Files.readAllBytes(file);
        final String[] expected = {
            "584c545241434500" + "01000000" + "20000000" + "00000000000000000000000000000000",
            "0100000000000000" + "05010000dec00701" + "02000001" + "03000000" + "04000000" + "06010000",
            "8877665544332211" + "0100000000000000" + "efcdab02" + "feffffff" + "03000000" + "08000000",
            "0a00000000000000" + "0000000000000000" + "02000003" + "0c000000" + "00000000" + "00000000",
            "0a00000000000000" + "1400000000000000" + "02000004" + "0b000000" + "00000000" + "00000000",
            "2800000000000000" + "0700000000000000" + "02000005" + "0b000000" + "00100000" + "88030000",
            "3200000000000000" + "0000000000000000" + "02000006" + "0b000000" + "00000000" + "00000000",
            "3300000000000000" + "0200000000000000" + "02000007" + "0b000000" + "00000000" + "00000000",
            "3c00000000000000" + "0000000000000000" + "02000008" + "0b000000" + "0a000000" + "00000000",
            "4600000000000000" + "0500000000000000" + "09000009" + "03000000" + "05000000" + "00000000"};
        for (int i = 0; i < expected.length; i++) {
            assertThat(HexFormat.of().formatHex(bytes, 32 * i, 32 * i + 32)).as("record %s", i).isEqualTo(expected[i]);
        }
        assertThat(bytes).hasSize(32 * expected.length);
        final QueuePairBinding[] seen = new QueuePairBinding[1];
        Files.write(file, Arrays.copyOf(bytes, 64));
        final NicTracer binding = new NicTracer() {
            @Override
            public void bound(final long timePicos, final int queuePair, final QueuePairBinding binding) {
                seen[0] = binding;
            }
        };
        assertThat(BinaryTraceReader.replay(file, binding, (start, end, rank, agent, stage) -> { })).isEqualTo(1);
        assertThat(seen[0]).isEqualTo(new QueuePairBinding(3, 4, 0x105, 0x106, 1, 7, 0xC0DE));
    }

    @Test
    void whatIsNoTraceIsRefusedInOneLine() throws IOException {
        final Path out = folder.resolve("out.json");
        final Path none = Files.write(folder.resolve("none.xltrace"), new byte[100]);
        assertThatThrownBy(() -> TraceFile.convert(none, out)).isInstanceOf(IOException.class)
            .hasMessage(none + ": not a binary trace");
        final Path empty = Files.write(folder.resolve("empty.xltrace"), new byte[0]);
        assertThatThrownBy(() -> TraceFile.convert(empty, out)).isInstanceOf(IOException.class)
            .hasMessage(empty + ": not a binary trace, bytes=0");
        final String header = "584c5452414345000100000020000000" + "00000000000000000000000000000000";
        final Path unbound = Files.write(folder.resolve("unbound.xltrace"),
            HexFormat.of().parseHex(header + "00".repeat(19) + "05"
            + "00".repeat(12)));
        assertThatThrownBy(() -> TraceFile.convert(unbound, out)).isInstanceOf(IOException.class)
            .hasMessage(unbound + ": record at 32: queue pair id=0 is not bound");
        final Path stage = Files.write(folder.resolve("stage.xltrace"),
            HexFormat.of().parseHex(header + "00".repeat(19) + "09" + "00".repeat(4)
            + "06000000"
            + "00000000"));
        assertThatThrownBy(() -> TraceFile.convert(stage, out)).isInstanceOf(IOException.class)
            .hasMessage(stage + ": record at 32: stage=6: 0 to 5");
        final Path type = Files.write(folder.resolve("type.xltrace"),
            HexFormat.of().parseHex(header + "00".repeat(19) + "2a" + "00".repeat(12)));
        assertThatThrownBy(() -> TraceFile.convert(type, out)).isInstanceOf(IOException.class)
            .hasMessage(type + ": record at 32: type=42: 1 to 9");
        final Path version = Files.write(folder.resolve("version.xltrace"),
            HexFormat.of().parseHex(header.replace("0001000000", "0002000000")));
        assertThatThrownBy(() -> TraceFile.convert(version, out)).isInstanceOf(IOException.class).hasMessage(version
            + ": version=2: only 1 can be read");
        assertThatThrownBy(() -> TraceFile.convert(none, folder.resolve("out.pcap")))
            .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> TraceFile.Format.of(Path.of("x.txt"))).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("trace=x.txt: its name must end in .json, .pcap or .xltrace");
        assertThat(names()).isEqualTo(6);
    }

    private Path traceOf(final String... records) throws IOException {
        final String header = "584c5452414345000100000020000000" + "00000000000000000000000000000000";
        return Files.write(folder.resolve("records.xltrace"),
            HexFormat.of().parseHex(header + String.join("", records)));
    }

    /**
     * Numbers of a damaged record neither size memory nor count loops: each of these took gigabytes or minutes, or made
     * a timeline no JSON.
     */
    @Test
    void numbersOutOfRangeAreRefused() throws IOException {
        final String bound = "0100000000000000" + "05010000dec00701" + "00000001" + "03000000" + "04000000"
            + "06010000";
        final String posted = "0a00000000000000" + "0100000000000000" + "00000002" + "00000000" + "03000000"
            + "08000000";
        assertRefused("record at 32: rank=-1: 0 to 2147483647",
            bound.replace("03000000" + "04000000", "ffffffff" + "04000000"));
        assertRefused("record at 32: number=-1: 0 to 16777215", bound.replace("05010000", "ffffffff"));
        assertRefused("record at 96: queue pair id=0 index=2147483647: expected 1", bound, posted,
            posted.replace("00000002" + "00000000", "00000002" + "ffffff7f"));
        assertRefused("record at 64: bytes=-1: 0 to 2147483647", bound, posted.replace("08000000", "ffffffff"));
        assertRefused("record at 64: time=-9223372036854775808 span=1: 0 or more, and their sum below 2^63", bound,
            posted.replace("0a00000000000000", "0000000000000080"));
        assertRefused("record at 64: time=9223372036854775807 span=1: 0 or more, and their sum below 2^63", bound,
            posted.replace("0a00000000000000", "ffffffffffffff7f"));
        final Path recordBytes = folder.resolve("wide.xltrace");
        Files.write(recordBytes, HexFormat.of().parseHex("584c5452414345000100000040000000" + "00".repeat(16)));
        assertThatThrownBy(() -> TraceFile.convert(recordBytes, folder.resolve("out.json")))
            .isInstanceOf(IOException.class)
            .hasMessage(recordBytes + ": recordBytes=64: only 32 can be read");
    }

    private void assertRefused(final String limit, final String... records) throws IOException {
        final Path trace = traceOf(records);
        assertThatThrownBy(() -> TraceFile.convert(trace, folder.resolve("out.json"))).isInstanceOf(IOException.class)
            .hasMessage(trace + ": " + limit);
    }

    @Test
    void theLargestNumbersTakeNoMoreMemoryThanOthers() throws IOException {
        final com.sun.management.ThreadMXBean threads =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        final Path trace = traceOf("0100000000000000" + "ffffff00dec0ff01" + "ffffff01" + "ffffff7f" + "ffffff7f"
            + "ffffff00",
            "0a00000000000000" + "0100000000000000" + "ffffff02" + "00000000" + "03000000" + "ffffff7f",
            "0a00000000000000" + "0000000000000000" + "ffffff03" + "ffffff7f" + "0000000000000000",
            "2800000000000000" + "0700000000000000" + "ffffff05" + "00000000" + "00100000" + "88030000");
        final long before = threads.getCurrentThreadAllocatedBytes();
        assertThat(TraceFile.convert(trace, folder.resolve("out.json"))).isEqualTo(4);
        assertThat(threads.getCurrentThreadAllocatedBytes() - before).isLessThan(8 << 20);
    }

    @Test
    void withoutACommitNothingStays() throws IOException {
        for (final TraceFile.Format format : TraceFile.Format.values()) {
            final Path file = folder.resolve("run." + format.name().toLowerCase(Locale.ROOT));
            try (TracedRun run = new TracedRun(1); TraceFile trace = TraceFile.create(file, run.transport,
                run.scheduler)) {
                run.run();
                assertThat(trace).isNotNull();
                assertThat(names()).isEqualTo(1);
            }
        }
        assertThat(names()).isZero();
    }

    /** A run with a trace allocates no more than one without, once buffers have grown. */
    @ParameterizedTest
    @ValueSource(strings = {"json", "pcap", "xltrace"})
    void tracesAllocateNothingAnEvent(final String format) throws IOException {
        final com.sun.management.ThreadMXBean threads =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (SymmetricHeap heap = new SymmetricHeap(2, 1 << 16);
             SimulatedTransport transport = new SimulatedTransport(heap, new TestProfiles().cluster(),
                 PortPolicy.EXPLICIT, 256);
             TraceFile trace = TraceFile.create(folder.resolve("run." + format), transport,
                 new AgentScheduler(transport))) {
            transport.issuer((queuePair, id, first, end) -> {
                final long now = transport.simulation().nowPicos();
                transport.ring(id, first, end, now, now);
            });
            final QueuePair queuePair = transport.connect(0, 1, 16, 0);
            long allocated = 0;
            for (int round = 0; round < 2000; round++) {
                if (round == 1000) {
                    allocated = threads.getCurrentThreadAllocatedBytes();
                }
                queuePair.postWrite(0, 0, 10_000, 10_000);
                queuePair.postAtomicAdd(32_768, 1);
                queuePair.postInline(32_776, round);
                queuePair.ringDoorbell();
                transport.simulation().run();
                transport.completionQueue(0).poll();
            }
            assertThat((threads.getCurrentThreadAllocatedBytes() - allocated) / (1000 * 3)).as("bytes an element")
                .isZero();
            trace.commit();
        }
    }

    @Test
    void binaryRecordsAllocateNothing() throws IOException {
        final com.sun.management.ThreadMXBean threads =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (BinaryTraceWriter writer = new BinaryTraceWriter(folder.resolve("many.xltrace"))) {
            long allocated = 0;
            for (int i = 0; i < 400_000; i++) {
                if (i == 200_000) {
                    allocated = threads.getCurrentThreadAllocatedBytes();
                }
                writer.sent(i, i + 1, 0, i, 0, 64);
                writer.delivered(i, 0, i);
            }
            assertThat((threads.getCurrentThreadAllocatedBytes() - allocated) / 400_000).isZero();
        }
        assertThatThrownBy(() -> BinaryTraceReader.replay(folder.resolve("many.xltrace"), NOTHING,
            (start, end, rank, agent, stage) -> { }))
            .isInstanceOf(IOException.class).hasMessageContaining("is not bound");
    }
}

package io.expertlane.nic.trace;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.google.common.jimfs.Configuration;
import com.google.common.jimfs.Jimfs;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.FileSystem;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Traces on a disk that becomes full while they are written: an exception that names the file, and nothing stays. */
class FullDiskTest {
    /** A block: the disk is full when the traces' own buffers are written for the first time. */
    private static final int SMALL_BYTES = 8192;

    @TempDir
    private Path folder;

    private static FileSystem disk(final long bytes) {
        return Jimfs.newFileSystem(Configuration.unix().toBuilder().setMaxSize(bytes).build());
    }

    private static void run(final Path file) throws IOException {
        try (TracedRun run = new TracedRun(1); TraceFile trace = TraceFile.create(file, run.transport, run.scheduler)) {
            run.run();
            trace.commit();
        }
    }

    private static long names(final Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.count();
        }
    }

    /** The small disk is full in the middle of the run, the larger one when the trace ends. */
    @ParameterizedTest
    @CsvSource({"json,0.5", "json,0.999", "pcap,0.5", "pcap,0.999", "xltrace,0.5", "xltrace,0.999"})
    void theFailureNamesTheFileAndNothingStays(final String format, final double share) throws IOException {
        final Path whole = folder.resolve("whole." + format);
        run(whole);
        try (FileSystem disk = disk((long) (Files.size(whole) * share) / SMALL_BYTES * SMALL_BYTES)) {
            final Path file = disk.getPath("/work/run." + format);
            assertThatThrownBy(() -> run(file)).isInstanceOfAny(IOException.class, UncheckedIOException.class)
                .rootCause().isInstanceOf(IOException.class);
            assertThatThrownBy(() -> run(file)).hasMessageContaining(file + ": ");
            assertThat(names(disk.getPath("/work"))).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"json", "pcap", "xltrace"})
    void anOlderTraceStays(final String format) throws IOException {
        try (FileSystem disk = disk(2 * SMALL_BYTES)) {
            final Path file = Files.write(disk.getPath("/work/run." + format), new byte[] {1, 2, 3});
            assertThatThrownBy(() -> run(file)).hasMessageContaining(file + ": ");
            assertThat(Files.readAllBytes(file)).containsExactly(1, 2, 3);
            assertThat(names(disk.getPath("/work"))).isEqualTo(1);
        }
    }

    /** Writers on a stream of the caller's close it, whatever fails before. */
    @Test
    void streamsAreClosedAndTheirFailuresUnchecked() throws IOException {
        final boolean[] closed = new boolean[3];
        for (int i = 0; i < closed.length; i++) {
            final int self = i;
            final OutputStream full = new OutputStream() {
                @Override
                public void write(final int value) throws IOException {
                    throw new IOException("no room");
                }

                @Override
                public void close() {
                    closed[self] = true;
                }
            };
            try (TracedRun run = new TracedRun(1)) {
                final AutoCloseable writer = switch (i) {
                    case 0 -> new TimelineWriter(full);
                    case 1 -> new PacketCapture(run.transport, full);
                    default -> new BinaryTraceWriter(full);
                };
                assertThatThrownBy(writer::close).isInstanceOfAny(IOException.class, UncheckedIOException.class)
                    .hasMessageContaining("no room");
            }
        }
        assertThat(closed).containsOnly(true);
    }

    @Test
    void whatCouldNotBeWrittenIsRefusedBeforeTheRun() throws IOException {
        final Path file = folder.resolve("nowhere/run.json");
        assertThatThrownBy(() -> TraceFile.check(file)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("trace=" + file + ": no folder "
            + file.getParent());
        final Path taken = Files.createDirectory(folder.resolve("taken.json"));
        assertThatThrownBy(() -> TraceFile.check(taken)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("trace=" + taken
            + ": is there and is no file");
        assertThatThrownBy(() -> TraceFile.check(Path.of("/"))).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void aLinkStaysALink() throws IOException {
        final Path target = Files.write(folder.resolve("target.xltrace"), new byte[1]);
        final Path link = Files.createSymbolicLink(folder.resolve("link.xltrace"), target);
        run(link);
        assertThat(Files.isSymbolicLink(link)).isTrue();
        assertThat(Files.size(target)).isGreaterThan(1000);
        Files.delete(target);
        assertThatThrownBy(() -> run(link)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("is there and is no file");
    }
}

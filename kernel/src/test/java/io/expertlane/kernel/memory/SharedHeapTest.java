package io.expertlane.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assumptions.assumeThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files of ranks: their life cycle, and that keys mean the same to all who have them mapped. Each heap here maps the
 * files on its own, as a process would.
 */
@EnabledOnOs(OS.LINUX)
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class SharedHeapTest {
    private static final long LONG_NANOS = TimeUnit.SECONDS.toNanos(60);
    private static final long SHORT_NANOS = TimeUnit.MILLISECONDS.toNanos(20);
    private static final int OWNER = 512;
    private static final int START_BITS = 42;
    private static final int MUTATIONS = 100_000;

    @TempDir
    private Path folder;

    private SharedHeap.Job job(final int ranks) {
        return new SharedHeap.Job(folder, 7, ranks, 10_000, "layout");
    }

    private List<SharedHeap> openAll(final int ranks) {
        final List<CompletableFuture<SharedHeap>> opening = new ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            final int self = rank;
            opening.add(CompletableFuture.supplyAsync(() -> open(job(ranks), self, LONG_NANOS),
                task -> Thread.ofPlatform().daemon().start(task)));
        }
        return opening.stream().map(CompletableFuture::join).toList();
    }

    private static SharedHeap open(final SharedHeap.Job job, final int rank, final long timeoutNanos) {
        try {
            return SharedHeap.open(job, rank, timeoutNanos);
        } catch (final IOException e) {
            throw new AssertionError(e);
        }
    }

    private List<String> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.map(file -> file.getFileName().toString()).sorted().toList();
        }
    }

    private Path file(final int rank) {
        return folder.resolve(RankFile.name(7, rank));
    }

    /** What a crash leaves: a file whose process has ended. */
    private void endOwner(final int rank) throws IOException {
        final ProcessIdentity self = ProcessIdentity.current();
        write(file(rank), OWNER, self.pid() << START_BITS | self.start() + 1);
    }

    private static void write(final Path file, final long at, final long value) throws IOException {
        try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
            opened.seek(at);
            opened.write(ByteBuffer.allocate(Long.BYTES).order(ByteOrder.nativeOrder()).putLong(value).array());
        }
    }

    @Test
    void allSeeStoresAndRevocationsOfAll() {
        final List<SharedHeap> heaps = openAll(3);
        final SymmetricHeap first = heaps.get(0).heap();
        final SymmetricHeap last = heaps.get(2).heap();
        first.region(2).set(JAVA_LONG, 9_992, 77);
        assertThat(last.region(2).get(JAVA_LONG, 9_992)).isEqualTo(77);
        final MemorySegment rows = first.region(0).asSlice(0, 4_096).fill((byte) 5);
        first.copy(rows, 0, first.region(1), 4_096, 4_096);
        assertThat(heaps.get(1).heap().region(1).asSlice(4_096, 4_096).mismatch(rows)).isEqualTo(-1);

        final int before = first.key(2, 0);
        final int revocations = first.revocations();
        final long address = first.address(2, 8);
        assertThat(last.key(2)).isEqualTo(before);
        last.revoke(2, 0);
        assertThat(first.revocations()).isEqualTo(revocations + 1);
        assertThat(first.key(2, 0)).isNotEqualTo(before).isEqualTo(heaps.get(1).heap().key(2, 0));
        assertThat(first.key(2, 1)).isEqualTo(before);
        assertThat(first.resolve(address, 8)).isEqualTo(8);
        last.revoke(2);
        assertThat(first.key(2, 1)).isNotEqualTo(before).isEqualTo(first.key(2)).isEqualTo(first.key(2, 0));
        assertThatThrownBy(() -> first.resolve(address, 8)).hasMessageContaining("stale");
        assertThatThrownBy(() -> first.revoke(2)).hasMessage("rank=2: only rank 0's keys are this process's to revoke");
        heaps.forEach(SharedHeap::close);
        assertThatThrownBy(() -> first.key(2)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> rows.fill((byte) 1)).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void aKeyIsNotTakenAgainByTheNextLife() throws IOException {
        final SharedHeap.Job job = job(1);
        final List<Integer> keys = new ArrayList<>();
        for (int life = 0; life < 20; life++) {
            final SharedHeap heap = SharedHeap.open(job, 0, LONG_NANOS);
            assertThat(heap.isTakenOver()).isEqualTo(life > 0);
            assertThat(heap.heap().claim(0, () -> false)).as("was used by a life before").isEqualTo(life > 0);
            for (int revocation = 0; revocation < 3; revocation++) {
                heap.heap().revoke(0, 0);
                keys.add(heap.heap().key(0, 0));
            }
            endOwner(0);
        }
        assertThat(keys).doesNotHaveDuplicates();
        assertThat(names()).containsExactly(RankFile.name(7, 0));
        SharedHeap.open(job, 0, LONG_NANOS).close();
        assertThat(names()).isEmpty();
    }

    @Test
    void aFileOfALiveProcessIsRefused() throws IOException {
        try (SharedHeap _ = SharedHeap.open(job(1), 0, LONG_NANOS)) {
            assertThatThrownBy(() -> SharedHeap.open(job(1), 0, LONG_NANOS))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(file(0) + ": rank 0 is live in process " + ProcessHandle.current().pid());
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file(0)))).isEqualTo("rw-------");
        }
    }

    @Test
    void otherShapesAreRefused() throws IOException {
        try (SharedHeap _ = SharedHeap.open(job(1), 0, LONG_NANOS)) {
            endOwner(0);
            assertThatThrownBy(() -> SharedHeap.open(new SharedHeap.Job(folder, 7, 1, 10_000, "other"), 0, SHORT_NANOS))
                .hasMessage(file(0) + " layout=layout: other, as this rank has");
            assertThatThrownBy(() -> SharedHeap.open(new SharedHeap.Job(folder, 7, 1, 10_001, "layout"), 0,
                SHORT_NANOS)).hasMessageContaining("bytes=");
            assertThatThrownBy(() -> SharedHeap.open(new SharedHeap.Job(folder, 7, 2, 10_000, "layout"), 0,
                SHORT_NANOS)).hasMessageContaining("ranks=1: 2");
        }
        assertThatThrownBy(() -> new SharedHeap.Job(folder, 7, 1, 10_000, "x".repeat(401)))
            .hasMessage("layout bytes=401: at most 400");
        assertThatThrownBy(() -> new SharedHeap.Job(folder, 7, 4097, 10_000, "x")).hasMessage("ranks=4097: 1 to 4096");
    }

    @Test
    void aRankThatDoesNotComeIsNamedAndNothingIsLeft() throws IOException {
        assertThatThrownBy(() -> SharedHeap.open(job(2), 0, SHORT_NANOS)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("rank=1: has not come within 20 ms, " + file(1) + " is missing");
        assertThat(names()).isEmpty();
    }

    @Test
    void moreThanTheFolderHasRoomForIsRefused() throws IOException {
        final Path memory = SharedHeap.DEFAULT_FOLDER;
        assumeThat(memory).isDirectory();
        assumeThat(Files.getFileStore(memory).getUsableSpace()).isLessThan(GlobalAddress.MAX_OFFSET);
        final long id = new SplittableRandom().nextLong();
        assertThatThrownBy(() -> SharedHeap.open(new SharedHeap.Job(memory, id, 1, GlobalAddress.MAX_OFFSET, "layout"),
            0, SHORT_NANOS))
            .isInstanceOf(IllegalArgumentException.class).hasMessageContaining(memory + " has room for");
        assertThat(memory.resolve(RankFile.name(id, 0))).doesNotExist();
    }

    @Test
    void foreignTruncatedAndReadableFilesAreRefused() throws IOException {
        Files.writeString(file(0), "something else".repeat(100));
        Files.setPosixFilePermissions(file(0), PosixFilePermissions.fromString("rw-------"));
        assertThatThrownBy(() -> SharedHeap.open(job(1), 0, SHORT_NANOS)).hasMessageContaining("not a rank's memory");
        Files.writeString(file(0), "short");
        assertThatThrownBy(() -> SharedHeap.open(job(1), 0, SHORT_NANOS)).hasMessageContaining("truncated");
        Files.delete(file(0));
        try (SharedHeap _ = SharedHeap.open(job(1), 0, LONG_NANOS)) {
            endOwner(0);
            Files.setPosixFilePermissions(file(0), PosixFilePermissions.fromString("rw-r--r--"));
            assertThatThrownBy(() -> SharedHeap.open(job(1), 0, SHORT_NANOS))
                .hasMessageContaining("permissions=rw-r--r--");
            assertThat(RankFiles.list(folder)).singleElement().extracting(RankFiles.Entry::state)
                .isEqualTo(RankFiles.State.REFUSED);
            Files.setPosixFilePermissions(file(0), PosixFilePermissions.fromString("rw-------"));
            final byte[] cut = Arrays.copyOf(Files.readAllBytes(file(0)), 9_000);
            Files.delete(file(0));
            Files.write(file(0), cut);
            Files.setPosixFilePermissions(file(0), PosixFilePermissions.fromString("rw-------"));
            assertThatThrownBy(() -> SharedHeap.open(job(1), 0, SHORT_NANOS))
                .hasMessageContaining("truncated or grown");
        }
    }

    @Test
    void aSymbolicLinkIsRefused() throws IOException {
        try (SharedHeap _ = SharedHeap.open(job(1), 0, LONG_NANOS)) {
            Files.createSymbolicLink(folder.resolve(RankFile.name(8, 0)), file(0));
            assertThatThrownBy(() -> SharedHeap.open(new SharedHeap.Job(folder, 8, 1, 10_000, "layout"), 0,
                SHORT_NANOS)).hasMessageContaining("no regular file");
        }
    }

    @Test
    void whatCrashedJobsLeftIsListedAndRemoved() throws IOException {
        final List<SharedHeap> heaps = openAll(2);
        endOwner(1);
        assertThat(RankFiles.list(folder)).extracting(RankFiles.Entry::state)
            .containsExactly(RankFiles.State.LIVE, RankFiles.State.DEAD);
        assertThat(RankFiles.clean(folder)).as("rank 1 may be started again").isEmpty();
        endOwner(0);
        final ProcessIdentity self = ProcessIdentity.current();
        final Path unfinished = Files.createFile(folder.resolve(".expertlane-0000000000000001-0." + self.place() + "-"
            + self.pid() + "-" + (self.start() + 1) + ".tmp"));
        final Path beingMade = Files.createFile(folder.resolve(".expertlane-0000000000000001-0." + self.place() + "-"
            + self.pid() + "-" + self.start() + ".tmp"));
        final Path other = Files.createFile(folder.resolve("other"));
        assertThat(RankFiles.clean(folder)).containsExactlyInAnyOrder(file(0), file(1), unfinished);
        assertThat(names()).containsExactly(beingMade.getFileName().toString(), other.getFileName().toString());
        heaps.get(0).heap().region(1).set(JAVA_LONG, 0, 1);
        heaps.forEach(SharedHeap::close);
    }

    /** Whatever changes in the part that says what the file is, the file is refused, in a line. */
    @Test
    void mutatedHeadersAreRefused() throws IOException {
        final byte[] good;
        final long bytes;
        try (SharedHeap _ = SharedHeap.open(job(1), 0, LONG_NANOS)) {
            good = Arrays.copyOf(Files.readAllBytes(file(0)), RankFile.FIXED_BYTES);
            bytes = Files.size(file(0));
        }
        assertThat(RankFile.refusal(good, bytes)).isNull();
        final SplittableRandom seeds = new SplittableRandom();
        final long seed = seeds.nextLong();
        final SplittableRandom random = new SplittableRandom(seed);
        for (int mutation = 0; mutation < MUTATIONS; mutation++) {
            final byte[] header = mutate(good, random);
            if (!Arrays.equals(header, good)) {
                final String refusal = RankFile.refusal(header, bytes);
                assertThat(refusal != null && refusal.indexOf('\n') < 0 && !refusal.isBlank())
                    .as("seed %s mutation %s: %s", seed, mutation, refusal).isTrue();
            }
            // With a checksum that fits, the sizes are what is left to refuse.
            MemorySegment.ofArray(header)
                .set(JAVA_INT.withByteAlignment(1), RankFile.FIXED_BYTES - Integer.BYTES,
                RankFile.checksum(MemorySegment.ofArray(header)));
            final MemorySegment sized = MemorySegment.ofArray(header);
            if (RankFile.refusal(header, bytes) == null) {
                assertThat(sized.get(JAVA_INT.withByteAlignment(1), 12) + sized.get(JAVA_LONG.withByteAlignment(1), 16))
                    .as("seed %s mutation %s", seed, mutation)
                    .isLessThanOrEqualTo(bytes);
            }
        }
    }

    private static byte[] mutate(final byte[] good, final SplittableRandom random) {
        final byte[] header = good.clone();
        final int changes = 1 + random.nextInt(3);
        for (int change = 0; change < changes; change++) {
            final int at = random.nextInt(random.nextBoolean() ? 48 : header.length);
            header[at] = (byte) (random.nextBoolean() ? header[at] ^ 1 << random.nextInt(8) : random.nextInt());
        }
        return header;
    }
}

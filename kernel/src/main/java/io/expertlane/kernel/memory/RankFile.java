package io.expertlane.kernel.memory;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.nio.file.attribute.UserPrincipal;
import java.util.EnumSet;
import java.util.Set;
import java.util.zip.CRC32;

/**
 * The mapped file of one rank: a header, then its region.
 *
 * <pre>
 *   offset  bytes
 *        0      8  magic "XPLRANK1"
 *        8      4  version
 *       12      4  bytes of the header
 *       16      8  bytes of the region
 *       24      8  job
 *       32      4  rank
 *       36      4  ranks
 *       40      4  place: boot and process namespace, as {@link ProcessIdentity} tells it
 *       44      4  bytes of the layout
 *       48    400  layout: what must be alike in all ranks, as text
 *      448      4  checksum (CRC-32) of all before
 *      512      8  owner: process number (22 bits), when it began (42 bits)
 *      576      4  lives: processes that have owned it
 *      580      4  claims: exchanges made on it
 *      640      8  heartbeat: milliseconds since 1970
 *      704      4  revocations of all ranks (in the file of rank 0)
 *      768      4  key sequence: keys drawn
 *      772      4  key of the region
 *     1024    4 R  keys of the region, by writer
 * </pre>
 *
 * <p>What lies before the checksum is written once, before the file has its name. Life cycle and invariants: {@code
 * docs/ranks.md}.
 *
 * <p>Failure: a file that is another user's, no regular file, truncated, or not of this layout is refused with
 * {@link IllegalArgumentException} before anything of it is used. Blocks are allocated before the file is mapped, so a
 * full folder is refused too, and an access never faults unless somebody truncates the file.
 */
final class RankFile {
    static final int KEY_SEQUENCE_OFFSET = 768;
    static final int KEY_OFFSET = 772;
    static final int REVOCATIONS_OFFSET = 704;
    static final int CLAIMS_OFFSET = 580;
    static final int MAX_LAYOUT_BYTES = 400;
    static final int MAX_RANKS = 4096;
    static final int FIXED_BYTES = 452;

    private static final long MAGIC = 0x314B_4E41_524C_5058L;
    private static final int VERSION = 1;
    private static final int VERSION_OFFSET = 8;
    private static final int HEADER_BYTES_OFFSET = 12;
    private static final int REGION_BYTES_OFFSET = 16;
    private static final int JOB_OFFSET = 24;
    private static final int RANK_OFFSET = 32;
    private static final int RANKS_OFFSET = 36;
    private static final int PLACE_OFFSET = 40;
    private static final int LAYOUT_BYTES_OFFSET = 44;
    private static final int LAYOUT_OFFSET = 48;
    private static final int CHECKSUM_OFFSET = 448;
    private static final int OWNER_OFFSET = 512;
    private static final int LIVES_OFFSET = 576;
    private static final int HEARTBEAT_OFFSET = 640;
    private static final int WRITER_KEYS_OFFSET = 1024;
    private static final int START_BITS = 42;
    private static final int BLOCK_BYTES = 1 << 20;
    private static final int HEX = 16;
    private static final Set<PosixFilePermission> PRIVATE = EnumSet.of(PosixFilePermission.OWNER_READ,
        PosixFilePermission.OWNER_WRITE);
    private static final VarHandle LONG = JAVA_LONG.varHandle();
    private static final VarHandle INT = JAVA_INT.varHandle();

    private final Path path;
    private final Arena arena;
    private final MemorySegment memory;
    private final MemorySegment header;
    private boolean isTakenOver;

    /** What a file is for: all that is written into its header before it has its name. */
    record Identity(long job, int rank, int ranks, long regionBytes, String layout) {
        Identity {
            if (ranks < 1 || ranks > MAX_RANKS) {
                throw new IllegalArgumentException("ranks=" + ranks + ": 1 to " + MAX_RANKS);
            }
            if (rank < 0 || rank >= ranks) {
                throw new IllegalArgumentException("rank=" + rank + ": 0 to " + (ranks - 1));
            }
            if (regionBytes < 1 || regionBytes > GlobalAddress.MAX_OFFSET) {
                throw new IllegalArgumentException("bytesPerRank=" + regionBytes + ": 1 to "
                    + GlobalAddress.MAX_OFFSET);
            }
            final int layoutBytes = layout.getBytes(StandardCharsets.UTF_8).length;
            if (layoutBytes > MAX_LAYOUT_BYTES) {
                throw new IllegalArgumentException("layout bytes=" + layoutBytes + ": at most " + MAX_LAYOUT_BYTES);
            }
        }

        Identity ofRank(final int other) {
            return new Identity(job, other, ranks, regionBytes, layout);
        }

        int headerBytes() {
            return RankFile.headerBytes(ranks);
        }

        long fileBytes() {
            return headerBytes() + PageMemory.roundUp(regionBytes);
        }
    }

    private RankFile(final Path path, final Arena arena, final MemorySegment memory) {
        this.path = path;
        this.arena = arena;
        this.memory = memory;
        this.header = memory.asSlice(0, memory.get(JAVA_INT, HEADER_BYTES_OFFSET));
    }

    static int headerBytes(final int ranks) {
        return (int) PageMemory.roundUp(writerKeyOffset(ranks));
    }

    static long writerKeyOffset(final int writer) {
        return WRITER_KEYS_OFFSET + (long) writer * Integer.BYTES;
    }

    /** The key at a place of a region's sequence. */
    static int key(final int sequence) {
        return 1 + Math.floorMod(sequence, GlobalAddress.KEYS);
    }

    /** The name of a rank's file. */
    static String name(final long job, final int rank) {
        return String.format("expertlane-%016x-%d", job, rank);
    }

    /**
     * Makes the file, whole, under its name; or takes over the one that a process of this rank and job left that has
     * ended.
     *
     * @throws IllegalArgumentException if a live process has it, or it is not what {@code identity} says, or there is
     *         no room
     */
    static RankFile own(final Path folder, final Identity identity) throws IOException {
        final Path path = folder.resolve(name(identity.job(), identity.rank()));
        if (Files.exists(path, LinkOption.NOFOLLOW_LINKS)) {
            return takeOver(path, identity);
        }
        final Path temporary = temporary(path);
        try {
            write(temporary, identity);
            // Unlike a rename, a link never replaces what another process has put there meanwhile.
            Files.createLink(path, temporary);
        } catch (final FileAlreadyExistsException e) {
            throw new IllegalArgumentException(path + ": made by another process meanwhile, rank " + identity.rank()
                + " is started twice", e);
        } finally {
            Files.deleteIfExists(temporary);
        }
        return open(path, identity);
    }

    private static Path temporary(final Path path) {
        final ProcessIdentity self = ProcessIdentity.current();
        return path.resolveSibling("." + path.getFileName() + "." + self.place() + "-" + self.pid() + "-" + self.start()
            + ".tmp");
    }

    private static void write(final Path path, final Identity identity) throws IOException {
        final long bytes = identity.fileBytes();
        final long free = Files.getFileStore(path.toAbsolutePath().getParent()).getUsableSpace();
        if (bytes > free) {
            throw new IllegalArgumentException("region bytes=" + bytes + ": " + path.getParent() + " has room for "
                + free);
        }
        Files.deleteIfExists(path);
        try (FileChannel channel = FileChannel.open(path,
            Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PRIVATE))) {
            // Zeros and not a length: what is mapped must have its blocks, or an access ends the process.
            final ByteBuffer zeros = ByteBuffer.allocateDirect((int) Math.min(BLOCK_BYTES, bytes));
            for (long at = 0; at < bytes; at += zeros.limit()) {
                zeros.clear().limit((int) Math.min(zeros.capacity(), bytes - at));
                writeFully(channel, zeros, at);
            }
            writeFully(channel, firstHeader(identity), 0);
        } catch (final IOException e) {
            throw new IOException("region bytes=" + bytes + ": " + path.getParent() + ": " + e.getMessage(), e);
        }
    }

    private static void writeFully(final FileChannel channel, final ByteBuffer buffer, final long at)
        throws IOException {
        for (long next = at; buffer.hasRemaining(); ) {
            next += channel.write(buffer, next);
        }
    }

    private static ByteBuffer firstHeader(final Identity identity) {
        final byte[] bytes = new byte[identity.headerBytes()];
        final MemorySegment header = MemorySegment.ofArray(bytes);
        final byte[] layout = identity.layout().getBytes(StandardCharsets.UTF_8);
        header.set(JAVA_LONG_UNALIGNED, 0, MAGIC);
        header.set(JAVA_INT_UNALIGNED, VERSION_OFFSET, VERSION);
        header.set(JAVA_INT_UNALIGNED, HEADER_BYTES_OFFSET, bytes.length);
        header.set(JAVA_LONG_UNALIGNED, REGION_BYTES_OFFSET, identity.regionBytes());
        header.set(JAVA_LONG_UNALIGNED, JOB_OFFSET, identity.job());
        header.set(JAVA_INT_UNALIGNED, RANK_OFFSET, identity.rank());
        header.set(JAVA_INT_UNALIGNED, RANKS_OFFSET, identity.ranks());
        header.set(JAVA_INT_UNALIGNED, PLACE_OFFSET, here());
        header.set(JAVA_INT_UNALIGNED, LAYOUT_BYTES_OFFSET, layout.length);
        MemorySegment.copy(MemorySegment.ofArray(layout), 0, header, LAYOUT_OFFSET, layout.length);
        header.set(JAVA_INT_UNALIGNED, CHECKSUM_OFFSET, checksum(header));
        header.set(JAVA_LONG_UNALIGNED, OWNER_OFFSET, self());
        header.set(JAVA_INT_UNALIGNED, LIVES_OFFSET, 1);
        header.set(JAVA_LONG_UNALIGNED, HEARTBEAT_OFFSET, System.currentTimeMillis());
        // Regions begin at different places, so that a key of one is seldom a key of another.
        final int sequence = Long.hashCode(identity.job()) + identity.rank();
        header.set(JAVA_INT_UNALIGNED, KEY_SEQUENCE_OFFSET, sequence + 1);
        header.set(JAVA_INT_UNALIGNED, KEY_OFFSET, key(sequence));
        for (int writer = 0; writer < identity.ranks(); writer++) {
            header.set(JAVA_INT_UNALIGNED, writerKeyOffset(writer), key(sequence));
        }
        return ByteBuffer.wrap(bytes);
    }

    static int checksum(final MemorySegment header) {
        final CRC32 checksum = new CRC32();
        checksum.update(header.asSlice(0, CHECKSUM_OFFSET).toArray(JAVA_BYTE));
        return (int) checksum.getValue();
    }

    private static int here() {
        return Integer.parseUnsignedInt(ProcessIdentity.current().place(), HEX);
    }

    private static long self() {
        final ProcessIdentity self = ProcessIdentity.current();
        return self.pid() << START_BITS | self.start() & (1L << START_BITS) - 1;
    }

    private static RankFile takeOver(final Path path, final Identity identity) throws IOException {
        final RankFile file = open(path, identity);
        final long before = file.ownerWord();
        final ProcessIdentity owner = file.owner();
        if (!owner.hasEnded()) {
            file.unmap();
            throw new IllegalArgumentException(path + ": rank " + identity.rank() + " is live in process " + owner.pid()
                + (owner.place().equals(ProcessIdentity.current().place()) ? "" : " of another machine or container"));
        }
        if (!LONG.compareAndSet(file.header, OWNER_OFFSET, before, self())) {
            file.unmap();
            throw new IllegalArgumentException(path + ": taken over by another process meanwhile, rank "
                + identity.rank() + " is started twice");
        }
        final int ignored = (int) INT.getAndAdd(file.header, LIVES_OFFSET, 1);
        file.isTakenOver = true;
        file.beat();
        return file;
    }

    /**
     * Maps the file of a rank of the same job.
     *
     * @throws NoSuchFileException      if it is not there
     * @throws IllegalArgumentException if it is not what {@code identity} says
     */
    static RankFile open(final Path path, final Identity identity) throws IOException {
        final RankFile file = open(path);
        try {
            file.require("job", file.job(), identity.job());
            file.require("rank", file.rank(), identity.rank());
            file.require("ranks", file.ranks(), identity.ranks());
            file.require("layout", file.layout(), identity.layout());
            file.require("region bytes", file.regionBytes(), identity.regionBytes());
        } catch (final IllegalArgumentException e) {
            file.unmap();
            throw e;
        }
        return file;
    }

    private void require(final String field, final Object found, final Object wanted) {
        if (!found.equals(wanted)) {
            throw new IllegalArgumentException(path + " " + field + "=" + found + ": " + wanted + ", as this rank has");
        }
    }

    /** Maps any rank's file. */
    static RankFile open(final Path path) throws IOException {
        final PosixFileAttributes attributes = Files.readAttributes(path, PosixFileAttributes.class,
            LinkOption.NOFOLLOW_LINKS);
        if (!attributes.isRegularFile()) {
            throw new IllegalArgumentException(path + ": no regular file");
        }
        if (!attributes.owner().equals(user()) || !attributes.permissions().equals(PRIVATE)) {
            throw new IllegalArgumentException(path + " owner=" + attributes.owner() + " permissions="
                + PosixFilePermissions.toString(attributes.permissions())
                + ": only " + user() + " may read and write a rank's memory");
        }
        final Arena arena = Arena.ofShared();
        try (FileChannel channel = FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE,
            LinkOption.NOFOLLOW_LINKS)) {
            requireHeader(path, channel);
            return new RankFile(path, arena, channel.map(FileChannel.MapMode.READ_WRITE, 0, channel.size(), arena));
        } catch (final IOException | RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /** Whether a file is this user's to remove; false, too, if it has just been removed. */
    static boolean isOfThisUser(final Path path) throws IOException {
        try {
            return Files.getOwner(path, LinkOption.NOFOLLOW_LINKS).equals(user());
        } catch (final NoSuchFileException _) {
            return false;
        }
    }

    private static UserPrincipal user() throws IOException {
        return Files.getOwner(Files.exists(Path.of("/proc/self")) ? Path.of("/proc/self")
            : Path.of(System.getProperty("user.home")));
    }

    private static void requireHeader(final Path path, final FileChannel channel) throws IOException {
        final ByteBuffer fixed = ByteBuffer.allocate(FIXED_BYTES);
        int read = 0;
        while (fixed.hasRemaining() && read >= 0) {
            read = channel.read(fixed, fixed.position());
        }
        if (fixed.hasRemaining()) {
            throw new IllegalArgumentException(path + " bytes=" + fixed.position() + ": truncated, a header has "
                + FIXED_BYTES);
        }
        final String refusal = refusal(fixed.array(), channel.size());
        if (refusal != null) {
            throw new IllegalArgumentException(path + " " + refusal);
        }
    }

    /** Why a file of {@code fileBytes} that begins with {@code fixed} is not a rank's; null if it is. */
    static String refusal(final byte[] fixed, final long fileBytes) {
        final MemorySegment header = MemorySegment.ofArray(fixed);
        if (header.get(JAVA_LONG_UNALIGNED, 0) != MAGIC) {
            return String.format("magic=%016x: not a rank's memory", header.get(JAVA_LONG_UNALIGNED, 0));
        }
        if (header.get(JAVA_INT_UNALIGNED, VERSION_OFFSET) != VERSION) {
            return "version=" + header.get(JAVA_INT_UNALIGNED, VERSION_OFFSET) + ": this program's is " + VERSION;
        }
        if (header.get(JAVA_INT_UNALIGNED, CHECKSUM_OFFSET) != checksum(header)) {
            return String.format("checksum=%08x: the header's is %08x", header.get(JAVA_INT_UNALIGNED, CHECKSUM_OFFSET),
                checksum(header));
        }
        return sizesRefusal(header, fileBytes);
    }

    private static String sizesRefusal(final MemorySegment header, final long fileBytes) {
        final int ranks = header.get(JAVA_INT_UNALIGNED, RANKS_OFFSET);
        final int rank = header.get(JAVA_INT_UNALIGNED, RANK_OFFSET);
        final int layoutBytes = header.get(JAVA_INT_UNALIGNED, LAYOUT_BYTES_OFFSET);
        final long regionBytes = header.get(JAVA_LONG_UNALIGNED, REGION_BYTES_OFFSET);
        if (ranks < 1 || ranks > MAX_RANKS || rank < 0 || rank >= ranks) {
            return "rank=" + rank + " of " + ranks + ": 0 to ranks - 1, at most " + MAX_RANKS + " ranks";
        }
        if (layoutBytes < 0 || layoutBytes > MAX_LAYOUT_BYTES) {
            return "layout bytes=" + layoutBytes + ": 0 to " + MAX_LAYOUT_BYTES;
        }
        if (regionBytes < 1 || regionBytes > GlobalAddress.MAX_OFFSET) {
            return "region bytes=" + regionBytes + ": 1 to " + GlobalAddress.MAX_OFFSET;
        }
        if (header.get(JAVA_INT_UNALIGNED, HEADER_BYTES_OFFSET) != headerBytes(ranks)) {
            return "header bytes=" + header.get(JAVA_INT_UNALIGNED, HEADER_BYTES_OFFSET) + ": " + headerBytes(ranks);
        }
        final long wanted = headerBytes(ranks) + PageMemory.roundUp(regionBytes);
        return fileBytes == wanted ? null : "bytes=" + fileBytes + ": truncated or grown, expected " + wanted;
    }

    /**
     * The region, in memory that lives as long as {@code heapArena}: when it ends, {@code beforeUnmap} runs, then the
     * file is unmapped.
     */
    @SuppressWarnings("restricted")
    MemorySegment takeRegion(final Arena heapArena, final Runnable beforeUnmap) {
        final MemorySegment region = memory.asSlice(header.byteSize(), regionBytes());
        if (!PageMemory.tellsUnmap()) {
            return region;
        }
        return region.reinterpret(heapArena, ignored -> {
            beforeUnmap.run();
            arena.close();
        });
    }

    /** Ends the mapping, unless a heap whose end does so has taken the region. */
    void unmap() {
        if (arena.scope().isAlive()) {
            arena.close();
        }
    }

    MemorySegment header() {
        return header;
    }

    Path path() {
        return path;
    }

    long job() {
        return header.get(JAVA_LONG, JOB_OFFSET);
    }

    int rank() {
        return header.get(JAVA_INT, RANK_OFFSET);
    }

    int ranks() {
        return header.get(JAVA_INT, RANKS_OFFSET);
    }

    long regionBytes() {
        return header.get(JAVA_LONG, REGION_BYTES_OFFSET);
    }

    String layout() {
        final byte[] layout = new byte[header.get(JAVA_INT, LAYOUT_BYTES_OFFSET)];
        MemorySegment.copy(header, LAYOUT_OFFSET, MemorySegment.ofArray(layout), 0, layout.length);
        return new String(layout, StandardCharsets.UTF_8);
    }

    private long ownerWord() {
        return (long) LONG.getAcquire(header, OWNER_OFFSET);
    }

    /** The process that has the file. */
    ProcessIdentity owner() {
        final long word = ownerWord();
        return new ProcessIdentity(String.format("%08x", header.get(JAVA_INT, PLACE_OFFSET)), word >>> START_BITS,
            word & (1L << START_BITS) - 1);
    }

    boolean isOwn() {
        return ownerWord() == self();
    }

    /** Whether this process took it over from one that had ended. */
    boolean isTakenOver() {
        return isTakenOver;
    }

    /** Processes that have owned it. */
    int lives() {
        return (int) INT.getAcquire(header, LIVES_OFFSET);
    }

    void beat() {
        LONG.setRelease(header, HEARTBEAT_OFFSET, System.currentTimeMillis());
    }

    long heartbeatMillis() {
        return (long) LONG.getAcquire(header, HEARTBEAT_OFFSET);
    }

    /** Takes the name away; processes that have the file mapped keep it. */
    void deleteName() {
        try {
            Files.deleteIfExists(path);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

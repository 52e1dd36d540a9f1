package io.expertlane.kernel.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import java.util.function.BooleanSupplier;

/**
 * Off-heap memory of a set of ranks, laid out alike on every rank: an offset means the same thing everywhere. The ranks
 * live in one process, or in one each ({@link SharedHeap}).
 *
 * <p>Layout: one region of {@link #bytesPerRank()} bytes a rank, page-aligned, zero at first. Pages are committed when
 * first touched, so a worst-case layout costs address space, not memory, for what is never used.
 *
 * <p>Threading: any thread may access any region; ordering is the caller's (see {@code QueuePair}).
 *
 * <p>Failure: {@link #revoke(int)} changes the rank's mapping key: queue pairs connected and {@link GlobalAddress}es
 * made under the old key are refused from then on. {@link #revoke(int, int)} does so for the queue pairs of one writer,
 * as a region registered for it alone or a memory window bound to its queue pair would. Loads and stores of ranks that
 * have the region mapped carry no key: their protocol asks for it first, and a store that has begun can't be stopped.
 * After {@link #close()} every access throws {@link IllegalStateException}, as does a second {@code close()}.
 *
 * <p>Keys are drawn from one sequence of {@value GlobalAddress#KEYS} in the process, so that an address of another heap
 * is refused as well as a stale one; the sequence starts over, as the variant part of an InfiniBand R_Key does. A
 * region that processes share has a sequence of its own, which goes on when a process takes the region over.
 */
public final class SymmetricHeap implements AutoCloseable {
    /** Every object a layout places in the heap starts at a multiple of this many bytes: a cache line. */
    public static final int ALIGNMENT_BYTES = 64;

    private final Arena arena = Arena.ofShared();
    private final long bytesPerRank;
    private final MemorySegment[] regions;
    private final MappingKeys keys;
    /** By rank: what to do when somebody else takes the region over, null where nobody has it. */
    private final BooleanSupplier[] owners;
    private final NativeCopy copies = new NativeCopy();

    /** Reserves the memory in {@link Pages#BASE} pages: see {@link #SymmetricHeap(int, long, Pages)}. */
    public SymmetricHeap(final int ranks, final long bytesPerRank) {
        this(ranks, bytesPerRank, Pages.BASE);
    }

    /**
     * Reserves the memory.
     *
     * @param ranks        number of ranks, 1 to 65,536
     * @param bytesPerRank size of one rank's region, 1 to {@link GlobalAddress#MAX_OFFSET}
     * @param pages        the pages it lies in
     * @throws IllegalArgumentException if a value is out of its range, or the machine cannot reserve so much
     */
    public SymmetricHeap(final int ranks, final long bytesPerRank, final Pages pages) {
        if (ranks < 1 || ranks > 65_536) {
            throw new IllegalArgumentException("ranks=" + ranks + ": 1 to 65536");
        }
        if (bytesPerRank < 1 || bytesPerRank > GlobalAddress.MAX_OFFSET) {
            throw new IllegalArgumentException("bytesPerRank=" + bytesPerRank + ": 1 to " + GlobalAddress.MAX_OFFSET);
        }
        this.bytesPerRank = bytesPerRank;
        this.regions = new MemorySegment[ranks];
        this.keys = new LocalKeys(ranks);
        this.owners = new BooleanSupplier[ranks];
        final long stride = PageMemory.roundUp(bytesPerRank);
        try {
            final MemorySegment all = PageMemory.reserve(stride * ranks, pages, arena, copies::awaitNone);
            for (int rank = 0; rank < ranks; rank++) {
                regions[rank] = all.asSlice(rank * stride, bytesPerRank);
            }
        } catch (final RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /** Takes the memory of {@code files}, one a rank, and the keys in them. */
    SymmetricHeap(final RankFile[] files, final long bytesPerRank, final int ownRank) {
        this.bytesPerRank = bytesPerRank;
        this.regions = new MemorySegment[files.length];
        this.keys = new SharedKeys(files, ownRank);
        this.owners = new BooleanSupplier[files.length];
        for (int rank = 0; rank < files.length; rank++) {
            regions[rank] = files[rank].takeRegion(arena, copies::awaitNone);
        }
    }

    /** Number of ranks. */
    public int ranks() {
        return regions.length;
    }

    /** Bytes of one rank's region. */
    public long bytesPerRank() {
        return bytesPerRank;
    }

    /** The region of {@code rank}. */
    public MemorySegment region(final int rank) {
        return regions[rank];
    }

    /** The key under which {@code rank}'s region may be accessed now; never 0. */
    public int key(final int rank) {
        return keys.key(rank);
    }

    /** The key under which {@code writer} may access {@code rank}'s region now; never 0. */
    public int key(final int rank, final int writer) {
        return keys.key(rank, writer);
    }

    /** Invalidates every earlier key of {@code rank}'s region: its mappings held by peers are stale from now on. */
    public synchronized void revoke(final int rank) {
        keys.revoke(rank);
        revoked();
    }

    /**
     * Invalidates the key that {@code writer} has of {@code rank}'s region, and nobody else's. Allocates the first
     * time.
     */
    public synchronized void revoke(final int rank, final int writer) {
        keys.revoke(rank, writer);
        revoked();
    }

    private static void revoked() {
        // Who sees what the caller stores from here on sees the new keys, too.
        VarHandle.fullFence();
    }

    /**
     * Takes {@code rank}'s region over for a new user, as a rank that starts again does. The user before, if there is
     * one, is superseded: what it would do from now on would overwrite the new one's data.
     *
     * @param superseded runs when another user takes the region over, on that one's thread; returns whether this one
     *                   had used it
     * @return whether the region has been used, so that it holds what a user before and its peers wrote
     */
    public synchronized boolean claim(final int rank, final BooleanSupplier superseded) {
        final BooleanSupplier before = owners[rank];
        owners[rank] = superseded;
        final boolean isOfEarlierProcess = keys.claim(rank);
        return before == null ? isOfEarlierProcess : before.getAsBoolean();
    }

    /** Keys revoked since the heap was made, anybody's: while it stays the same, so do all keys. */
    public int revocations() {
        return keys.revocations();
    }

    /** The {@link GlobalAddress} of a byte of {@code rank}'s region, under its present key. */
    public long address(final int rank, final long offset) {
        if (rank < 0 || rank >= regions.length) {
            throw new IllegalArgumentException("rank=" + rank + ": 0 to " + (regions.length - 1));
        }
        if (offset < 0 || offset >= bytesPerRank) {
            throw new IndexOutOfBoundsException("offset=" + offset + ": region has " + bytesPerRank + " bytes");
        }
        return GlobalAddress.pack(rank, key(rank), offset);
    }

    /**
     * The offset that {@code address} means in the region of its rank, checked for {@code lengthBytes} bytes from
     * there.
     *
     * @throws IllegalArgumentException  if the address is stale or of another heap
     * @throws IndexOutOfBoundsException if the bytes do not lie inside the region
     */
    public long resolve(final long address, final long lengthBytes) {
        final int rank = GlobalAddress.rank(address);
        if (rank >= regions.length || key(rank) != GlobalAddress.key(address)) {
            throw new IllegalArgumentException("address=" + GlobalAddress.format(address) + ": "
                + (rank >= regions.length ? "ranks=" + regions.length : "stale or of another heap, the key is "
                + key(rank)));
        }
        final long offset = GlobalAddress.offset(address);
        if (lengthBytes < 0 || offset > bytesPerRank - lengthBytes) {
            throw new IndexOutOfBoundsException("offset=" + offset + " length=" + lengthBytes + ": region has "
                + bytesPerRank + " bytes");
        }
        return offset;
    }

    /**
     * Copies bytes that do not overlap, as {@link MemorySegment#copy(MemorySegment, long, MemorySegment, long, long)}
     * does; faster if they are many, go from this heap to this heap, and are not in the cache where they go. The copy
     * is ordered before a later release store of the same thread.
     *
     * @throws IndexOutOfBoundsException if the bytes do not lie inside both segments
     * @throws IllegalStateException     if a segment's memory is closed
     */
    public void copy(final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
        final long bytes) {
        if (bytes < NativeCopy.MIN_BYTES || !PageMemory.tellsUnmap() || !holds(src) || !holds(dst)
            || dst.isReadOnly()) {
            MemorySegment.copy(src, srcOffset, dst, dstOffset, bytes);
            return;
        }
        Objects.checkFromIndexSize(srcOffset, bytes, src.byteSize());
        Objects.checkFromIndexSize(dstOffset, bytes, dst.byteSize());
        final int stripe = copies.enter();
        try {
            if (!arena.scope().isAlive()) {
                throw new IllegalStateException("Already closed");
            }
            NativeCopy.copy(src.address() + srcOffset, dst.address() + dstOffset, bytes);
        } finally {
            copies.leave(stripe);
        }
    }

    private boolean holds(final MemorySegment segment) {
        return segment.scope() == arena.scope();
    }

    /**
     * Takes over contents and keys of a heap of the same size: for transports that copy themselves. Commits all pages
     * of both.
     *
     * @throws IllegalArgumentException if the sizes differ, or one of the heaps is shared by processes
     */
    public void copyFrom(final SymmetricHeap other) {
        if (other.ranks() != ranks() || other.bytesPerRank != bytesPerRank) {
            throw new IllegalArgumentException("ranks=" + other.ranks() + " bytesPerRank=" + other.bytesPerRank + ": "
                + ranks() + " and " + bytesPerRank);
        }
        if (!(keys instanceof final LocalKeys own) || !(other.keys instanceof final LocalKeys others)) {
            throw new IllegalArgumentException("heap=shared by processes: only heaps of one process are copied");
        }
        for (int rank = 0; rank < regions.length; rank++) {
            regions[rank].copyFrom(other.regions[rank]);
        }
        own.copyFrom(others);
    }

    @Override
    public void close() {
        arena.close();
    }
}

package io.expertlane.bench.jmh;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import net.openhft.chronicle.bytes.BytesStore;
import org.agrona.concurrent.UnsafeBuffer;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * The same off-heap memory through three libraries: the JDK's {@link MemorySegment}, Agrona's {@link UnsafeBuffer} and
 * Chronicle's {@link BytesStore}. An operation copies a token row from one slot to the same slot of another region, or
 * writes a message's header (source token, rank, call number) into a slot and reads it back; one thread, slots taken in
 * turn, all in cache.
 *
 * <p>The claim: all three copy rows at the same rate, and a header through {@code MemorySegment}, which checks bounds
 * and liveness at each access, costs at most some nanoseconds more. {@code MemorySegment} alone has 64-bit sizes, and
 * is revoked when its arena is closed; so the data plane uses it. Baselines: {@link #copySegment}, {@link
 * #headerSegment}. After each trial what was copied is compared with its source, and headers with what was written.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class SubstrateBenchmark {
    private static final int SLOTS = 32;
    private static final int RANK_OFFSET = 4;
    private static final int CALL_OFFSET = 8;
    private static final int RANK = 5;

    /** Bytes of a row: 14336 is a BF16 row of 7168 channels, 64 a cache line. */
    @Param({"64", "14336"})
    public int rowBytes;

    private final Arena arena = Arena.ofShared();
    private MemorySegment segment;
    private MemorySegment segmentTarget;
    private UnsafeBuffer agrona;
    private UnsafeBuffer agronaTarget;
    private BytesStore<?, Void> chronicle;
    private BytesStore<?, Void> chronicleTarget;
    private int at;

    /** Makes the three memories with the same contents. */
    @Setup
    public void setUp() {
        final int bytes = SLOTS * rowBytes;
        segment = arena.allocate(bytes, 64);
        segmentTarget = arena.allocate(bytes, 64);
        agrona = new UnsafeBuffer(ByteBuffer.allocateDirect(bytes));
        agronaTarget = new UnsafeBuffer(ByteBuffer.allocateDirect(bytes));
        chronicle = BytesStore.nativeStoreWithFixedCapacity(bytes);
        chronicleTarget = BytesStore.nativeStoreWithFixedCapacity(bytes);
        for (int word = 0; word < bytes; word += Long.BYTES) {
            final long value = word * 0x9E3779B97F4A7C15L;
            segment.set(JAVA_LONG, word, value);
            agrona.putLong(word, value);
            chronicle.writeLong(word, value);
        }
        RooflineProfiler.declare("copySegment", rowBytes);
        RooflineProfiler.declare("copyAgrona", rowBytes);
        RooflineProfiler.declare("copyChronicle", rowBytes);
    }

    /** Checks each operation once more, in every slot, and frees the memory. */
    @TearDown
    public void tearDown() {
        for (int slot = 0; slot < SLOTS; slot++) {
            final int row = at;
            copySegment();
            at = row;
            copyAgrona();
            at = row;
            copyChronicle();
            checkRow(row);
            at = row;
            final long[] sums = {headerSegment(), headerAgrona(), headerChronicle()};
            for (int form = 0; form < sums.length; form++) {
                final int headerAt = (row + form * rowBytes) % (SLOTS * rowBytes);
                if (sums[form] != headerAt + RANK + (headerAt + 1L)) {
                    throw new AssertionError("form " + form + ": header at " + headerAt + " reads " + sums[form]);
                }
            }
        }
        chronicle.releaseLast();
        chronicleTarget.releaseLast();
        arena.close();
    }

    private void checkRow(final int row) {
        for (int word = row; word < row + rowBytes; word += Long.BYTES) {
            if (segmentTarget.get(JAVA_LONG, word) != segment.get(JAVA_LONG, word)
                || agronaTarget.getLong(word) != agrona.getLong(word)
                || chronicleTarget.readLong(word) != chronicle.readLong(word)) {
                throw new AssertionError("a copied row differs from its source at byte " + word);
            }
        }
    }

    private void next() {
        at = at + rowBytes == SLOTS * rowBytes ? 0 : at + rowBytes;
    }

    /** A row by {@code MemorySegment.copy}. */
    @Benchmark
    public void copySegment() {
        MemorySegment.copy(segment, at, segmentTarget, at, rowBytes);
        next();
    }

    /** A row by {@code UnsafeBuffer.putBytes}. */
    @Benchmark
    @Ceiling("SubstrateBenchmark.copySegment")
    public void copyAgrona() {
        agronaTarget.putBytes(at, agrona, at, rowBytes);
        next();
    }

    /** A row by {@code BytesStore.write}. */
    @Benchmark
    @Ceiling("SubstrateBenchmark.copySegment")
    public void copyChronicle() {
        chronicleTarget.write(at, chronicle, at, rowBytes);
        next();
    }

    /** A header by {@code MemorySegment}. */
    @Benchmark
    public long headerSegment() {
        segmentTarget.set(JAVA_INT, at, at);
        segmentTarget.set(JAVA_INT, at + RANK_OFFSET, RANK);
        segmentTarget.set(JAVA_LONG, at + CALL_OFFSET, at + 1L);
        final long sum = segmentTarget.get(JAVA_INT, at) + segmentTarget.get(JAVA_INT, at + RANK_OFFSET)
            + segmentTarget.get(JAVA_LONG, at + CALL_OFFSET);
        next();
        return sum;
    }

    /** A header by {@code UnsafeBuffer}. */
    @Benchmark
    public long headerAgrona() {
        agronaTarget.putInt(at, at);
        agronaTarget.putInt(at + RANK_OFFSET, RANK);
        agronaTarget.putLong(at + CALL_OFFSET, at + 1L);
        final long sum = agronaTarget.getInt(at) + agronaTarget.getInt(at + RANK_OFFSET)
            + agronaTarget.getLong(at + CALL_OFFSET);
        next();
        return sum;
    }

    /** A header by {@code BytesStore}. */
    @Benchmark
    public long headerChronicle() {
        chronicleTarget.writeInt(at, at);
        chronicleTarget.writeInt(at + RANK_OFFSET, RANK);
        chronicleTarget.writeLong(at + CALL_OFFSET, at + 1L);
        final long sum = chronicleTarget.readInt(at) + chronicleTarget.readInt(at + RANK_OFFSET)
            + chronicleTarget.readLong(at + CALL_OFFSET);
        next();
        return sum;
    }
}

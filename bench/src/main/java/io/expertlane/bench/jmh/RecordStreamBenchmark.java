package io.expertlane.bench.jmh;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.memory.CallWord;
import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.ring.RingLayout;
import io.expertlane.kernel.ring.RingReceiver;
import io.expertlane.kernel.ring.RingSender;
import io.expertlane.kernel.team.RankTeam;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.QueuePairSet;
import io.expertlane.kernel.verbs.RecordReceiver;
import io.expertlane.kernel.verbs.RecordSender;
import io.expertlane.kernel.zero.SlotReceiver;
import io.expertlane.kernel.zero.SlotSender;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.IdleStrategy;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Rings with credits against final-position writes: {@value #RECORDS} token records from one rank's heap to their final
 * places in another's, by a ring, out of which the receiver copies them, or written straight there. An operation is one
 * record, moved, published and taken. {@link #inTurn} has one thread do both ends, chunk by chunk: the cost of the
 * protocol. {@link #twoThreads} has a thread at each end: what flow control and telling cost where they must cross
 * between cores.
 *
 * <p>Baseline and ceiling: {@link #copy}, the same records copied to the same places by one thread. Not measured:
 * packing, and a network. After each trial all final places are compared with their sources.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class RecordStreamBenchmark {
    static final int RECORDS = 1024;
    private static final int CAPACITY = 64;
    private static final int DEPTH = 256;
    private static final int HEADER_BYTES = 72;
    private static final int SPINS = 2000;

    /** RING or ZERO. */
    @Param({"RING", "ZERO"})
    public TransferPath path;

    /** Whether the receiver's memory is mapped; else records go through queue pairs. */
    @Param({"true", "false"})
    public boolean mapped;

    /** Records sent and published together; a ring has 64. */
    @Param({"1", "4", "16"})
    public int chunk;

    /** Bytes of a record's row: 14336 is a BF16 row of 7168 channels. */
    @Param("14336")
    public int rowBytes;

    private final RankTeam team = new RankTeam(2);
    private final IntConsumer step = this::run;
    private final IdleStrategy[] idle = {idleStrategy(), idleStrategy()};
    private RecordLayout record;
    private SymmetricHeap heap;
    private DirectTransport transport;
    private RecordSender sender;
    private RecordReceiver receiver;
    private SlotSender slotSender;
    private SlotReceiver slotReceiver;
    private long firstRecord;
    private long calls;

    /** Connects the two ends and fills the sender's records. */
    @Setup
    public void setUp() {
        record = new RecordLayout(HEADER_BYTES, rowBytes, true);
        final RingLayout ring = new RingLayout(record, CAPACITY, chunk);
        firstRecord = ring.bytes() + record.leadBytes();
        heap = new SymmetricHeap(2, firstRecord + (long) RECORDS * record.stride());
        transport = new DirectTransport(heap, mapped ? DirectTransport.Mapping.ALL : DirectTransport.Mapping.SELF,
            DEPTH);
        final MemorySegment source = heap.region(0);
        for (long at = firstRecord; at + Long.BYTES <= heap.bytesPerRank(); at += Long.BYTES) {
            source.set(JAVA_LONG, at, at * 0x9E3779B97F4A7C15L);
        }
        final QueuePairSet data = new QueuePairSet(transport, 0, DEPTH, 1);
        final QueuePair dataQueuePair = mapped ? null : data.connect(1, 0);
        if (path == TransferPath.RING) {
            final QueuePairSet credits = new QueuePairSet(transport, 1, DEPTH, 1);
            sender = new RingSender(ring, heap, 0, 1, 0, 0, data, dataQueuePair);
            receiver = new RingReceiver(ring, heap, 1, 0, 0, 0, credits, mapped ? null : credits.connect(0, 0));
        } else {
            slotSender = new SlotSender(record, chunk, heap, 0, 1, data,
                mapped ? null : new QueuePair[] {dataQueuePair}, 1);
            slotReceiver = new SlotReceiver(record, heap.region(1), 1, reason -> {
                throw new IllegalStateException(reason);
            });
            sender = slotSender;
            receiver = slotReceiver;
        }
        final int ringMoves = mapped ? 2 : 3;
        final int moves = path == TransferPath.RING ? ringMoves : 1;
        RooflineProfiler.declare("inTurn", record.wireBytes(), (long) moves * record.wireBytes());
        RooflineProfiler.declare("twoThreads", record.wireBytes(), (long) moves * record.wireBytes());
        RooflineProfiler.declare("copy", record.wireBytes());
    }

    private static IdleStrategy idleStrategy() {
        return new BackoffIdleStrategy(SPINS, Long.MAX_VALUE, 1, 1);
    }

    /** Compares all records with their sources. */
    @TearDown
    public void tearDown() {
        for (int index = 0; index < RECORDS; index++) {
            if (heap.region(1).asSlice(place(index), record.wireBytes())
                .mismatch(heap.region(0).asSlice(place(index), record.wireBytes())) >= 0) {
                throw new AssertionError("record " + index + " differs from its source");
            }
        }
        team.close();
        transport.close();
        heap.close();
    }

    private long place(final int index) {
        return firstRecord + (long) index * record.stride();
    }

    /** One thread at both ends. */
    @Benchmark
    @OperationsPerInvocation(RECORDS)
    @Ceiling("RecordStreamBenchmark.copy")
    public void inTurn() {
        open();
        int sent = 0;
        int taken = 0;
        while (taken < RECORDS) {
            final int end = Math.min(RECORDS, sent + chunk);
            while (sent < end && sender.append(place(sent))) {
                sent++;
            }
            if (sent == RECORDS) {
                sender.flush();
            }
            taken = take(taken);
        }
    }

    /** A thread at each end. */
    @Benchmark
    @OperationsPerInvocation(RECORDS)
    @Ceiling("RecordStreamBenchmark.copy")
    public void twoThreads() {
        open();
        team.run(step);
    }

    /** Through memory alone. */
    @Benchmark
    @OperationsPerInvocation(RECORDS)
    public void copy() {
        for (int index = 0; index < RECORDS; index++) {
            MemorySegment.copy(heap.region(0), place(index), heap.region(1), place(index), record.wireBytes());
        }
    }

    /** A stream of final-position writes begins again with every call; a ring goes on. */
    private void open() {
        if (path == TransferPath.ZERO) {
            calls++;
            slotReceiver.open(CallWord.of(0, calls, 0), firstRecord, 0, RECORDS);
            slotSender.open(CallWord.of(0, calls, 0), firstRecord, 0);
        }
    }

    private void run(final int end) {
        if (end == 0) {
            int sent = 0;
            while (sent < RECORDS) {
                final boolean appended = sender.append(place(sent));
                sent += appended ? 1 : 0;
                idle[end].idle(appended ? 1 : 0);
            }
            while (!sender.flush()) {
                idle[end].idle();
            }
        } else {
            int taken = 0;
            while (taken < RECORDS && !team.hasFailed()) {
                final int before = taken;
                taken = take(taken);
                idle[end].idle(taken - before);
            }
        }
    }

    private int take(final int first) {
        final int end = first + receiver.available();
        for (int index = first; index < end; index++) {
            if (path == TransferPath.RING) {
                MemorySegment.copy(receiver.segment(), receiver.offset(), heap.region(1), place(index),
                    record.wireBytes());
            }
            receiver.consume();
        }
        return end;
    }
}

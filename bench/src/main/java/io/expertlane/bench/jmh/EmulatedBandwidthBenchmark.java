package io.expertlane.bench.jmh;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.verbs.QueuePair;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
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
 * Messages a second through an emulated NIC on a thread of its own, by the number of queue pairs that a kernel thread
 * spreads them over. An operation is one message of {@link #messageBytes}, posted, moved and completed; so bytes a
 * second are the score times the message. NIC and proxy share one thread.
 *
 * <p>Baseline: {@link #copy}, the kernel thread moves the same messages itself. The NIC's {@code -prof nic} counters
 * say how many doorbells that took. After each trial the NIC must have executed every message, and all targets are
 * compared with their sources.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class EmulatedBandwidthBenchmark {
    private static final int MESSAGES = 512;
    /** Source and target slots: beyond the caches of one core, as a dispatch's rows are. */
    private static final int SLOTS = 1024;

    /** Who rings the NIC. */
    @Param({"DIRECT", "PROXY"})
    public EmulatedRig.Issue issue;

    /** Queue pairs. */
    @Param({"1", "2", "4", "8", "16", "32", "64"})
    public int queuePairs;

    /** Bytes of a message, a multiple of 8: 14336 is a BF16 row of 7168 channels. */
    @Param("14336")
    public int messageBytes;

    /** Elements between a queue pair's doorbells. */
    @Param("4")
    public int doorbellBatch;

    private EmulatedRig rig;
    private int slot;
    private long posted;

    /** Starts the devices' thread. */
    @Setup(Level.Trial)
    public void open() {
        rig = new EmulatedRig(issue, queuePairs, (long) SLOTS * messageBytes);
        final MemorySegment source = rig.heap.region(0);
        for (long i = 0; i < source.byteSize() / Long.BYTES; i++) {
            source.setAtIndex(JAVA_LONG, i, i * 0x9E3779B97F4A7C15L);
        }
        RooflineProfiler.declare("post", messageBytes);
        RooflineProfiler.declare("copy", messageBytes);
        rig.start();
    }

    /** Everything posted has been executed, and what was moved is the source. */
    @TearDown(Level.Trial)
    public void close() {
        rig.check(posted);
        final long moved = Math.min(posted, SLOTS) * messageBytes;
        if (rig.heap.region(1).asSlice(0, moved).mismatch(rig.heap.region(0).asSlice(0, moved)) != -1) {
            throw new IllegalStateException("target differs from source");
        }
        rig.close();
    }

    /** Through the NIC. */
    @Benchmark
    @Ceiling("EmulatedBandwidthBenchmark.copy")
    @OperationsPerInvocation(MESSAGES)
    public void post() {
        for (int i = 0; i < MESSAGES; i++) {
            final QueuePair queuePair = rig.queuePairs[i % queuePairs];
            final long offset = (long) slot * messageBytes;
            slot = slot + 1 & SLOTS - 1;
            while (queuePair.postWrite(offset, offset, messageBytes, messageBytes) != QueuePair.POSTED) {
                queuePair.ringDoorbell();
                rig.pollOrIdle();
            }
            if (queuePair.unpublished() >= doorbellBatch) {
                queuePair.ringDoorbell();
            }
        }
        posted += MESSAGES;
        for (final QueuePair queuePair : rig.queuePairs) {
            queuePair.ringDoorbell();
            while (queuePair.outstanding() > 0) {
                rig.pollOrIdle();
            }
        }
    }

    /** Through memory alone. */
    @Benchmark
    @OperationsPerInvocation(MESSAGES)
    public void copy() {
        final MemorySegment source = rig.heap.region(0);
        final MemorySegment target = rig.heap.region(1);
        for (int i = 0; i < MESSAGES; i++) {
            final long offset = (long) slot * messageBytes;
            slot = slot + 1 & SLOTS - 1;
            MemorySegment.copy(source, offset, target, offset, messageBytes);
        }
    }
}

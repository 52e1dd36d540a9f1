package io.expertlane.bench.jmh;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.verbs.QueuePair;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
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
 * How long a flag is in flight from a kernel thread's post to the peer's memory: through the send queue to a NIC on
 * another thread, directly or by a proxy. An operation is one flag: posted, rung, executed, seen. NIC and proxy share
 * one thread, so that two cores are enough.
 *
 * <p>Baseline: {@link #store}, the same flag stored and seen by the same thread. Closed loop: nothing else is in
 * flight. Each flag's value is compared.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class HandOffBenchmark {
    private static final VarHandle LONG = JAVA_LONG.varHandle();
    private static final int FLAG = 64;

    /** Who rings the NIC. */
    @Param({"DIRECT", "PROXY"})
    public EmulatedRig.Issue issue;

    private EmulatedRig rig;
    private QueuePair queuePair;
    private MemorySegment peer;
    private long value;
    private long posted;

    /** Starts the devices' thread. */
    @Setup(Level.Trial)
    public void open() {
        rig = new EmulatedRig(issue, 1, 1 << 12);
        queuePair = rig.queuePairs[0];
        peer = rig.heap.region(1);
        rig.start();
    }

    /** Everything posted has been executed. */
    @TearDown(Level.Trial)
    public void close() {
        while (queuePair.outstanding() > 0) {
            rig.pollOrIdle();
        }
        rig.check(posted);
        rig.close();
    }

    /** Through the NIC. */
    @Benchmark
    public long post() {
        final long sent = ++value;
        while (queuePair.postInline(FLAG, sent) != QueuePair.POSTED) {
            rig.pollOrIdle();
        }
        posted++;
        queuePair.ringDoorbell();
        return await(sent);
    }

    /** Through memory alone. */
    @Benchmark
    public long store() {
        final long sent = ++value;
        LONG.setRelease(peer, (long) FLAG, sent);
        return await(sent);
    }

    private long await(final long sent) {
        long seen = (long) LONG.getAcquire(peer, (long) FLAG);
        rig.resetIdle();
        while (seen != sent) {
            if (seen > sent) {
                throw new IllegalStateException("seen=" + seen + ": sent=" + sent);
            }
            rig.idle();
            seen = (long) LONG.getAcquire(peer, (long) FLAG);
        }
        return seen;
    }
}

package io.expertlane.bench.jmh;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.WorkQueueElement;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
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
 * What a work queue element costs the thread that posts it, by elements a doorbell: a kernel thread that rings the NIC
 * itself, one that hands over to a CPU proxy, and the proxy. An operation is one element. {@link #nicExecutes} is what
 * is left to the emulated NIC.
 *
 * <p>One thread does all, in turn, and only one part is timed: there is no contention and no waiting in the score. For
 * threads that run side by side see {@link HandOffBenchmark} and {@link EmulatedBandwidthBenchmark}. Before each
 * invocation the queues are empty; an invocation posts {@value #ELEMENTS} elements, so that JMH's time stamps around it
 * do not count.
 *
 * <p>Baseline: {@link #storeElements}, the bytes of an element stored to memory, with the release stores of the
 * doorbells and nobody who reads them. After each trial the NIC must have executed all elements.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class PostingBenchmark {
    static final int ELEMENTS = 512;
    private static final int MESSAGE_BYTES = 7408;
    private static final VarHandle LONG = JAVA_LONG.varHandle();
    private static final long DOORBELL = (long) EmulatedRig.DEPTH * WorkQueueElement.SIZE_BYTES;

    /** Queues and what was posted. */
    @State(Scope.Thread)
    public abstract static class Queues {
        /** Elements between doorbells. */
        @Param({"1", "2", "4", "8", "16", "32", "64"})
        public int doorbellBatch;

        EmulatedRig rig;
        private long posted;

        void open(final EmulatedRig.Issue issue) {
            rig = new EmulatedRig(issue, 1, 1 << 16);
        }

        /** Posts the elements of an invocation, whose payload is not moved. */
        void post() {
            final QueuePair queuePair = rig.queuePairs[0];
            for (int i = 0; i < ELEMENTS; i++) {
                queuePair.postWrite(0, 0, MESSAGE_BYTES, 0);
                if (queuePair.unpublished() >= doorbellBatch) {
                    queuePair.ringDoorbell();
                }
            }
            posted += ELEMENTS;
        }

        /** Everything posted has been executed. */
        @TearDown(Level.Trial)
        public void close() throws Exception {
            rig.drain();
            rig.check(posted);
            rig.close();
        }
    }

    /** Empty queues, to be posted to. */
    @State(Scope.Thread)
    public static class Empty extends Queues {
        /** Who rings the NIC. */
        @Param({"DIRECT", "PROXY"})
        public EmulatedRig.Issue issue;

        /** Makes the queues. */
        @Setup(Level.Trial)
        public void open() {
            open(issue);
        }

        /** Empties them. */
        @Setup(Level.Invocation)
        public void drain() throws Exception {
            rig.drain();
        }
    }

    /** A proxy with elements to post. */
    @State(Scope.Thread)
    public static class HandedOver extends Queues {
        /** Makes the queues. */
        @Setup(Level.Trial)
        public void open() {
            open(EmulatedRig.Issue.PROXY);
        }

        /** Hands elements over. */
        @Setup(Level.Invocation)
        public void handOver() throws Exception {
            rig.drain();
            post();
        }
    }

    /** A NIC with elements to execute. */
    @State(Scope.Thread)
    public static class Published extends Queues {
        /** Makes the queues. */
        @Setup(Level.Trial)
        public void open() {
            open(EmulatedRig.Issue.DIRECT);
        }

        /** Publishes elements. */
        @Setup(Level.Invocation)
        public void publish() throws Exception {
            rig.drain();
            post();
        }
    }

    /** Memory of a send queue, without anything behind it. */
    @State(Scope.Thread)
    public static class Bare {
        /** Elements between doorbells. */
        @Param({"1", "4", "16"})
        public int doorbellBatch;

        private final Arena arena = Arena.ofShared();
        private final MemorySegment queue = arena.allocate((EmulatedRig.DEPTH + 1L) * WorkQueueElement.SIZE_BYTES,
            WorkQueueElement.SIZE_BYTES);
        private long stored;

        /** Stores the elements of an invocation. */
        void store() {
            for (int i = 0; i < ELEMENTS; i++) {
                final long at = (stored & EmulatedRig.DEPTH - 1) * WorkQueueElement.SIZE_BYTES;
                for (int word = 0; word < WorkQueueElement.SIZE_BYTES; word += Long.BYTES) {
                    queue.set(JAVA_LONG, at + word, stored);
                }
                stored++;
                if (stored % doorbellBatch == 0) {
                    LONG.setRelease(queue, DOORBELL, stored);
                }
            }
        }

        /** The last element and the last doorbell are there. */
        @TearDown(Level.Trial)
        public void close() {
            final long last = (stored - 1 & EmulatedRig.DEPTH - 1) * WorkQueueElement.SIZE_BYTES;
            if (queue.get(JAVA_LONG, last) != stored - 1
                || queue.get(JAVA_LONG, DOORBELL) != stored / doorbellBatch * doorbellBatch) {
                throw new IllegalStateException("stored=" + stored + ": last element " + queue.get(JAVA_LONG, last)
                    + ", doorbell "
                    + queue.get(JAVA_LONG, DOORBELL));
            }
            arena.close();
        }
    }

    /** Baseline: as many bytes stored, and a release store for each doorbell. */
    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void storeElements(final Bare memory) {
        memory.store();
    }

    /** The kernel thread's part. */
    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public void kernelPosts(final Empty queues) {
        queues.post();
    }

    /** The proxy's part. */
    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public int proxyPosts(final HandedOver queues) throws Exception {
        int posted = 0;
        while (posted < ELEMENTS) {
            posted += queues.rig.runProxy();
        }
        return posted;
    }

    /** The emulated NIC's part, payload apart. */
    @Benchmark
    @OperationsPerInvocation(ELEMENTS)
    public int nicExecutes(final Published queues) throws Exception {
        int executed = 0;
        while (executed < ELEMENTS) {
            executed += queues.rig.runNic();
        }
        return executed;
    }
}

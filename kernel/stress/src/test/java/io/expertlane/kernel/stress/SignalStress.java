package io.expertlane.kernel.stress;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.kernel.verbs.WorkQueueElement;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJ_Result;

/** What is told behind something: a signal behind rows, a doorbell behind elements, a completion behind the carrying out. */
final class SignalStress {
    private static final VarHandle LONG = JAVA_LONG.varHandle();
    private static final int SIGNAL = 512;

    private SignalStress() {
    }

    /** A rank that sees a count or flag with acquire semantics sees the rows sent before it on the same queue pair. */
    @JCStressTest
    @Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "not signalled yet")
    @Outcome(id = "1, 9", expect = Expect.ACCEPTABLE, desc = "signal and row")
    @State
    public static class SignalBehindRow {
        private final long block = StressMemory.block();

        public SignalBehindRow() {
            StressMemory.HEAP.region(0).set(JAVA_LONG, block, 9);
        }

        @Actor
        public void send() {
            StressMemory.FROM_0.write(StressMemory.TO_1, block, block, 64, 64);
            StressMemory.FROM_0.signal(StressMemory.TO_1, block + SIGNAL, 1);
            StressMemory.FROM_0.poll();
        }

        @Actor
        public void receive(final JJ_Result result) {
            final MemorySegment region = StressMemory.HEAP.region(1);
            result.r1 = (long) LONG.getAcquire(region, block + SIGNAL);
            result.r2 = result.r1 == 0 ? 0 : region.get(JAVA_LONG, block);
        }
    }

    /** Two ranks that signal each other and then look: at least one may miss the other, but no signal is torn or comes from nowhere. */
    @JCStressTest
    @Outcome(id = {"0, 0", "0, 5", "6, 0", "6, 5"}, expect = Expect.ACCEPTABLE, desc = "each sees the other's signal or nothing")
    @State
    public static class SignalsCross {
        private final long block = StressMemory.block();

        @Actor
        public void first(final JJ_Result result) {
            StressMemory.FROM_0.signal(StressMemory.TO_1, block, 5);
            StressMemory.FROM_0.poll();
            result.r1 = (long) LONG.getAcquire(StressMemory.HEAP.region(0), block);
        }

        @Actor
        public void second(final JJ_Result result) {
            StressMemory.FROM_1.signal(StressMemory.TO_0, block, 6);
            StressMemory.FROM_1.poll();
            result.r2 = (long) LONG.getAcquire(StressMemory.HEAP.region(1), block);
        }
    }

    /** A device that reads the doorbell record finds the elements it counts. */
    @JCStressTest
    @Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "not rung yet")
    @Outcome(id = "2, 44", expect = Expect.ACCEPTABLE, desc = "both elements, the second whole")
    @State
    public static class DoorbellBehindElements {
        private final QueuePair queuePair = new SilentTransport().connect(0, 1, 2, 0);

        @Actor
        public void post() {
            queuePair.postInline(8, 43);
            queuePair.postInline(16, 44);
            queuePair.ringDoorbell();
        }

        @Actor
        public void fetch(final JJ_Result result) {
            result.r1 = queuePair.published();
            result.r2 = result.r1 == 0 ? 0 : WorkQueueElement.operand(queuePair.memory(), queuePair.elementOffset((int) result.r1 - 1));
        }
    }

    /** A completion that is polled frees exactly what it stands for. */
    @JCStressTest
    @Outcome(id = "0, 2", expect = Expect.ACCEPTABLE, desc = "not complete yet")
    @Outcome(id = "1, 0", expect = Expect.ACCEPTABLE, desc = "one entry frees both elements")
    @State
    public static class CompletionFreesElements {
        private final SilentTransport transport = new SilentTransport();
        private final QueuePair queuePair = transport.connect(0, 1, 2, 0);

        public CompletionFreesElements() {
            queuePair.postInline(8, 43);
            queuePair.postInline(16, 44);
            queuePair.ringDoorbell();
        }

        @Actor
        public void complete() {
            transport.completionQueue(0).complete(0, 1, CompletionQueue.SUCCESS);
        }

        @Actor
        public void poll(final JJ_Result result) {
            result.r1 = transport.completionQueue(0).poll();
            result.r2 = queuePair.outstanding();
        }
    }

    /** One rank's queues, whose doorbell nobody answers: the actors look for themselves. */
    private static final class SilentTransport implements Transport {
        private final CompletionQueue completionQueue = new CompletionQueue(1, memory(CompletionQueue.ENTRY_BYTES));

        @Override
        public SymmetricHeap heap() {
            return StressMemory.HEAP;
        }

        @Override
        public CompletionQueue completionQueue(final int rank) {
            return completionQueue;
        }

        @Override
        public QueuePair connect(final int rank, final int peerRank, final int depth, final int lane) {
            return new QueuePair(this, 0, rank, peerRank, depth, lane, memory((int) QueuePair.memoryBytes(depth)));
        }

        @Override
        public boolean isMapped(final int rank, final int peerRank) {
            return false;
        }

        @Override
        public void doorbell(final QueuePair rung, final long first, final long end) {
            // Nobody answers.
        }
    }

    private static MemorySegment memory(final int bytes) {
        return MemorySegment.ofArray(new long[bytes / Long.BYTES]);
    }
}

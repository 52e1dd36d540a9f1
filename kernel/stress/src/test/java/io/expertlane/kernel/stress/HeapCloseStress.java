package io.expertlane.kernel.stress;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.SymmetricHeap;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.II_Result;

/** Closing a heap that another thread uses. */
final class HeapCloseStress {
    private static final int REFUSED = -1;
    private static final int DONE = 1;

    private HeapCloseStress() {
    }

    private static int close(final SymmetricHeap heap) {
        try {
            heap.close();
            return DONE;
        } catch (final IllegalStateException e) {
            return REFUSED;
        }
    }

    /** An access reaches the memory or is refused; it never reaches memory that is gone. */
    @JCStressTest
    @Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "stored, then closed")
    @Outcome(id = "-1, 1", expect = Expect.ACCEPTABLE, desc = "closed first")
    @State
    public static class AccessWhileClosing {
        private final SymmetricHeap heap = new SymmetricHeap(1, 64);

        @Actor
        public void access(final II_Result result) {
            try {
                heap.region(0).set(JAVA_LONG, 0, 1);
                result.r1 = DONE;
            } catch (final IllegalStateException e) {
                result.r1 = REFUSED;
            }
        }

        @Actor
        public void close(final II_Result result) {
            result.r2 = HeapCloseStress.close(heap);
        }
    }

    /** A copy, which the memory's scope does not protect, ends before the memory goes, or is refused. */
    @JCStressTest
    @Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "copied, then closed")
    @Outcome(id = "-1, 1", expect = Expect.ACCEPTABLE, desc = "closed first")
    @State
    public static class CopyWhileClosing {
        private static final int BYTES = 8_192;
        private final SymmetricHeap heap = new SymmetricHeap(2, BYTES);

        @Actor
        public void copy(final II_Result result) {
            try {
                heap.copy(heap.region(0), 0, heap.region(1), 0, BYTES);
                result.r1 = DONE;
            } catch (final IllegalStateException e) {
                result.r1 = REFUSED;
            }
        }

        @Actor
        public void close(final II_Result result) {
            result.r2 = HeapCloseStress.close(heap);
        }
    }

    /** Of two closings one frees, the other throws. */
    @JCStressTest
    @Outcome(id = {"1, -1", "-1, 1"}, expect = Expect.ACCEPTABLE, desc = "one of them")
    @State
    public static class TwoClosings {
        private final SymmetricHeap heap = new SymmetricHeap(1, 64);

        @Actor
        public void first(final II_Result result) {
            result.r1 = close(heap);
        }

        @Actor
        public void second(final II_Result result) {
            result.r2 = close(heap);
        }
    }
}

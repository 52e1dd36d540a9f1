package io.expertlane.kernel.stress;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.ring.RingLayout;
import io.expertlane.kernel.ring.RingReceiver;
import io.expertlane.kernel.ring.RingSender;
import org.openjdk.jcstress.annotations.Actor;
import org.openjdk.jcstress.annotations.Expect;
import org.openjdk.jcstress.annotations.JCStressTest;
import org.openjdk.jcstress.annotations.Outcome;
import org.openjdk.jcstress.annotations.State;
import org.openjdk.jcstress.infra.results.JJ_Result;
import org.openjdk.jcstress.infra.results.J_Result;

/** Ring records and credits, over mapped memory and over queue pairs. */
final class RingStress {
    private static final RingLayout LAYOUT = new RingLayout(new RecordLayout(0, 64, true), 2, 1);
    private static final long BODY_WORD = 56;

    private RingStress() {
    }

    private static RingSender sender(final long block, final boolean mapped) {
        return new RingSender(LAYOUT, StressMemory.HEAP, 0, 1, block, block, StressMemory.FROM_0, mapped ? null : StressMemory.TO_1);
    }

    private static RingReceiver receiver(final long block, final boolean mapped) {
        return new RingReceiver(LAYOUT, StressMemory.HEAP, 1, 0, block, block, StressMemory.FROM_1, mapped ? null : StressMemory.TO_0);
    }

    private static boolean send(final RingSender sender, final long value) {
        if (!sender.claim()) {
            return false;
        }
        sender.segment().set(JAVA_LONG, sender.offset(), value);
        sender.segment().set(JAVA_LONG, sender.offset() + BODY_WORD, value);
        sender.commit();
        return true;
    }

    private static void receive(final RingReceiver receiver, final JJ_Result result) {
        if (receiver.available() > 0) {
            result.r1 = receiver.segment().get(JAVA_LONG, receiver.offset());
            result.r2 = receiver.segment().get(JAVA_LONG, receiver.offset() + BODY_WORD);
            receiver.consume();
        }
    }

    /** A record that is seen is whole. */
    @JCStressTest
    @Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "not there yet")
    @Outcome(id = "7, 7", expect = Expect.ACCEPTABLE, desc = "the whole record")
    @State
    public static class PublishMapped {
        private final long block = StressMemory.block();
        private final RingSender sender = sender(block, true);
        private final RingReceiver receiver = receiver(block, true);

        @Actor
        public void produce() {
            send(sender, 7);
        }

        @Actor
        public void consume(final JJ_Result result) {
            receive(receiver, result);
        }
    }

    /** The same over queue pairs. */
    @JCStressTest
    @Outcome(id = "0, 0", expect = Expect.ACCEPTABLE, desc = "not there yet")
    @Outcome(id = "7, 7", expect = Expect.ACCEPTABLE, desc = "the whole record")
    @State
    public static class PublishOverQueuePair {
        private final long block = StressMemory.block();
        private final RingSender sender = sender(block, false);
        private final RingReceiver receiver = receiver(block, false);

        @Actor
        public void produce() {
            send(sender, 7);
            StressMemory.FROM_0.poll();
        }

        @Actor
        public void consume(final JJ_Result result) {
            receive(receiver, result);
        }
    }

    /** A full ring: the slot of the first record is written again only once its credit has come back, so the first record is read whole. */
    @JCStressTest
    @Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "the first record, whatever the producer did")
    @State
    public static class CreditMapped {
        private final long block = StressMemory.block();
        private final RingSender sender = sender(block, true);
        private final RingReceiver receiver = receiver(block, true);

        public CreditMapped() {
            send(sender, 1);
            send(sender, 2);
        }

        @Actor
        public void produce() {
            send(sender, 3);
        }

        @Actor
        public void consume(final JJ_Result result) {
            receive(receiver, result);
        }
    }

    /** The same over queue pairs; the credit goes over one of its own. */
    @JCStressTest
    @Outcome(id = "1, 1", expect = Expect.ACCEPTABLE, desc = "the first record, whatever the producer did")
    @State
    public static class CreditOverQueuePair {
        private final long block = StressMemory.block();
        private final RingSender sender = sender(block, true);
        private final RingReceiver receiver = receiver(block, false);

        public CreditOverQueuePair() {
            send(sender, 1);
            send(sender, 2);
        }

        @Actor
        public void produce() {
            send(sender, 3);
        }

        @Actor
        public void consume(final JJ_Result result) {
            receive(receiver, result);
            StressMemory.FROM_1.poll();
        }
    }

    /** A producer that sees a credit finds room; without one it finds none. */
    @JCStressTest
    @Outcome(id = "0", expect = Expect.ACCEPTABLE, desc = "no credit yet")
    @Outcome(id = "1", expect = Expect.ACCEPTABLE, desc = "one credit, one record")
    @State
    public static class OneCreditOneRecord {
        private final long block = StressMemory.block();
        private final RingSender sender = sender(block, true);
        private final RingReceiver receiver = receiver(block, true);

        public OneCreditOneRecord() {
            send(sender, 1);
            send(sender, 2);
        }

        @Actor
        public void produce(final J_Result result) {
            result.r1 = (send(sender, 3) ? 1 : 0) + (send(sender, 4) ? 1 : 0);
        }

        @Actor
        public void consume() {
            if (receiver.available() > 0) {
                receiver.consume();
            }
        }
    }
}

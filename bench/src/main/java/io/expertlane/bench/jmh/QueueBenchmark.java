package io.expertlane.bench.jmh;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.ring.RingLayout;
import io.expertlane.kernel.ring.RingReceiver;
import io.expertlane.kernel.ring.RingSender;
import io.expertlane.kernel.team.RankTeam;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Queue;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.IdleStrategy;
import org.agrona.concurrent.MessageHandler;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.ringbuffer.ManyToOneRingBuffer;
import org.agrona.concurrent.ringbuffer.OneToOneRingBuffer;
import org.agrona.concurrent.ringbuffer.RingBuffer;
import org.agrona.concurrent.ringbuffer.RingBufferDescriptor;
import org.jctools.queues.MpscArrayQueue;
import org.jctools.queues.SpscArrayQueue;
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
 * Handing {@value #MESSAGES} small messages from one thread to another through the rings and queues at hand. An
 * operation is one message of {@value #MESSAGE_BYTES} bytes, offered and taken. {@link #inTurn} has one thread do both,
 * 16 at a time; {@link #twoThreads} a thread at each end.
 *
 * <p>The claims: our ring, which is written with one-sided verbs alone and so can lie in another machine's memory,
 * takes less than twice the time of Agrona's rings, which need shared memory; and of what many threads may offer to at
 * once, JCTools' MPSC queue is the cheapest, which is why kernel threads hand over to a CPU proxy through it. JCTools'
 * queues pass references to messages that exist already, the others copy bytes. Baseline: the JDK's {@link
 * ArrayBlockingQueue}.
 *
 * <p>Each message carries its number; after each invocation the numbers taken must add up to those offered.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class QueueBenchmark {
    static final int MESSAGES = 8192;
    static final int MESSAGE_BYTES = 64;
    private static final int BURST = 16;
    private static final int CAPACITY = 1024;
    private static final int SPINS = 2000;

    /** Kinds of queues. */
    public enum Kind {
        /** {@link RingSender} and {@link RingReceiver}, chunks of 16 messages. */
        EXPERTLANE_RING {
            @Override
            Channel open() {
                return new RingChannel();
            }
        },
        /** {@link OneToOneRingBuffer}. */
        AGRONA_ONE_TO_ONE {
            @Override
            Channel open() {
                return new AgronaChannel(new OneToOneRingBuffer(AgronaChannel.memory()));
            }
        },
        /** {@link ManyToOneRingBuffer}. */
        AGRONA_MANY_TO_ONE {
            @Override
            Channel open() {
                return new AgronaChannel(new ManyToOneRingBuffer(AgronaChannel.memory()));
            }
        },
        /** {@link SpscArrayQueue}. */
        JCTOOLS_SPSC {
            @Override
            Channel open() {
                return new ReferenceChannel(new SpscArrayQueue<>(CAPACITY));
            }
        },
        /** {@link MpscArrayQueue}. */
        JCTOOLS_MPSC {
            @Override
            Channel open() {
                return new ReferenceChannel(new MpscArrayQueue<>(CAPACITY));
            }
        },
        /** {@link ArrayBlockingQueue}. */
        JDK_ARRAY_BLOCKING {
            @Override
            Channel open() {
                return new ReferenceChannel(new ArrayBlockingQueue<>(CAPACITY));
            }
        };

        abstract Channel open();
    }

    /** What carries the messages. A process has one implementation, so that calls have one target. */
    private abstract static class Channel implements AutoCloseable {
        /** Whether there was room for a message with this number. */
        abstract boolean offer(long number);

        /** Makes the last messages visible, where telling is lazy. */
        void flush() {
            // Most tell at once.
        }

        /** Adds the numbers of messages that are there, at most a burst; 0 messages give {@link #taken()} 0. */
        abstract long take();

        /** Messages of the last {@link #take()}. */
        abstract int taken();

        @Override
        public void close() {
            // Most lie on the heap.
        }
    }

    private static final class RingChannel extends Channel {
        private final SymmetricHeap heap;
        private final RingSender sender;
        private final RingReceiver receiver;
        private int taken;

        RingChannel() {
            final RingLayout layout = new RingLayout(new RecordLayout(0, MESSAGE_BYTES, true), CAPACITY, BURST);
            heap = new SymmetricHeap(2, layout.bytes());
            sender = new RingSender(layout, heap, 0, 1, 0, 0, null, null);
            receiver = new RingReceiver(layout, heap, 1, 0, 0, 0, null, null);
        }

        @Override
        boolean offer(final long number) {
            if (!sender.claim()) {
                return false;
            }
            for (int word = 0; word < MESSAGE_BYTES; word += Long.BYTES) {
                sender.segment().set(JAVA_LONG, sender.offset() + word, number);
            }
            sender.commit();
            return true;
        }

        @Override
        void flush() {
            sender.flush();
        }

        @Override
        long take() {
            taken = Math.min(BURST, receiver.available());
            long sum = 0;
            for (int i = 0; i < taken; i++) {
                sum += receiver.segment().get(JAVA_LONG, receiver.offset());
                receiver.consume();
            }
            return sum;
        }

        @Override
        int taken() {
            return taken;
        }

        @Override
        public void close() {
            heap.close();
        }
    }

    private static final class AgronaChannel extends Channel implements MessageHandler {
        private final RingBuffer ring;
        private long sum;
        private int taken;

        AgronaChannel(final RingBuffer ring) {
            this.ring = ring;
        }

        /** Room for as many messages with Agrona's 8 bytes of header, aligned, as a power of two. */
        static UnsafeBuffer memory() {
            return new UnsafeBuffer(ByteBuffer.allocateDirect(2 * CAPACITY * MESSAGE_BYTES
                + RingBufferDescriptor.TRAILER_LENGTH));
        }

        @Override
        boolean offer(final long number) {
            final int index = ring.tryClaim(1, MESSAGE_BYTES);
            if (index < 0) {
                return false;
            }
            for (int word = 0; word < MESSAGE_BYTES; word += Long.BYTES) {
                ring.buffer().putLong(index + word, number);
            }
            ring.commit(index);
            return true;
        }

        @Override
        long take() {
            sum = 0;
            taken = ring.read(this, BURST);
            return sum;
        }

        @Override
        public void onMessage(final int typeId, final MutableDirectBuffer buffer, final int index, final int length) {
            sum += buffer.getLong(index);
        }

        @Override
        int taken() {
            return taken;
        }
    }

    private static final class ReferenceChannel extends Channel {
        private final Queue<long[]> queue;
        private final long[][] messages = new long[2 * CAPACITY][MESSAGE_BYTES / Long.BYTES];
        private int next;
        private int taken;

        ReferenceChannel(final Queue<long[]> queue) {
            this.queue = queue;
        }

        @Override
        boolean offer(final long number) {
            final long[] message = messages[next];
            Arrays.fill(message, number);
            if (!queue.offer(message)) {
                return false;
            }
            next = next + 1 & messages.length - 1;
            return true;
        }

        @Override
        long take() {
            long sum = 0;
            taken = 0;
            while (taken < BURST) {
                final long[] message = queue.poll();
                if (message == null) {
                    return sum;
                }
                sum += message[0];
                taken++;
            }
            return sum;
        }

        @Override
        int taken() {
            return taken;
        }
    }

    /** What carries the messages. */
    @Param
    public Kind queue;

    private final RankTeam team = new RankTeam(2);
    private final IntConsumer step = this::run;
    private final IdleStrategy[] idle = {idleStrategy(), idleStrategy()};
    private Channel channel;
    private long offered;
    private long sum;
    private long expectedSum;

    /** Opens the queue. */
    @Setup
    public void setUp() {
        channel = queue.open();
    }

    private static IdleStrategy idleStrategy() {
        return new BackoffIdleStrategy(SPINS, Long.MAX_VALUE, 1, 1);
    }

    /** Ends the threads. */
    @TearDown
    public void tearDown() {
        team.close();
        channel.close();
    }

    /** One thread at both ends. */
    @Benchmark
    @OperationsPerInvocation(MESSAGES)
    public void inTurn() {
        begin();
        for (int burst = 0; burst < MESSAGES / BURST; burst++) {
            for (int i = 0; i < BURST; i++) {
                if (!channel.offer(offered)) {
                    throw new AssertionError("full after " + i + " messages");
                }
                offered++;
            }
            // A ring may give fewer where it wraps.
            for (int taken = 0; taken < BURST; taken += channel.taken()) {
                sum += channel.take();
            }
        }
        check();
    }

    /** A thread at each end. */
    @Benchmark
    @OperationsPerInvocation(MESSAGES)
    public void twoThreads() {
        begin();
        team.run(step);
        check();
    }

    private void begin() {
        sum = 0;
        expectedSum = MESSAGES * offered + (MESSAGES - 1L) * MESSAGES / 2;
    }

    private void check() {
        if (sum != expectedSum) {
            throw new AssertionError("messages taken add up to " + sum + ", offered to " + expectedSum);
        }
    }

    private void run(final int end) {
        if (end == 0) {
            final long last = offered + MESSAGES;
            while (offered < last) {
                final boolean accepted = channel.offer(offered);
                offered += accepted ? 1 : 0;
                idle[end].idle(accepted ? 1 : 0);
            }
            channel.flush();
        } else {
            long total = 0;
            int taken = 0;
            while (taken < MESSAGES && !team.hasFailed()) {
                total += channel.take();
                taken += channel.taken();
                idle[end].idle(channel.taken());
            }
            sum = total;
        }
    }
}

package io.expertlane.bench.jmh;

import io.expertlane.nic.time.EventQueue;
import java.util.PriorityQueue;
import java.util.SplittableRandom;
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
 * Cost of a pending event: schedule-and-pop pairs at a constant number of pending events (the hold model). An operation
 * is one pair.
 *
 * <p>{@link #eventQueue} is the simulator's queue; {@link #priorityQueue} the baseline, a {@link PriorityQueue} of
 * mutable events that are reused, ordered by (time, sequence). Not measured: dispatch to handlers, and the caches that
 * a real model's state would take from the queue.
 *
 * <p>The mean delay is one nanosecond for each pending event, so events are 1000 ps apart on average. Before each trial
 * the two are run against each other; after it the queue is drained and must give every pending event in order of time.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class EventQueueBenchmark {
    private static final int PAIRS = 1024;
    private static final int DELAYS = 1 << 16;
    private static final int CHECKED_PAIRS = 200_000;
    private static final long SEED = 42;

    /** Number of pending events. */
    @Param({"1024", "65536", "1048576"})
    public int pending;

    /** Distribution of delays. */
    @Param({"EXPONENTIAL", "NEAR_CONSTANT", "BIMODAL"})
    public Delay delay;

    private final long[] delayPicos = new long[DELAYS];
    private int cursor;
    private EventQueue events;
    private PriorityQueue<Event> baseline;
    private long sequence;
    private long baselineNowPicos;

    /** How long after its scheduling an event happens. */
    public enum Delay {
        /** Memoryless. */
        EXPONENTIAL {
            @Override
            double next(final SplittableRandom random) {
                return -Math.log(1 - random.nextDouble());
            }
        },
        /** Equal but for 0.1 %: all pending events lie in a narrow, moving band. */
        NEAR_CONSTANT {
            @Override
            double next(final SplittableRandom random) {
                return 1 + 0.001 * random.nextDouble();
            }
        },
        /** Nine short ones of 1 % and a long one. */
        BIMODAL {
            @Override
            double next(final SplittableRandom random) {
                return random.nextInt(10) == 0 ? 9 + random.nextDouble() : 0.01 * random.nextDouble();
            }
        };

        /** A delay as a multiple of the mean. */
        abstract double next(SplittableRandom random);
    }

    private static final class Event implements Comparable<Event> {
        private long timePicos;
        private long sequence;
        private int handler;
        private long payload;

        @Override
        public int compareTo(final Event other) {
            return timePicos != other.timePicos ? Long.compare(timePicos, other.timePicos)
                : Long.compare(sequence, other.sequence);
        }
    }

    /** Fills both queues and runs them against each other. */
    @Setup(Level.Trial)
    public void fill() {
        final SplittableRandom random = new SplittableRandom(SEED);
        for (int i = 0; i < DELAYS; i++) {
            delayPicos[i] = (long) (1000.0 * pending * delay.next(random));
        }
        events = new EventQueue();
        baseline = new PriorityQueue<>(pending);
        for (int i = 0; i < pending; i++) {
            final long timePicos = (long) (1000.0 * pending * delay.next(random));
            events.schedule(timePicos, i, sequence);
            final Event event = new Event();
            event.timePicos = timePicos;
            event.handler = i;
            event.payload = sequence;
            event.sequence = sequence++;
            baseline.add(event);
        }
        final int start = cursor;
        for (int i = 0; i < CHECKED_PAIRS; i++) {
            cursor = start + i;
            eventQueuePair();
            cursor = start + i;
            priorityQueuePair();
            if (events.nowPicos() != baselineNowPicos) {
                throw new IllegalStateException("pair=" + i + " popped at " + events.nowPicos() + ", PriorityQueue at "
                    + baselineNowPicos);
            }
        }
    }

    /** Drains the queues: nothing lost, nothing out of order. */
    @TearDown(Level.Trial)
    public void check() {
        int drained = 0;
        for (long last = events.nowPicos(); events.poll(); last = events.nowPicos()) {
            if (events.nowPicos() < last) {
                throw new IllegalStateException("time went back from " + last + " to " + events.nowPicos());
            }
            drained++;
        }
        if (drained != pending || baseline.size() != pending) {
            throw new IllegalStateException("drained=" + drained + ", baseline=" + baseline.size() + ", expected "
                + pending);
        }
    }

    /** The simulator's queue. */
    @Benchmark
    @OperationsPerInvocation(PAIRS)
    public long eventQueue() {
        for (int i = 0; i < PAIRS; i++) {
            eventQueuePair();
        }
        return events.nowPicos();
    }

    /** The JDK's heap of objects. */
    @Benchmark
    @OperationsPerInvocation(PAIRS)
    public long priorityQueue() {
        for (int i = 0; i < PAIRS; i++) {
            priorityQueuePair();
        }
        return baselineNowPicos;
    }

    private void eventQueuePair() {
        events.poll();
        events.schedule(events.nowPicos() + delayPicos[cursor++ & DELAYS - 1], events.handler(), events.payload());
    }

    private void priorityQueuePair() {
        final Event event = baseline.poll();
        baselineNowPicos = event.timePicos;
        event.timePicos += delayPicos[cursor++ & DELAYS - 1];
        event.sequence = sequence++;
        baseline.add(event);
    }
}

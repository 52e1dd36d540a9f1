package io.expertlane.kernel.team;

import java.util.concurrent.atomic.AtomicReference;
import java.util.function.IntConsumer;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.IdleStrategy;

/**
 * A fixed set of threads that run the same step together, again and again: the caller is one of them. Between steps the
 * others spin for a while, so that a step begins within a fraction of a microsecond, and then yield, so that threads
 * may outnumber cores; nothing allocates.
 *
 * <p>JMH's own groups cannot do this for collective operations: a thread that leaves an iteration would leave its peers
 * waiting.
 *
 * <p>Failure: what a thread throws is thrown to the caller of {@link #run}; a collective step whose peer has failed
 * would wait for ever, so the others are told by {@link #hasFailed()}, which waiting loops must ask.
 */
public final class RankTeam implements AutoCloseable {
    private static final int SPINS = 2000;

    private final IdleStrategy callerIdle = idleStrategy();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private volatile IntConsumer step;
    private volatile long started;
    private final PaddedCounter[] finished;
    private volatile boolean closed;

    /** A counter in a cache line of its own. */
    private static final class PaddedCounter {
        @SuppressWarnings("unused")
        private long p1, p2, p3, p4, p5, p6, p7;
        private volatile long value;
        @SuppressWarnings("unused")
        private long q1, q2, q3, q4, q5, q6, q7;
    }

    /** Starts {@code threads} - 1 threads. */
    public RankTeam(final int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("threads=" + threads + ": at least 1");
        }
        finished = new PaddedCounter[threads];
        for (int index = 0; index < threads; index++) {
            finished[index] = new PaddedCounter();
        }
        for (int index = 1; index < threads; index++) {
            final int self = index;
            Thread.ofPlatform().daemon().name("rank-team-" + index).start(() -> serve(self));
        }
    }

    /** What a thread with nothing to do does: spins for some microseconds, then yields; it never parks. */
    public static IdleStrategy idleStrategy() {
        return new BackoffIdleStrategy(SPINS, Long.MAX_VALUE, 1, 1);
    }

    /** Number of threads, the caller's included. */
    public int threads() {
        return finished.length;
    }

    /** Whether a thread has thrown in this step: give up. */
    public boolean hasFailed() {
        return failure.get() != null;
    }

    /**
     * Runs {@code action} on every thread, with the thread's index as its argument, and returns when all are through.
     */
    public void run(final IntConsumer action) {
        step = action;
        final long turn = started + 1;
        started = turn;
        attempt(action, 0);
        callerIdle.reset();
        for (int index = 1; index < finished.length; index++) {
            while (finished[index].value != turn) {
                callerIdle.idle();
            }
        }
        final Throwable thrown = failure.getAndSet(null);
        if (thrown != null) {
            throw new IllegalStateException("a rank failed: " + thrown.getMessage(), thrown);
        }
    }

    private void serve(final int index) {
        final IdleStrategy idle = idleStrategy();
        long turn = 1;
        while (!closed) {
            if (started == turn) {
                attempt(step, index);
                finished[index].value = turn;
                turn++;
                idle.reset();
            } else {
                idle.idle();
            }
        }
    }

    private void attempt(final IntConsumer action, final int index) {
        try {
            action.accept(index);
        } catch (final RuntimeException | Error e) {
            failure.compareAndSet(null, e);
        }
    }

    /** Ends the threads. */
    @Override
    public void close() {
        closed = true;
    }
}

package io.expertlane.kernel.exchange;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * One seed of a run in which ranks stop at a random point and come back: its ranks, clock, network, and which ranks stop when. The modes
 * add the exchanges and their programs.
 */
abstract class FailureRun implements AutoCloseable {
    static final long TIMEOUT_NANOS = 10_000_000;
    private static final int MOST_CALLS = 6;
    private static final long TURN_NANOS = 50;
    private static final int COMPLETION_QUEUE_DEPTH = 256;
    private static final int LEAST_CALLS_OF_SLEEPER = 5;

    final Arena arena;
    final int ranks;
    final boolean[] stops;
    final Transport transport;
    private final SplittableRandom random;
    private final SymmetricHeap heap;
    private final DelayedTransport delayed;
    private final DirectTransport direct;
    private final int[] turnsLeft;
    private final Moment[] aims;
    private final int failures;
    private final boolean revoke;
    private final boolean[] asleep;
    private final boolean[] woken;
    private boolean slow;
    private long longestWaitNanos;
    private long now;

    FailureRun(final long seed, final int failures, final int ranks, final long heapBytes, final boolean delays, final DirectTransport.Mapping mapping,
               final int ranksPerNode, final Arena arena) {
        this.arena = arena;
        this.failures = failures;
        this.ranks = ranks;
        random = new SplittableRandom(~seed);
        heap = new SymmetricHeap(ranks, heapBytes);
        delayed = delays ? new DelayedTransport(heap, COMPLETION_QUEUE_DEPTH, arena) : null;
        direct = new DirectTransport(heap, mapping, ranksPerNode, COMPLETION_QUEUE_DEPTH);
        transport = delays ? delayed : direct;
        stops = new boolean[ranks];
        turnsLeft = new int[ranks];
        aims = new Moment[ranks];
        revoke = random.nextBoolean();
        asleep = new boolean[ranks];
        woken = new boolean[ranks];
        longestWaitNanos = 3L * failures * TIMEOUT_NANOS;
        for (int failure = 0; failure < failures; failure++) {
            final int rank = random.nextInt(ranks);
            stops[rank] = true;
            turnsLeft[rank] = random.nextInt(1 << random.nextInt(13));
            // Some moments are too short to be met often by counting turns.
            aims[rank] = random.nextBoolean() ? null : Moment.values()[1 + random.nextInt(Moment.values().length - 1)];
        }
    }

    /** What one rank does in some calls. */
    interface Program {
        int doWork();

        int ended();

        boolean isDone();

        Moment moment();
    }

    /** When a rank stops, by its oldest live call. */
    enum Moment {
        BEFORE_START, BETWEEN_CALLS, DISPATCH, EXPERTS, COMBINE
    }

    /** A program of {@code calls} calls. A rank that will stop believes anything of the others: it may go on alone. */
    abstract Program program(int rank, int calls, boolean stopping);

    abstract void connect(int rank);

    abstract boolean rejoin(int rank);

    abstract boolean clearMask(int rank, int guest);

    abstract int queryMask(int rank, int[] mask);

    /** Whether {@code rank} itself decides on {@code peer}. */
    abstract boolean isWatched(int rank, int peer);

    /** Other input from now on. */
    abstract void changeInput();

    abstract Object input();

    final long now() {
        return now;
    }

    /**
     * Runs until the ranks that stop have stopped and the others have ended their calls.
     *
     * @param noticed whether the others go on until they must know of it
     * @param moments counts when ranks stopped
     */
    final void stopAndFinish(final boolean noticed, final int[] moments) {
        final Program[] first = programs(1 + random.nextInt(MOST_CALLS));
        final boolean[] starts = new boolean[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            starts[rank] = turnsLeft[rank] > 0;
        }
        drive(first);
        for (int rank = 0; rank < ranks; rank++) {
            turnsLeft[rank] = 0;
            if (stops[rank]) {
                moments[(starts[rank] ? first[rank].moment() : Moment.BEFORE_START).ordinal()]++;
            }
        }
        if (noticed) {
            goOn();
        }
        checkMasks(noticed);
    }

    /**
     * Runs calls in which the rank that would stop is not driven, from a random point on until some turns after it was masked, and what it had
     * posted may be held up as long.
     *
     * @return whether it was masked and driven again while the others went on
     */
    final boolean sleepAndWake() {
        slow = true;
        // Heartbeats of one that has woken up too late: no wait is longer than four time-outs.
        longestWaitNanos = 6L * failures * TIMEOUT_NANOS;
        drive(programs(LEAST_CALLS_OF_SLEEPER + random.nextInt(MOST_CALLS)));
        // A rank that is late has its own view, and those that have not masked it pass on to others what it says of the rest.
        checkMasks(false);
        boolean late = false;
        for (int rank = 0; rank < ranks; rank++) {
            late |= !stops[rank] && queryMask(rank, new int[ranks]) > 0;
        }
        for (int rank = 0; rank < ranks; rank++) {
            late &= !stops[rank] || woken[rank];
        }
        return late;
    }

    private void checkMasks(final boolean noticed) {
        final int[] mask = new int[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            if (!stops[rank]) {
                queryMask(rank, mask);
                for (int peer = 0; peer < ranks; peer++) {
                    final boolean masked = mask[peer] == 1 && (!slow || isWatched(rank, peer));
                    assertThat(masked).as("mask of rank %s at rank %s, %s", peer, rank, input()).isIn(stops[peer], noticed && stops[peer]);
                }
            }
        }
    }

    private void goOn() {
        // The stopped ranks may have finished before they stopped, or all but their part of the next call. In high-throughput mode ranks that
        // have nothing to do with them hear of it in the call after that.
        drive(programs(1));
        // What is left of the rows of earlier calls must not pass for what is missing in these.
        changeInput();
        drive(programs(2));
    }

    final void joinAgain() {
        final boolean anew = random.nextBoolean();
        Arrays.fill(asleep, false);
        if (delayed != null) {
            delayed.release();
        }
        for (int rank = 0; rank < ranks; rank++) {
            if (stops[rank]) {
                if (anew) {
                    connect(rank);
                }
                letIn(rank);
                stops[rank] = false;
            }
        }
        changeInput();
        drive(programs(3));
        for (int rank = 0; rank < ranks; rank++) {
            assertThat(queryMask(rank, new int[ranks])).as("masked ranks, %s", input()).isZero();
        }
    }

    /** One rank comes back; those that are in let it in, in random order. */
    private void letIn(final int guest) {
        final List<Integer> waiting = new ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            if (!stops[rank] || rank == guest) {
                waiting.add(rank);
            }
        }
        for (int turns = 0; !waiting.isEmpty(); turns++) {
            assertThat(turns).as("turns to come back, rank %s, waiting %s, %s", guest, waiting, input()).isLessThan(1_000_000);
            final Integer rank = waiting.get(random.nextInt(waiting.size()));
            if (rank == guest ? rejoin(rank) : clearMask(rank, guest)) {
                waiting.remove(rank);
            }
            now += step() ? TURN_NANOS : TIMEOUT_NANOS / 1000;
        }
    }

    private Program[] programs(final int calls) {
        final Program[] programs = new Program[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            // A rank that will stop may be ahead of the others by one call.
            programs[rank] = program(rank, calls + (stops[rank] ? 1 : 0), stops[rank]);
        }
        return programs;
    }

    private void drive(final Program[] programs) {
        final List<Integer> running = new ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            if (!stops[rank] || turnsLeft[rank] > 0) {
                running.add(rank);
            }
        }
        int idle = 0;
        long callBegan = now;
        int slowest = 0;
        while (running.stream().anyMatch(rank -> !stops[rank])) {
            final int chosen = random.nextInt(running.size());
            final int rank = running.get(chosen);
            if (asleep[rank]) {
                sleepOn(rank);
            }
            final boolean moved = step() | !asleep[rank] && programs[rank].doWork() > 0;
            idle = moved ? 0 : idle + 1;
            now += TURN_NANOS;
            if (idle > 10 * ranks) {
                now += TIMEOUT_NANOS / 16;
                idle = 0;
            }
            if (stops[rank] && !asleep[rank] && --turnsLeft[rank] <= 0 && (aims[rank] == null || aims[rank] == programs[rank].moment())) {
                if (slow) {
                    sleep(rank);
                } else {
                    running.remove(chosen);
                }
                if (revoke && !slow) {
                    heap.revoke(rank);
                }
            } else if (programs[rank].isDone()) {
                running.remove(chosen);
            }
            final int ended = ended(programs);
            if (ended > slowest) {
                slowest = ended;
                callBegan = now;
            }
            assertThat(now - callBegan).as("nanos without a call ending, %s", input()).isLessThan(longestWaitNanos);
        }
    }

    private void sleep(final int rank) {
        asleep[rank] = true;
        turnsLeft[rank] = random.nextInt(1 << random.nextInt(10));
        if (delayed != null && random.nextBoolean()) {
            delayed.hold(rank);
        }
    }

    /** A rank wakes up some turns after another has masked it. */
    private void sleepOn(final int rank) {
        if (isMaskedAnywhere(rank) && --turnsLeft[rank] < 0) {
            asleep[rank] = false;
            woken[rank] = true;
            turnsLeft[rank] = Integer.MAX_VALUE;
            if (delayed != null) {
                delayed.release();
            }
        }
    }

    private boolean isMaskedAnywhere(final int rank) {
        final int[] mask = new int[ranks];
        boolean masked = false;
        for (int other = 0; other < ranks; other++) {
            if (!stops[other]) {
                queryMask(other, mask);
                masked |= mask[rank] == 1;
            }
        }
        return masked;
    }

    private int ended(final Program[] programs) {
        int least = Integer.MAX_VALUE;
        for (int rank = 0; rank < ranks; rank++) {
            if (!stops[rank]) {
                least = Math.min(least, programs[rank].ended());
            }
        }
        return least;
    }

    private boolean step() {
        return delayed != null && delayed.step(random);
    }

    @Override
    public final void close() {
        direct.close();
        heap.close();
    }
}

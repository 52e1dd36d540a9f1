package io.expertlane.kernel.exchange;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Ranks that stop at a random point of a run and come back; all ranks on one thread in random order, under a virtual clock. */
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class FailureTest {
    private static final long BASE_SEED = 20_261_123;
    private static final int SEEDS = 240;
    private static final int MOST_CALLS = 6;
    private static final long TIMEOUT_NANOS = 10_000_000;
    private static final long TURN_NANOS = 50;

    @Test
    void theOthersFinishWithoutAStoppedRankAndItComesBack() {
        for (long seed = BASE_SEED; seed < BASE_SEED + SEEDS; seed++) {
            try (Arena arena = Arena.ofConfined(); Run run = new Run(seed, 1, arena)) {
                run.stopAndFinish();
                run.comeBack();
            }
        }
    }

    @Test
    void soTheyDoWithoutTwo() {
        for (long seed = BASE_SEED + SEEDS; seed < BASE_SEED + SEEDS + 60; seed++) {
            try (Arena arena = Arena.ofConfined(); Run run = new Run(seed, 2, arena)) {
                run.stopAndFinish();
                run.comeBack();
            }
        }
    }

    /** One seed: its input, ranks, clock, and which ranks stop when. */
    private static final class Run implements AutoCloseable {
        private final SplittableRandom random;
        private ExchangeCase input;
        private final LowLatencyConfig config;
        private final Arena arena;
        private final SymmetricHeap heap;
        private final DelayedTransport delayed;
        private final DirectTransport direct;
        private final LowLatencyExchange[] exchanges;
        private final int ranks;
        private final boolean[] stops;
        private final int[] turnsLeft;
        private final int failures;
        private final boolean revoke;
        private long now;

        Run(final long seed, final int failures, final Arena arena) {
            this.arena = arena;
            this.failures = failures;
            this.random = new SplittableRandom(~seed);
            final boolean mapped = seed % 3 == 0;
            ExchangeCase made = ExchangeCase.random(seed, arena, mapped);
            for (long other = seed + 1_000_000; made.shape.ranks() <= failures; other += 1_000_000) {
                made = ExchangeCase.random(other, arena, mapped);
            }
            input = made;
            config = input.config.withTimeoutNanos(TIMEOUT_NANOS);
            ranks = input.shape.ranks();
            heap = new SymmetricHeap(ranks, LowLatencyExchange.heapBytes(config));
            delayed = seed % 3 == 1 ? new DelayedTransport(heap, 256, arena) : null;
            direct = new DirectTransport(heap, mapped ? DirectTransport.Mapping.ALL : DirectTransport.Mapping.SELF, 256);
            exchanges = new LowLatencyExchange[ranks];
            for (int rank = 0; rank < ranks; rank++) {
                exchanges[rank] = connect(rank);
            }
            stops = new boolean[ranks];
            turnsLeft = new int[ranks];
            revoke = random.nextBoolean();
            for (int failure = 0; failure < failures; failure++) {
                final int rank = random.nextInt(ranks);
                stops[rank] = true;
                turnsLeft[rank] = random.nextInt(1 << random.nextInt(13));
            }
        }

        private LowLatencyExchange connect(final int rank) {
            final Transport transport = delayed != null ? delayed : direct;
            return new LowLatencyExchange(config, transport, rank, WorkMeter.NONE, () -> now);
        }

        void stopAndFinish() {
            drive(programs(1 + random.nextInt(MOST_CALLS)));
            for (int rank = 0; rank < ranks; rank++) {
                turnsLeft[rank] = 0;
            }
            if (random.nextInt(4) == 0) {
                return;
            }
            // The stopped ranks may have finished before they stopped: one more call without them, so that everyone must have noticed.
            drive(programs(1));
            final int[] mask = new int[ranks];
            for (int rank = 0; rank < ranks; rank++) {
                if (!stops[rank]) {
                    exchanges[rank].queryMask(mask);
                    for (int peer = 0; peer < ranks; peer++) {
                        assertThat(mask[peer] == 1).as("mask of rank %s at rank %s, %s", peer, rank, input).isEqualTo(stops[peer]);
                    }
                }
            }
        }

        void comeBack() {
            final boolean anew = random.nextBoolean();
            if (anew) {
                // What the old queue pairs still hold must not arrive later.
                while (delayed != null && delayed.step(random)) {
                    now += TURN_NANOS;
                }
            }
            for (int rank = 0; rank < ranks; rank++) {
                if (stops[rank]) {
                    exchanges[rank] = anew ? connect(rank) : exchanges[rank];
                    letIn(rank);
                    stops[rank] = false;
                }
            }
            input = input.another();
            drive(programs(3));
            for (int rank = 0; rank < ranks; rank++) {
                assertThat(exchanges[rank].queryMask(new int[ranks])).as("masked ranks, %s", input).isZero();
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
                assertThat(turns).as("turns to come back, %s", input).isLessThan(1_000_000);
                final Integer rank = waiting.get(random.nextInt(waiting.size()));
                if (rank == guest ? exchanges[rank].rejoin() : exchanges[rank].clearMask(guest)) {
                    waiting.remove(rank);
                }
                now += step() ? TURN_NANOS : TIMEOUT_NANOS / 1000;
            }
        }

        private CaseProgram[] programs(final int calls) {
            final CaseProgram[] programs = new CaseProgram[ranks];
            for (int rank = 0; rank < ranks; rank++) {
                // A rank that will stop may be ahead of the others by one call.
                final boolean stopping = stops[rank];
                programs[rank] = new CaseProgram(input, exchanges[rank], calls + (stopping ? 1 : 0), arena, peer -> stopping || stops[peer]);
            }
            return programs;
        }

        private void drive(final CaseProgram[] programs) {
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
                final boolean moved = step() | programs[rank].doWork() > 0;
                idle = moved ? 0 : idle + 1;
                now += TURN_NANOS;
                if (idle > 10 * ranks) {
                    now += TIMEOUT_NANOS / 16;
                    idle = 0;
                }
                if (stops[rank] && --turnsLeft[rank] == 0) {
                    running.remove(chosen);
                    if (revoke) {
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
                assertThat(now - callBegan).as("nanos without a call ending, %s", input).isLessThan(3L * failures * TIMEOUT_NANOS);
            }
        }

        private int ended(final CaseProgram[] programs) {
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
        public void close() {
            direct.close();
            heap.close();
        }
    }
}

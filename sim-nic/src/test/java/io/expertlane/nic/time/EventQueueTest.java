package io.expertlane.nic.time;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.PriorityQueue;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class EventQueueTest {
    private static final int SEEDS = 12;
    private static final int STEPS = 20_000;
    /** Events are shown when time comes to their bucket of so many picoseconds. */
    private static final long PREVIEW_PICOS = 1 << 18;

    private record Event(long timePicos, long sequence, int handler, long payload) {
    }

    /** The specification: a PriorityQueue by time, then by order of insertion. */
    private static final class Reference {
        private final PriorityQueue<Event> events =
            new PriorityQueue<>(Comparator.comparingLong(Event::timePicos).thenComparingLong(Event::sequence));
        private long sequence;

        void schedule(final long timePicos, final int handler, final long payload) {
            events.add(new Event(timePicos, sequence++, handler, payload));
        }
    }

    private enum Delays {
        ZERO_AND_SHORT {
            @Override
            long next(final SplittableRandom random) {
                return random.nextInt(4) == 0 ? random.nextLong(5) : 0;
            }
        },
        TIES {
            @Override
            long next(final SplittableRandom random) {
                return 1_000_000L * random.nextInt(3);
            }
        },
        CONSTANT {
            @Override
            long next(final SplittableRandom random) {
                return 123_457;
            }
        },
        NEAR_CONSTANT {
            @Override
            long next(final SplittableRandom random) {
                return 1_000_000 + random.nextInt(1000);
            }
        },
        EXPONENTIAL {
            @Override
            long next(final SplittableRandom random) {
                return (long) (-Math.log(1 - random.nextDouble()) * 1e6);
            }
        },
        BIMODAL {
            @Override
            long next(final SplittableRandom random) {
                return random.nextInt(10) == 0 ? 100_000_000 + random.nextLong(1_000_000) : random.nextLong(2000);
            }
        },
        EVERY_MAGNITUDE {
            @Override
            long next(final SplittableRandom random) {
                return random.nextLong() >>> 1 + 15 + random.nextInt(48);
            }
        },
        DECREASING_IN_WINDOW {
            @Override
            long next(final SplittableRandom random) {
                return random.nextInt(100) == 0 ? 1L << 30 : (1 << 20) - random.nextLong(1 << 20);
            }
        };

        abstract long next(SplittableRandom random);
    }

    /** Growing and shrinking phases, full drains, bursts, look-ahead, moves of the clock without events, and forks. */
    @ParameterizedTest
    @EnumSource(Delays.class)
    void ordersLikePriorityQueue(final Delays delays) {
        for (int seed = 0; seed < SEEDS; seed++) {
            final SplittableRandom random = new SplittableRandom(seed);
            final Reference expected = new Reference();
            EventQueue actual = new EventQueue();
            EventQueue other = new EventQueue();
            for (int step = 0; step < STEPS; step++) {
                final String where = delays + " seed=" + seed + " step=" + step;
                final boolean growing = step / 2000 % 2 == 0;
                final int action = random.nextInt(1000);
                if (action < (growing ? 550 : 420)) {
                    scheduleOne(delays, random, expected, actual);
                } else if (action < 990) {
                    pollBoth(expected, actual, where);
                } else if (action < 994) {
                    burst(delays, random, expected, actual);
                } else if (action < 997) {
                    advance(random, expected, actual, where);
                } else if (action < 998) {
                    drain(expected, actual, where);
                } else {
                    other.copyFrom(actual);
                    scramble(actual, random);
                    final EventQueue swap = actual;
                    actual = other;
                    other = swap;
                }
                if (random.nextInt(8) == 0) {
                    assertThat(actual.nextTimePicos()).as(where).isEqualTo(nextTime(expected));
                }
            }
            drain(expected, actual, delays + " seed=" + seed);
        }
    }

    private static void scheduleOne(final Delays delays, final SplittableRandom random, final Reference expected,
        final EventQueue actual) {
        final long time = Math.min(actual.nowPicos() + delays.next(random), EventQueue.MAX_TIME_PICOS);
        final int handler = random.nextInt();
        final long payload = random.nextLong();
        expected.schedule(time, handler, payload);
        actual.schedule(time, handler, payload);
    }

    private static void burst(final Delays delays, final SplittableRandom random, final Reference expected,
        final EventQueue actual) {
        final long time = actual.nowPicos() + delays.next(random);
        final int count = random.nextInt(500);
        for (int i = 0; i < count; i++) {
            expected.schedule(time, i, time);
            actual.schedule(time, i, time);
            scheduleOne(delays, random, expected, actual);
        }
    }

    private static void advance(final SplittableRandom random, final Reference expected, final EventQueue actual,
        final String where) {
        final long span = Math.min(nextTime(expected), actual.nowPicos() + 10_000_000) - actual.nowPicos();
        final long time = actual.nowPicos() + random.nextLong(span + 1);
        assertThat(actual.pollUntil(time - 1)).as(where).isFalse();
        actual.advanceTo(time);
        assertThat(actual.nowPicos()).as(where).isEqualTo(time);
    }

    private static void drain(final Reference expected, final EventQueue actual, final String where) {
        while (!expected.events.isEmpty()) {
            pollBoth(expected, actual, where);
        }
        pollBoth(expected, actual, where);
    }

    private static void scramble(final EventQueue queue, final SplittableRandom random) {
        for (int i = 0; i < 50; i++) {
            queue.poll();
            queue.schedule(queue.nowPicos() + random.nextLong(1_000_000), -1, -1);
        }
    }

    private static void pollBoth(final Reference expected, final EventQueue actual, final String where) {
        final Event event = expected.events.poll();
        if (actual.poll() != (event != null)) {
            throw new AssertionError(where + ": poll() differs from expected " + event);
        }
        if (event != null && (actual.nowPicos() != event.timePicos || actual.handler() != event.handler
            || actual.payload() != event.payload)) {
            throw new AssertionError(where + ": got time=" + actual.nowPicos() + " handler=" + actual.handler()
                + " payload=" + actual.payload()
                + ", expected " + event);
        }
        if (actual.size() != expected.events.size()) {
            throw new AssertionError(where + ": size=" + actual.size() + ", expected " + expected.events.size());
        }
    }

    private static long nextTime(final Reference expected) {
        return expected.events.isEmpty() ? EventQueue.NEVER : expected.events.peek().timePicos;
    }

    /** Notes the payloads, unique to each event, that it is shown. */
    private static final class Viewer implements EventPreview {
        private final Set<Long> due = new HashSet<>();
        private final List<Long> first = new ArrayList<>();
        private int seconds;
        private int shown;

        @Override
        public void first(final int handler, final long payload) {
            if (seconds > 0) {
                assertThat(seconds).as("shown again").isEqualTo(first.size());
                first.clear();
                seconds = 0;
            }
            first.add(payload);
            due.add(payload);
            shown++;
        }

        @Override
        public void second(final int handler, final long payload) {
            assertThat(first.get(seconds++)).as("same order").isEqualTo(payload);
        }
    }

    /**
     * Events are shown before they are due, and that changes nothing; all are that are scheduled a while ahead, unless
     * few are pending and they go straight to the run.
     */
    @ParameterizedTest
    @EnumSource(Delays.class)
    void showsEventsBeforeTheyAreDue(final Delays delays) {
        final SplittableRandom random = new SplittableRandom(7);
        final EventQueue plain = new EventQueue();
        final EventQueue viewed = new EventQueue();
        final Viewer viewer = new Viewer();
        viewed.preview(viewer);
        int far = 0;
        for (long payload = 0; payload < STEPS; payload++) {
            final long delay = delays.next(random);
            plain.schedule(plain.nowPicos() + delay, 3, payload);
            viewed.schedule(viewed.nowPicos() + delay, 3, payload);
            far += delay > 2 * PREVIEW_PICOS ? 1 : 0;
            if (random.nextInt(3) > 0 || payload == STEPS - 1) {
                do {
                    assertThat(viewed.poll()).isEqualTo(plain.poll());
                    assertThat(viewed.nowPicos()).isEqualTo(plain.nowPicos());
                    assertThat(viewed.payload()).isEqualTo(plain.payload());
                    viewer.due.remove(viewed.payload());
                } while (payload == STEPS - 1 && viewed.size() > 0);
            }
        }
        assertThat(viewer.due).as("shown and never due").isEmpty();
        assertThat(viewer.shown).as("shown of %d scheduled far ahead", far)
            .isGreaterThanOrEqualTo(delays == Delays.EVERY_MAGNITUDE ? far * 4 / 5 : far);
    }

    @Test
    void coversTheWholeRangeOfTimes() {
        final EventQueue queue = new EventQueue();
        queue.schedule(EventQueue.MAX_TIME_PICOS, 1, 1);
        for (int bit = 61; bit >= 0; bit--) {
            queue.schedule(1L << bit, 2, bit);
        }
        queue.schedule(0, 3, 3);
        assertThat(queue.poll()).isTrue();
        assertThat(queue.nowPicos()).isZero();
        for (int bit = 0; bit <= 61; bit++) {
            assertThat(queue.poll()).isTrue();
            assertThat(queue.nowPicos()).isEqualTo(1L << bit);
            assertThat(queue.payload()).isEqualTo(bit);
        }
        assertThat(queue.poll()).isTrue();
        assertThat(queue.nowPicos()).isEqualTo(EventQueue.MAX_TIME_PICOS);
        queue.schedule(EventQueue.MAX_TIME_PICOS, 4, 4);
        assertThat(queue.poll()).isTrue();
        assertThat(queue.handler()).isEqualTo(4);
        assertThat(queue.poll()).isFalse();
        assertThat(queue.nextTimePicos()).isEqualTo(EventQueue.NEVER);
    }

    @Test
    void rejectsTimesOutsideTheRangeAndChangesNothing() {
        final EventQueue queue = new EventQueue();
        queue.schedule(1000, 1, 1);
        queue.schedule(2000, 1, 1);
        queue.poll();
        assertThatThrownBy(() -> queue.schedule(999, 0, 0)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("timePicos=999 is before the current time 1000");
        assertThatThrownBy(() -> queue.schedule(EventQueue.NEVER, 0, 0)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("timePicos=9223372036854775807 is beyond the last time 9223372036854775806");
        assertThatThrownBy(() -> queue.advanceTo(999)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("timePicos=999 is before the current time 1000");
        assertThatThrownBy(() -> queue.advanceTo(2001)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("timePicos=2001 is after the next event at 2000");
        assertThat(queue.size()).isEqualTo(1);
        assertThat(queue.nowPicos()).isEqualTo(1000);
        assertThat(queue.nextTimePicos()).isEqualTo(2000);
    }

    @ParameterizedTest
    @EnumSource(Delays.class)
    void allocatesNothingInSteadyState(final Delays delays) {
        final SplittableRandom random = new SplittableRandom(7);
        final long[] delayPicos = random.longs(1 << 14).map(ignored -> Math.min(delays.next(random), 1L << 40))
            .toArray();
        final EventQueue queue = new EventQueue();
        for (int i = 0; i < 4096; i++) {
            queue.schedule(delayPicos[i], i, i);
        }
        hold(queue, delayPicos, 500_000);
        final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        final long id = Thread.currentThread().threadId();
        final long probe = -(threads.getThreadAllocatedBytes(id) - threads.getThreadAllocatedBytes(id));
        long fewestBytes = Long.MAX_VALUE;
        // The JVM itself may allocate on this thread while it links: what the queue allocates, it does each time.
        for (int repeat = 0; repeat < 5 && fewestBytes != 0; repeat++) {
            final long before = threads.getThreadAllocatedBytes(id);
            hold(queue, delayPicos, 500_000);
            fewestBytes = Math.min(fewestBytes, threads.getThreadAllocatedBytes(id) - before - probe);
        }
        assertThat(fewestBytes).as("%s", delays).isZero();
        assertThat(queue.size()).isEqualTo(4096);
    }

    private static void hold(final EventQueue queue, final long[] delayPicos, final int pairs) {
        for (int i = 0; i < pairs; i++) {
            queue.poll();
            queue.schedule(queue.nowPicos() + delayPicos[i & delayPicos.length - 1], i, i);
        }
    }
}

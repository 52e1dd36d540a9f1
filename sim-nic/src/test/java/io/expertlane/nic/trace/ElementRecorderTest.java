package io.expertlane.nic.trace;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.device.NicListener;
import io.expertlane.nic.profile.NicProfile;
import io.expertlane.nic.trace.ElementLife.Stamp;
import java.lang.management.ManagementFactory;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ElementRecorderTest {
    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5})
    void phasesFollowOneAnotherAndSumToTheLatency(final long seed) {
        try (TracedRun run = new TracedRun(seed)) {
            final Map<String, Long> deliveries = new HashMap<>();
            final Map<String, Long> completions = new HashMap<>();
            run.transport.addListener(new NicListener() {
                @Override
                public void delivered(final long timePicos, final int queuePair, final int index, final int opcode,
                    final int rank, final int peer) {
                    deliveries.put(name(run.transport.queuePair(queuePair), index), timePicos);
                }

                @Override
                public void completed(final long timePicos, final int queuePair, final int index, final int status,
                    final int rank) {
                    completions.put(name(run.transport.queuePair(queuePair), index), timePicos);
                }
            });
            final NicProfile nic = run.transport.profile().nic();
            final int[] nextIndex = new int[TracedRun.RANKS * 6];
            final Map<String, Long> recorded = new HashMap<>();
            run.transport.trace(new ElementRecorder(life -> {
                final QueuePair queuePair = run.transport.queuePair(life.queuePair());
                assertThat(life.index()).as("in posted order").isEqualTo(nextIndex[life.queuePair()]++);
                long sum = 0;
                long last = 0;
                for (final Stamp stamp : Stamp.values()) {
                    assertThat(life.picos(stamp)).as("%s after %s", stamp, last).isGreaterThanOrEqualTo(last);
                    last = life.picos(stamp);
                    sum += life.phasePicos(stamp);
                }
                final String name = name(queuePair, life.index());
                assertThat(sum).isEqualTo(life.latencyPicos()).isEqualTo(last - life.picos(Stamp.POSTED));
                assertThat(life.picos(Stamp.DELIVERED)).isEqualTo(deliveries.get(name));
                recorded.put(name, life.picos(Stamp.COMPLETED));
                final double pipeline = nic.fetchNanos()
                    + (life.opcode() == WorkQueueElement.WRITE ? nic.payloadReadNanos() : 0);
                assertThat(life.phasePicos(Stamp.READY)).as("T_HWI, or behind the one before")
                    .isGreaterThanOrEqualTo(Math.round(pipeline * 1e3));
                assertThat(life.phasePicos(Stamp.SEEN)).isEqualTo(Math.round(nic.doorbellNanos() * 1e3));
            }));
            run.run();
            assertThat(recorded).hasSize(run.posted).hasSizeGreaterThan(300);
            assertThat(completions).hasSizeGreaterThan(100);
            assertThat(recorded).containsAllEntriesOf(completions);
        }
    }

    private static String name(final QueuePair queuePair, final int index) {
        return queuePair.rank() + "/" + queuePair.number() + "/" + index;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 40})
    void flushHandsOverWhatHasNotCompleted(final int outstanding) {
        final int[] seen = new int[2];
        final ElementRecorder recorder = new ElementRecorder(life -> {
            seen[life.picos(Stamp.SEEN) == ElementLife.NEVER ? 0 : 1]++;
            assertThat(life.picos(Stamp.ISSUED)).isEqualTo(ElementLife.NEVER);
            assertThat(life.latencyPicos()).isEqualTo(life.picos(Stamp.SEEN) == ElementLife.NEVER ? 5 : 20);
        });
        recorder.bound(0, 0, null);
        for (int i = 0; i < outstanding; i++) {
            recorder.posted(10, 15, 0, -3 + i, WorkQueueElement.WRITE, 1);
        }
        recorder.doorbell(30, 0, -2);
        recorder.flush();
        assertThat(seen).containsExactly(outstanding - 1, 1);
    }

    @ParameterizedTest
    @ValueSource(ints = {1_000_000})
    void allocatesNothingInSteadyState(final int elements) {
        final long[] total = new long[1];
        final ElementRecorder recorder = new ElementRecorder(life -> total[0] += life.latencyPicos());
        recorder.bound(0, 0, null);
        final com.sun.management.ThreadMXBean threads =
            (com.sun.management.ThreadMXBean) ManagementFactory.getThreadMXBean();
        long allocated = 0;
        for (int i = 0; i < elements; i++) {
            if (i == elements / 2) {
                allocated = threads.getCurrentThreadAllocatedBytes();
            }
            final long t = 100L * i;
            recorder.posted(t, t + 1, 0, i, WorkQueueElement.WRITE, 64);
            recorder.doorbell(t + 2, 0, i + 1);
            recorder.issued(t + 3, t + 4, 0, i);
            recorder.sent(t + 5, t + 6, 0, i, 0, 64);
            recorder.delivered(t + 7, 0, i);
            recorder.acknowledged(t + 8, t + 9, 0, i);
            if (i % 8 == 7) {
                recorder.completed(t + 10, 0, i, 0);
            }
        }
        assertThat((threads.getCurrentThreadAllocatedBytes() - allocated) / (elements / 2)).isZero();
        assertThat(total[0]).isPositive();
    }
}

package io.expertlane.nic.device;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.profile.CompletionProfile;
import io.expertlane.nic.profile.CompletionProfile.Mode;
import io.expertlane.nic.profile.FaultProfile;
import io.expertlane.nic.profile.NicProfile.CompletionOverflow;
import io.expertlane.nic.profile.RecoveryProfile;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class CompletionMergeTest {
    private static SimulatedTransport transport(final SymmetricHeap heap, final TestProfiles profile,
        final int completionQueueDepth) {
        return new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT, completionQueueDepth);
    }

    /** n signaled elements of each of q queue pairs: ceil(n / count) entries each, whatever is inside. */
    @ParameterizedTest
    @CsvSource({"EACH,1,100,1", "MODERATED,1,100,1", "MODERATED,16,100,3", "MODERATED,100,100,2",
        "MODERATED,1000,100,2", "COMPRESSED,8,100,3", "COMPRESSED,8,96,1",
        "COMPRESSED,3,100,2", "COMPRESSED,1,10,1"})
    void entriesAreTheQuotientOfCompletionsAndCount(final Mode mode, final int count, final int elements,
    final int queuePairs) {
        final TestProfiles profile = new TestProfiles();
        profile.completions = new CompletionProfile(mode, count, mode == Mode.EACH ? 0 : 1e6);
        try (SymmetricHeap heap = new SymmetricHeap(2, 4096); SimulatedTransport transport = transport(heap, profile,
            1024)) {
            final List<List<Integer>> told = new ArrayList<>();
            for (int q = 0; q < queuePairs; q++) {
                told.add(new ArrayList<>());
                final QueuePair queuePair = transport.connect(0, 1, 128, 0);
                for (int i = 0; i < elements; i++) {
                    queuePair.postWrite(0, 0, 5000, 0);
                    queuePair.ringDoorbell();
                }
            }
            transport.simulation().run();
            final int entries = transport.completionQueue(0)
                .poll((number, index, status) -> told.get(number).add(index));
            assertThat(entries).isEqualTo(queuePairs * ((elements + count - 1) / count));
            assertThat(transport.total(NicCounter.COMPLETIONS)).isEqualTo(entries);
            assertThat(transport.total(NicCounter.COMPLETIONS_MERGED))
                .isEqualTo((long) queuePairs * elements - entries);
            for (int q = 0; q < queuePairs; q++) {
                assertThat(transport.queuePair(q).outstanding()).isZero();
                assertThat(told.get(q)).isSorted().last().isEqualTo(elements - 1);
                assertThat(told.get(q)).hasSize(mode == Mode.COMPRESSED ? elements : (elements + count - 1) / count);
            }
        }
    }

    /** One completion alone is written when the period is over, one that fills its entry at once. */
    @ParameterizedTest
    @CsvSource({"MODERATED,2", "COMPRESSED,2", "MODERATED,1", "COMPRESSED,1"})
    void aCompletionWaitsForOthersNoLongerThanThePeriod(final Mode mode, final int count) {
        final double[] nanos = new double[2];
        for (int i = 0; i < 2; i++) {
            final TestProfiles profile = new TestProfiles();
            profile.completions = i == 0 ? CompletionProfile.each() : new CompletionProfile(mode, count, 12_345);
            try (SymmetricHeap heap = new SymmetricHeap(2, 4096); SimulatedTransport transport = transport(heap,
                profile, 16)) {
                final long[] at = new long[1];
                transport.addListener(new NicListener() {
                    @Override
                    public void completed(final long timePicos, final int queuePair, final int index, final int status,
                        final int rank) {
                        at[0] = timePicos;
                    }
                });
                final QueuePair queuePair = transport.connect(0, 1, 4, 0);
                queuePair.postWrite(0, 0, 100, 0);
                queuePair.ringDoorbell();
                transport.simulation().run();
                nanos[i] = at[0] / 1e3;
                assertThat(transport.completionQueue(0).poll()).isEqualTo(1);
            }
        }
        assertThat(nanos[1] - nanos[0]).isEqualTo(count == 1 ? 0 : 12_345, offset(1e-3));
    }

    /**
     * Random traffic through completion queues of each kind, tiny ones included: all slots come free, and with
     * compression all completions are reported.
     */
    @ParameterizedTest
    @EnumSource(CompletionOverflow.class)
    void nothingIsForgotten(final CompletionOverflow overflow) {
        for (long seed = 1; seed <= 60; seed++) {
            final Random random = new Random(seed);
            final TestProfiles profile = new TestProfiles();
            final Mode mode = random.nextBoolean() ? Mode.MODERATED : Mode.COMPRESSED;
            profile.completions = new CompletionProfile(mode, 1 + random.nextInt(8), random.nextInt(20_000));
            profile.completionOverflow = overflow;
            final int depth = overflow == CompletionOverflow.OVERRUN ? 1024 : 1 << random.nextInt(5);
            try (SymmetricHeap heap = new SymmetricHeap(3, 4096); SimulatedTransport transport = transport(heap,
                profile, depth)) {
                final int[] signaled = new int[6];
                final int[] told = new int[6];
                for (int i = 0; i < 6; i++) {
                    transport.connect(i % 3, (i + 1 + i / 3) % 3, 8, 0);
                }
                for (int step = 0; step < 300; step++) {
                    final int qp = random.nextInt(6);
                    final QueuePair queuePair = transport.queuePair(qp);
                    boolean posted = false;
                    for (int i = random.nextInt(3); i >= 0; i--) {
                        posted |= queuePair.postWrite(0, 0, random.nextInt(9000), 0) == QueuePair.POSTED;
                    }
                    signaled[qp] += posted ? 1 : 0;
                    queuePair.ringDoorbell();
                    transport.simulation().runUntil(transport.simulation().nowPicos() + random.nextInt(3_000_000));
                    if (random.nextInt(3) == 0) {
                        poll(transport, told);
                    }
                }
                do {
                    transport.simulation().run();
                } while (poll(transport, told) > 0);
                for (int qp = 0; qp < 6; qp++) {
                    assertThat(transport.queuePair(qp).outstanding()).as("seed %s", seed).isZero();
                    if (mode == Mode.COMPRESSED) {
                        assertThat(told[qp]).as("seed %s", seed).isEqualTo(signaled[qp]);
                    }
                }
                assertThat(transport.total(NicCounter.COMPLETIONS) + transport.total(NicCounter.COMPLETIONS_MERGED))
                    .as("seed %s", seed)
                    .isEqualTo(signaled[0] + signaled[1] + signaled[2] + signaled[3] + signaled[4] + signaled[5]);
            }
        }
    }

    private static int poll(final SimulatedTransport transport, final int[] told) {
        int entries = 0;
        for (int rank = 0; rank < 3; rank++) {
            final int of = rank;
            entries += transport.completionQueue(rank).poll((number, index, status) -> {
                assertThat(status).isZero();
                told[of + 3 * number]++;
            });
            transport.completionsPolled(rank);
        }
        return entries;
    }

    @ParameterizedTest
    @ValueSource(strings = {"MODERATED", "COMPRESSED"})
    void aFailureIsToldAtOnceBehindWhatWaits(final Mode mode) {
        final TestProfiles profile = new TestProfiles();
        profile.completions = new CompletionProfile(mode, 8, 1e9);
        profile.recovery = new RecoveryProfile(RecoveryProfile.Method.GO_BACK_N, 10_000, 1, 0, 7);
        try (SymmetricHeap heap = new SymmetricHeap(2, 4096);
             SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT, 64,
                 new FaultProfile(0, 0, 0, 0, 1))) {
            final QueuePair queuePair = transport.connect(0, 1, 8, 0);
            final List<String> told = new ArrayList<>();
            for (int i = 0; i < 2; i++) {
                queuePair.postWrite(0, 0, 8, 0);
                queuePair.ringDoorbell();
            }
            transport.simulation().runUntil(8_000_000);
            assertThat(transport.completionQueue(0).poll()).isZero();
            transport.portDown(1, 0);
            queuePair.postWrite(0, 0, 8, 0);
            queuePair.ringDoorbell();
            transport.simulation().runUntil(100_000_000);
            transport.completionQueue(0).poll((number, index, status) -> told.add(index + ":" + status));
            assertThat(told).isEqualTo(mode == Mode.MODERATED ? List.of("1:0", "2:12") : List.of("0:0", "1:0", "2:12"));
        }
    }

    @Test
    void contradictorySettingsAreRefused() {
        assertThatThrownBy(() -> new CompletionProfile(Mode.COMPRESSED, 9, 100))
            .hasMessage("nic.completions.count=9: 1 to 8");
        assertThatThrownBy(() -> new CompletionProfile(Mode.EACH, 2, 0)).hasMessage("nic.completions.count=2: 1 to 1");
        assertThatThrownBy(() -> new CompletionProfile(Mode.EACH, 1, 5))
            .hasMessage("nic.completions.periodNanos=5: 0 to 0");
    }
}

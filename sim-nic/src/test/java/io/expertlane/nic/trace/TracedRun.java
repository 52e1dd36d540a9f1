package io.expertlane.nic.trace;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.exchange.Stage;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.device.TestProfiles;
import io.expertlane.nic.host.AgentScheduler;
import io.expertlane.nic.profile.FaultProfile;
import io.expertlane.nic.profile.NicProfile.Granularity;
import io.expertlane.nic.profile.RecoveryProfile;
import java.util.Random;
import org.agrona.concurrent.Agent;

/** Four ranks whose agents post seeded writes, flags and atomics to each other, batch by batch. */
final class TracedRun implements AutoCloseable {
    static final int RANKS = 4;
    private static final int HEAP_BYTES = 1 << 18;

    final SymmetricHeap heap = new SymmetricHeap(RANKS, HEAP_BYTES);
    final SimulatedTransport transport;
    final AgentScheduler scheduler;
    final Poster[] posters = new Poster[RANKS];
    int posted;

    TracedRun(final long seed) {
        this(seed, Granularity.PACKET, null);
    }

    TracedRun(final long seed, final Granularity granularity, final FaultProfile faults) {
        final TestProfiles profile = new TestProfiles();
        profile.granularity = granularity;
        profile.recovery = new RecoveryProfile(RecoveryProfile.Method.SELECTIVE_REPEAT, 30_000, 255, 10_000, 7);
        profile.ports = 2;
        profile.portRateGbps = 200;
        profile.prefetchDepth = 4;
        transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT, 256, faults);
        scheduler = new AgentScheduler(transport);
        for (int rank = 0; rank < RANKS; rank++) {
            posters[rank] = new Poster(rank, new Random(seed * RANKS + rank));
            scheduler.add(rank, posters[rank]);
        }
    }

    /** Posts batches to its queue pairs in turn until it has posted all of them. */
    final class Poster implements Agent {
        final QueuePair[] queuePairs = new QueuePair[6];
        private final int rank;
        private final Random random;
        int batches = 60;

        Poster(final int rank, final Random random) {
            this.rank = rank;
            this.random = random;
            for (int i = 0; i < queuePairs.length; i++) {
                queuePairs[i] = transport.connect(rank, (rank + 1 + i % 3) % RANKS, 16, i / 3);
            }
        }

        @Override
        public int doWork() {
            transport.completionQueue(rank).poll();
            if (batches == 0) {
                return 0;
            }
            final QueuePair queuePair = queuePairs[random.nextInt(queuePairs.length)];
            final int elements = 1 + random.nextInt(5);
            scheduler.meter().charge(Stage.PACK, random.nextInt(10_000));
            for (int i = 0; i < elements; i++) {
                final int result = switch (random.nextInt(4)) {
                    case 0 -> queuePair.postInline(0, i);
                    case 1 -> queuePair.postAtomicAdd(8, 1);
                    default -> queuePair.postWrite(64, 64, random.nextInt(20_000), 0);
                };
                posted += result == QueuePair.POSTED ? 1 : 0;
            }
            if (queuePair.unpublished() > 0) {
                queuePair.ringDoorbell();
                batches--;
                return 1;
            }
            return 0;
        }

        @Override
        public String roleName() {
            return "poster";
        }
    }

    /** Runs to the end. */
    void run() {
        scheduler.runUntilIdle();
        for (final Poster poster : posters) {
            assertThat(poster.batches).isZero();
        }
    }

    @Override
    public void close() {
        transport.close();
        heap.close();
    }
}

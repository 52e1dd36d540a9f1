package io.expertlane.bench.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.host.AgentScheduler;
import io.expertlane.nic.profile.ClusterProfile;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.agrona.concurrent.Agent;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The depth of completion queues, against what the ranks that post see of their own. */
class TrafficMeterTest {
    private static final int RANKS = 4;
    private static final int QUEUE_DEPTH = 32;
    private static final int BURSTS = 40;
    private static final int COMPLETION_QUEUE_DEPTH = 1024;

    /** Polls, then posts a few words to whichever rank has room, a doorbell each, and then works for a while. */
    private static final class Poster implements Agent {
        private final SimulatedTransport transport;
        private final AgentScheduler scheduler;
        private final int rank;
        private final SplittableRandom random;
        private final List<QueuePair> queuePairs = new ArrayList<>();
        private int bursts = BURSTS;
        private int deepest;

        Poster(final SimulatedTransport transport, final AgentScheduler scheduler, final int rank,
            final SplittableRandom random) {
            this.transport = transport;
            this.scheduler = scheduler;
            this.rank = rank;
            this.random = random;
            for (int peer = 0; peer < RANKS; peer++) {
                if (peer != rank) {
                    queuePairs.add(transport.connect(rank, peer, QUEUE_DEPTH, 0));
                }
            }
        }

        @Override
        public int doWork() {
            final int polled = transport.completionQueue(rank).poll();
            if (bursts == 0) {
                return polled;
            }
            bursts--;
            for (int i = random.nextInt(8); i > 0; i--) {
                final QueuePair queuePair = queuePairs.get(random.nextInt(queuePairs.size()));
                if (queuePair.postInline(0, i) == QueuePair.POSTED) {
                    queuePair.ringDoorbell();
                    deepest = Math.max(deepest, transport.completionQueue(rank).outstanding());
                }
            }
            scheduler.advance(random.nextInt(4000));
            return 1;
        }

        @Override
        public String roleName() {
            return "poster " + rank;
        }
    }

    @ParameterizedTest
    @CsvSource({"NIC, 2, 1", "NIC, 2, 2", "NVLINK, 2, 3", "NVLINK, 2, 4", "NVLINK, 4, 5", "NVLINK, 4, 6"})
    void completionQueuesAreAsDeepAsTheirRanksSee(final String link, final int ranksPerNode, final long seed) {
        final ClusterProfile cluster =
            ProfileJson.with(ProfileJson.with(ClusterProfile.ofName("h800-cx7"), "inNode.link", link), "ranksPerNode",
            Integer.toString(ranksPerNode));
        final SplittableRandom random = new SplittableRandom(seed);
        try (SymmetricHeap heap = new SymmetricHeap(RANKS, 4096);
             SimulatedTransport transport = new SimulatedTransport(heap, cluster, PortPolicy.EXPLICIT,
                 COMPLETION_QUEUE_DEPTH)) {
            final AgentScheduler scheduler = new AgentScheduler(transport, 1, false);
            final List<Poster> posters = new ArrayList<>();
            for (int rank = 0; rank < RANKS; rank++) {
                posters.add(new Poster(transport, scheduler, rank, random.split()));
                scheduler.add(rank, posters.getLast());
            }
            final TrafficMeter meter = new TrafficMeter(transport);
            transport.addListener(meter);
            meter.begin(new double[RANKS]);
            scheduler.runUntilIdle();
            assertThat(meter.traffic(0).mostCompletions()).as("%s, %d ranks a node, seed %d", link, ranksPerNode, seed)
                .isEqualTo(posters.stream().mapToInt(poster -> poster.deepest).max().orElseThrow());
        }
    }
}

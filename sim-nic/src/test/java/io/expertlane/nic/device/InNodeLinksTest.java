package io.expertlane.nic.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.InNodeProfile;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Stores over the links inside a node, against closed forms: 100 GB/s a direction, 1 us, nodes of 8 ranks. */
class InNodeLinksTest {
    private static final double RATE_GBPS = 100;
    private static final long LATENCY_PICOS = 1_000_000;

    private final SymmetricHeap heap = new SymmetricHeap(16, 1 << 20);
    private final SimulatedTransport transport = new SimulatedTransport(heap, profile(), PortPolicy.EXPLICIT, 1024);
    private final List<Long> deliveries = new ArrayList<>();

    InNodeLinksTest() {
        transport.addListener(new NicListener() {
            @Override
            public void delivered(final long timePicos, final int queuePair, final int index, final int opcode,
                final int rank, final int peerRank) {
                deliveries.add(timePicos);
            }

            @Override
            public void completed(final long timePicos, final int queuePair, final int index, final int status,
                final int rank) {
            }
        });
    }

    private static ClusterProfile profile() {
        final TestProfiles profiles = new TestProfiles();
        profiles.inNode = new InNodeProfile(InNodeProfile.Link.NVLINK, RATE_GBPS, 1000);
        return profiles.cluster();
    }

    @AfterEach
    void close() {
        transport.close();
        heap.close();
    }

    private QueuePair write(final int rank, final int peer, final int bytes) {
        final QueuePair queuePair = transport.connect(rank, peer, 8, 0);
        assertThat(queuePair.postWrite(0, 0, bytes, 0)).isEqualTo(QueuePair.POSTED);
        queuePair.ringDoorbell();
        return queuePair;
    }

    @Test
    void aStoreTakesItsBytesAndTheLatencyAndPassesNoNic() {
        write(1, 7, 100_000);
        transport.simulation().run();
        assertThat(deliveries).containsExactly(1_000_000 + LATENCY_PICOS);
        assertThat(transport.inNodeBytes(1)).isEqualTo(100_000);
        for (final NicCounter counter : NicCounter.values()) {
            assertThat(transport.total(counter)).as(counter.name()).isZero();
        }
    }

    @Test
    void sendersToOneRankShareItsLinksAndASendersPeersShareIts() {
        write(1, 7, 100_000);
        write(2, 7, 100_000);
        write(1, 6, 100_000);
        transport.simulation().run();
        assertThat(deliveries).containsExactlyInAnyOrder(1_000_000 + LATENCY_PICOS, 2_000_000 + LATENCY_PICOS, 2_000_000
            + LATENCY_PICOS);
    }

    @Test
    void otherNodesAreReachedThroughTheNic() {
        final QueuePair queuePair = write(1, 9, 4096);
        transport.simulation().run();
        assertThat(transport.inNodeBytes(1)).isZero();
        assertThat(transport.total(NicCounter.SENT_BYTES)).isEqualTo(4096);
        assertThat(transport.isInNode(transport.id(queuePair))).isFalse();
    }

    /**
     * Nothing is lost or doubled, words come behind what was written before them, and no link carries more than its
     * rate.
     */
    @Test
    void keepsOrderAndRateWhateverIsStored() {
        final long seed = 42;
        final SplittableRandom random = new SplittableRandom(seed);
        final long[] bytesTo = new long[8];
        long total = 0;
        for (int i = 0; i < 500; i++) {
            final int rank = random.nextInt(8);
            final int peer = (rank + 1 + random.nextInt(7)) % 8;
            final int bytes = 1 + random.nextInt(60_000);
            final QueuePair queuePair = transport.connect(rank, peer, 4, 0);
            assertThat(queuePair.postWrite(0, 0, bytes, 0)).isEqualTo(QueuePair.POSTED);
            assertThat(queuePair.postInline(8L * i, i + 1)).isEqualTo(QueuePair.POSTED);
            queuePair.ringDoorbell();
            bytesTo[peer] += bytes + Long.BYTES;
            total += bytes + Long.BYTES;
        }
        transport.simulation().run();
        long stored = 0;
        for (int rank = 0; rank < 8; rank++) {
            stored += transport.inNodeBytes(rank);
        }
        assertThat(stored).as("seed " + seed).isEqualTo(total);
        assertThat(deliveries).hasSize(1000).isSorted();
        long busiest = 0;
        for (final long bytes : bytesTo) {
            busiest = Math.max(busiest, bytes);
        }
        assertThat(deliveries.getLast()).isGreaterThanOrEqualTo((long) (busiest / RATE_GBPS * 1e3) + LATENCY_PICOS);
    }
}

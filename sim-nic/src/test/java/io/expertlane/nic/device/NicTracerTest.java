package io.expertlane.nic.device;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.profile.NicProfile;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class NicTracerTest {
    private final TestProfiles profile = new TestProfiles();

    /** Notes what it is told, one line a call. */
    private static final class Log implements NicTracer {
        final List<String> lines = new ArrayList<>();
        final List<Long> times = new ArrayList<>();

        private void note(final long timePicos, final String line) {
            times.add(timePicos);
            lines.add(line);
        }

        @Override
        public void bound(final long timePicos, final int queuePair, final QueuePairBinding binding) {
            note(timePicos, "bound " + queuePair + " " + binding.rank() + "->" + binding.peerRank() + " port "
                + binding.port());
        }

        @Override
        public void posted(final long postedPicos, final long rungPicos, final int queuePair, final int index,
            final byte opcode, final int lengthBytes) {
            note(postedPicos, "posted " + index + " op " + opcode + " bytes " + lengthBytes);
            times.add(rungPicos);
        }

        @Override
        public void doorbell(final long timePicos, final int queuePair, final int end) {
            note(timePicos, "doorbell " + end);
        }

        @Override
        public void issued(final long startPicos, final long readyPicos, final int queuePair, final int index) {
            note(startPicos, "issued " + index);
            times.add(readyPicos);
        }

        @Override
        public void sent(final long startPicos, final long endPicos, final int queuePair, final int index,
            final int offset, final int payloadBytes) {
            note(startPicos, "sent " + index + " at " + offset + " bytes " + payloadBytes);
            times.add(endPicos);
        }

        @Override
        public void delivered(final long timePicos, final int queuePair, final int index) {
            note(timePicos, "delivered " + index);
        }

        @Override
        public void acknowledged(final long startPicos, final long endPicos, final int queuePair, final int index) {
            note(startPicos, "acknowledged " + index);
            times.add(endPicos);
        }

        @Override
        public void completed(final long timePicos, final int queuePair, final int index, final int status) {
            note(timePicos, "completed " + index + " status " + status);
        }
    }

    @Test
    void seesEveryStageOfAnElementInOrder() {
        try (SymmetricHeap heap = new SymmetricHeap(2, 1 << 16);
             SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT, 16)) {
            final Log log = new Log();
            transport.trace(log);
            final QueuePair queuePair = transport.connect(0, 1, 4, 0);
            queuePair.postWrite(0, 0, 5000, 5000);
            queuePair.ringDoorbell();
            transport.simulation().run();
            assertThat(log.lines).containsExactly("bound 0 0->1 port 0", "posted 0 op " + WorkQueueElement.WRITE
                + " bytes 5000", "doorbell 1", "issued 0",
                "sent 0 at 0 bytes 4096", "sent 0 at 4096 bytes 904", "delivered 0", "acknowledged 0",
                "completed 0 status 0");
            assertThat(log.times).isSorted();
            final NicProfile nic = profile.nic();
            final long issued = log.times.get(4);
            assertThat(issued).isEqualTo(Math.round(nic.doorbellNanos() * 1e3));
            assertThat(log.times.get(5) - issued)
                .isEqualTo(Math.round((nic.fetchNanos() + nic.payloadReadNanos()) * 1e3));
            assertThat(transport.queuePair(0)).isSameAs(queuePair);
            final Log late = new Log();
            transport.trace(late);
            assertThat(late.lines).containsExactly("bound 0 0->1 port 0");
        }
    }

    @Test
    void changesNothing() {
        final long[] hashes = new long[2];
        for (int run = 0; run < 2; run++) {
            try (SymmetricHeap heap = new SymmetricHeap(4, 1 << 20);
                 SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.HASHED,
                     64)) {
                if (run == 1) {
                    transport.trace(new Log());
                }
                for (int rank = 0; rank < 4; rank++) {
                    final QueuePair queuePair = transport.connect(rank, (rank + 1) % 4, 64, 0);
                    for (int i = 0; i < 40; i++) {
                        queuePair.postWrite(0, 0, 100 + 777 * i, 0);
                        if (i % 3 == rank % 3) {
                            queuePair.ringDoorbell();
                        }
                    }
                    queuePair.ringDoorbell();
                }
                transport.simulation().run();
                hashes[run] = transport.simulation().streamHash();
            }
        }
        assertThat(hashes[1]).isEqualTo(hashes[0]);
    }
}

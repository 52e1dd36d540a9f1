package io.expertlane.nic.time;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class SimulationTest {
    /**
     * Passes an event on to a random peer after a random delay; all its state is in the payload, so a fork needs only
     * the queue.
     */
    private static final class Node implements EventHandler {
        private final Simulation simulation;
        private final int peers;

        Node(final Simulation simulation, final int peers) {
            this.simulation = simulation;
            this.peers = peers;
        }

        @Override
        public void onEvent(final long timePicos, final long payload) {
            final long random = payload * 6364136223846793005L + 1442695040888963407L;
            simulation.schedule(timePicos + (random >>> 44), (int) Long.remainderUnsigned(random >>> 33, peers),
                random);
        }
    }

    private static Simulation gossip(final long seed) {
        final Simulation simulation = new Simulation();
        for (int i = 0; i < 20; i++) {
            simulation.register(new Node(simulation, 20));
        }
        for (int i = 0; i < 200; i++) {
            simulation.schedule(i % 7, i % 20, seed * 1000 + i);
        }
        return simulation;
    }

    @Test
    void repeatsItselfWhateverRunsBeside() {
        final Simulation alone = gossip(1);
        alone.runUntil(50_000_000);

        final Simulation first = gossip(1);
        final Simulation second = gossip(1);
        final Simulation stranger = gossip(2);
        for (long limit = 0; limit <= 50_000_000; limit += 1_000_000) {
            first.runUntil(limit);
            stranger.runUntil(limit);
        }
        while (second.nextEventTimePicos() <= 50_000_000) {
            second.step();
        }
        assertThat(alone.eventCount()).isGreaterThan(10_000);
        assertThat(List.of(first.eventCount(), second.eventCount())).containsOnly(alone.eventCount());
        assertThat(List.of(first.streamHash(), second.streamHash())).containsOnly(alone.streamHash());
        assertThat(stranger.streamHash()).isNotEqualTo(alone.streamHash());
    }

    @Test
    void forkRunsOnLikeItsOrigin() {
        final Simulation origin = gossip(3);
        origin.runUntil(10_000_000);
        final Simulation fork = gossip(4);
        fork.runUntil(3_000_000);
        fork.copyFrom(origin);
        assertThat(fork.nowPicos()).isEqualTo(10_000_000);
        assertThat(fork.pendingCount()).isEqualTo(origin.pendingCount());

        origin.runUntil(20_000_000);
        final long hash = origin.streamHash();
        assertThat(fork.streamHash()).isNotEqualTo(hash);
        fork.runUntil(20_000_000);
        assertThat(fork.streamHash()).isEqualTo(hash);
        assertThat(fork.eventCount()).isEqualTo(origin.eventCount());
    }

    @Test
    void hashSeesTimeHandlerPayloadAndOrder() {
        final long[][] streams = {{5, 0, 7, 5, 1, 8}, {5, 1, 8, 5, 0, 7}, {6, 0, 7, 6, 1, 8}, {5, 0, 8, 5, 1, 7},
            {5, 0, 7, 5, 0, 8}, {5, 1, 7, 5, 0, 8}};
        final Set<Long> hashes = new HashSet<>();
        for (final long[] stream : streams) {
            final Simulation simulation = new Simulation();
            simulation.register((time, payload) -> { });
            simulation.register((time, payload) -> { });
            simulation.schedule(stream[0], (int) stream[1], stream[2]);
            simulation.schedule(stream[3], (int) stream[4], stream[5]);
            simulation.run();
            assertThat(simulation.eventCount()).isEqualTo(2);
            hashes.add(simulation.streamHash());
        }
        assertThat(hashes).hasSize(streams.length);
    }

    @Test
    void eventsForNowRunAfterThosePendingForNow() {
        final Simulation simulation = new Simulation();
        final List<Long> order = new ArrayList<>();
        final int handler = simulation.register((time, payload) -> {
            order.add(payload);
            if (payload < 10) {
                simulation.schedule(time, 0, payload + 10);
            }
        });
        simulation.schedule(100, handler, 1);
        simulation.schedule(100, handler, 2);
        simulation.schedule(101, handler, 3);
        simulation.runUntil(100);
        assertThat(order).containsExactly(1L, 2L, 11L, 12L);
        simulation.runUntil(1000);
        assertThat(order).containsExactly(1L, 2L, 11L, 12L, 3L, 13L);
        assertThat(simulation.nowPicos()).isEqualTo(1000);
        assertThat(simulation.nextEventTimePicos()).isEqualTo(EventQueue.NEVER);
        assertThat(simulation.step()).isFalse();
    }

    @Test
    void callsAGroupAsItWouldCallAHandlerForEachOfItsIds() {
        for (long seed = 0; seed < 50; seed++) {
            final SplittableRandom random = new SplittableRandom(seed);
            final int before = random.nextInt(20);
            final int count = 1 + random.nextInt(40);
            final List<String> apart = new ArrayList<>();
            final List<String> grouped = new ArrayList<>();
            final Simulation handlers = new Simulation();
            final Simulation group = new Simulation();
            for (int id = 0; id < before; id++) {
                handlers.register((time, payload) -> apart.add("other"));
                group.register((time, payload) -> grouped.add("other"));
            }
            for (int member = 0; member < count; member++) {
                final int id = before + member;
                handlers.register((time, payload) -> apart.add(id + " " + time + " " + payload));
            }
            assertThat(group.register(count, (time, id, payload) -> grouped.add(id + " " + time + " " + payload)))
                .as("seed %d", seed).isEqualTo(before);
            assertThat(group.register((time, payload) -> grouped.add("last"))).as("seed %d", seed)
                .isEqualTo(before + count);
            handlers.register((time, payload) -> apart.add("last"));
            for (int event = 0; event < 200; event++) {
                final long time = random.nextLong(100);
                final int id = random.nextInt(before + count + 1);
                handlers.schedule(time, id, event);
                group.schedule(time, id, event);
            }
            handlers.run();
            group.run();
            assertThat(grouped).as("seed %d", seed).isEqualTo(apart).hasSize(200);
            assertThat(group.streamHash()).as("seed %d", seed).isEqualTo(handlers.streamHash());
        }
    }

    @Test
    void rejectsUnknownHandlersBackwardLimitsAndForeignForks() {
        final Simulation simulation = new Simulation();
        assertThatThrownBy(() -> simulation.schedule(0, 0, 0)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("handler=0 is not registered, handlers=0");
        assertThatThrownBy(() -> simulation.register(null)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("handler=null");
        assertThatThrownBy(() -> simulation.register(2, null)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("group=null");
        assertThatThrownBy(() -> simulation.register(0, (time, id, payload) -> { }))
            .isInstanceOf(IllegalArgumentException.class)
            .hasMessage("count=0: 1 or more");
        assertThatThrownBy(() -> simulation.schedule(0, 0, 0)).hasMessage("handler=0 is not registered, handlers=0");
        simulation.runUntil(50);
        assertThatThrownBy(() -> simulation.runUntil(49)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("limitPicos=49 is not in 50..");
        assertThatThrownBy(() -> simulation.copyFrom(gossip(1))).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("other.handlers=20 differs from handlers=0");
        assertThat(simulation.nowPicos()).isEqualTo(50);
    }
}

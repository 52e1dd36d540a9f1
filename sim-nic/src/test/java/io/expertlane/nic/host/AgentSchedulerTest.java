package io.expertlane.nic.host;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import io.expertlane.kernel.exchange.Stage;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.HostProfile;
import io.expertlane.nic.profile.NicProfile;
import org.agrona.concurrent.Agent;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class AgentSchedulerTest {
    private final ClusterProfile profile = ClusterProfile.h20Cx7Dual();
    private final SymmetricHeap heap = new SymmetricHeap(2, 1 << 20);
    private final SimulatedTransport transport = new SimulatedTransport(heap, profile, PortPolicy.EXPLICIT, 64);
    private final AgentScheduler scheduler = new AgentScheduler(transport);

    @AfterEach
    void close() {
        transport.close();
        heap.close();
    }

    /** Returns the ball: when its word has grown to what it waits for, writes one more to the peer's. */
    private final class Player implements Agent {
        private final int rank;
        private final QueuePair queuePair;
        private final int rounds;
        private long awaited;
        private int played;

        Player(final int rank, final int rounds) {
            this.rank = rank;
            this.rounds = rounds;
            this.awaited = rank;
            this.queuePair = transport.connect(rank, 1 - rank, 4, 0);
        }

        @Override
        public int doWork() {
            transport.completionQueue(rank).poll();
            if (played == rounds || heap.region(rank).get(JAVA_LONG, 0) != awaited) {
                return 0;
            }
            assertThat(queuePair.postInline(0, awaited + 1)).isEqualTo(QueuePair.POSTED);
            queuePair.ringDoorbell();
            awaited += 2;
            played++;
            return 1;
        }

        @Override
        public String roleName() {
            return "player";
        }
    }

    @Test
    void roundTripIsPostingNetworkAndPolling() {
        final Player first = new Player(0, 100);
        final Player second = new Player(1, 100);
        scheduler.add(0, first);
        scheduler.add(1, second);
        scheduler.runUntil(() -> second.played == 100);
        final HostProfile host = profile.host();
        final NicProfile nic = profile.nic();
        // All issuers of a player share its one queue pair.
        final double way = host.postNanos() * (1 + host.contention() * (host.issuers() - 1)) + host.doorbellNanos()
            + host.fenceNanos() + nic.doorbellNanos() + nic.fetchNanos()
            + (8 + 82 + 16) * 8 / nic.portRateGbps() + profile.fabric().switchNanos() + 2 * profile.fabric().linkNanos()
            + nic.receiveNanos()
            + host.pollNanos();
        // A completion that wakes a player at the same moment may make it see the ball before its polling time is over.
        assertThat(transport.simulation().nowPicos() / 1e3 / 199).isBetween(way - host.pollNanos(), way + 0.1);
    }

    @Test
    void workAdvancesTheAgentsClockAndItsAccount() {
        final double[] seen = new double[3];
        final HostProfile host = profile.host();
        final int sms = host.communicationSms();
        final int id = scheduler.add(0, new Agent() {
            private int calls;

            @Override
            public int doWork() {
                seen[calls] = scheduler.nanoClock().getAsLong();
                switch (calls++) {
                    case 0 -> scheduler.meter().charge(Stage.PACK, Math.round(1000 * host.copyBytesPerNano(sms)));
                    case 1 -> {
                        scheduler.meter().charge(Stage.REDUCE, Math.round(500 * host.reduceBytesPerNano(sms)));
                        scheduler.advance(250);
                    }
                    default -> {
                        return 0;
                    }
                }
                return 1;
            }

            @Override
            public String roleName() {
                return "worker";
            }
        });
        scheduler.runUntilIdle();
        assertThat(host.copyBytesPerNano(sms)).isEqualTo(sms * host.smCopyGBps());
        assertThat(host.reduceBytesPerNano(sms)).isEqualTo(sms * host.kernels().reduceGBps());
        assertThat(seen[1]).isEqualTo(1000, offset(1.0));
        assertThat(seen[2]).isEqualTo(1000 + 500 + 250, offset(1.0));
        assertThat(scheduler.stagePicos(id, Stage.PACK)).isEqualTo(1_000_000);
        assertThat(scheduler.stagePicos(id, Stage.REDUCE)).isEqualTo(500_000);
        assertThat(scheduler.stagePicos(id, Stage.WAIT)).isZero();
    }

    @Test
    void deadlockNamesThoseWhoWait() {
        final Player first = new Player(0, 100);
        scheduler.add(0, first);
        assertThatThrownBy(() -> scheduler.runUntil(() -> first.played == 2)).isInstanceOf(DeadlockException.class)
            .hasMessageContaining("deadlock at").hasMessageContaining("rank 0 player sleeps since");
        assertThat(first.played).isEqualTo(1);
    }

    @Test
    void chargesOutsideAgentsAreRefused() {
        assertThatThrownBy(() -> scheduler.advance(1)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> scheduler.meter().charge(Stage.PACK, 1)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> scheduler.advance(-1)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("nanos=-1.0");
    }

    /**
     * Elements a second that one rank gets out when it posts as fast as it can, {@code issuers} on as many queue pairs
     * each.
     */
    private static double postingRate(final HostProfile.Issue issue, final int issuers, final int queuePairs,
        final int proxyThreads) {
        final ClusterProfile base = ClusterProfile.h20Cx7Dual();
        final HostProfile host = base.host();
        final ClusterProfile cluster = new ClusterProfile("test", 8, base.nic(),
            new HostProfile(host.memoryGBps(), host.memoryEfficiency(),
            host.communicationSms(), host.smCopyGBps(), issue, issuers, host.postNanos(), 0, 580, host.contention(),
            proxyThreads,
            host.proxyHandoffNanos(), host.proxyPostNanos(), 0, 1, true, host.pollNanos(), host.kernels()),
            base.fabric(), base.inNode(), base.gpu());
        try (SymmetricHeap memory = new SymmetricHeap(2, 1 << 20);
             SimulatedTransport network = new SimulatedTransport(memory, cluster, PortPolicy.EXPLICIT, 4096)) {
            final AgentScheduler agents = new AgentScheduler(network);
            final QueuePair[] all = new QueuePair[queuePairs];
            for (int i = 0; i < queuePairs; i++) {
                all[i] = network.connect(0, 1, 1024, i);
            }
            agents.add(0, new Agent() {
                private int done;

                @Override
                public int doWork() {
                    for (int i = 0; i < 960 / queuePairs && done == 0; i++) {
                        for (final QueuePair queuePair : all) {
                            assertThat(queuePair.postInline(0, 1)).isEqualTo(QueuePair.POSTED);
                            queuePair.ringDoorbell();
                        }
                    }
                    return done++ == 0 ? 1 : 0;
                }

                @Override
                public String roleName() {
                    return "poster";
                }
            });
            agents.runUntilIdle();
            return 960e12 / network.simulation().nowPicos();
        }
    }

    @Test
    void directIssuersAddUpAndProxyThreadsPostOneByOne() {
        final double one = postingRate(HostProfile.Issue.DIRECT, 1, 1, 1);
        assertThat(one / 1e6).isBetween(11.5, 12.7);
        assertThat(postingRate(HostProfile.Issue.DIRECT, 4, 4, 1) / one).isBetween(3.3, 4.0);
        final double proxy = postingRate(HostProfile.Issue.PROXY, 16, 16, 1);
        assertThat(proxy / 1e6).isBetween(2.4, 2.5);
        assertThat(postingRate(HostProfile.Issue.PROXY, 1, 1, 1)).isEqualTo(proxy);
        assertThat(postingRate(HostProfile.Issue.PROXY, 16, 16, 4) / proxy).isBetween(3.7, 4.0);
    }

    @Test
    void issuersThatShareAQueuePairSlowEachOtherDown() {
        final double alone = postingRate(HostProfile.Issue.DIRECT, 1, 1, 1);
        assertThat(alone / postingRate(HostProfile.Issue.DIRECT, 128, 1, 1)).isBetween(12.0, 15.0);
    }

    @Test
    void agentsOfARankShareItsBandwidth() {
        for (final double share : new double[] {0.5, 1}) {
            final int id = scheduler.add(0, new Agent() {
                private int calls;

                @Override
                public int doWork() {
                    if (calls++ == 0) {
                        scheduler.meter().charge(Stage.PACK,
                            Math.round(1000 * profile.host().copyBytesPerNano(profile.host().communicationSms())));
                        return 1;
                    }
                    return 0;
                }

                @Override
                public String roleName() {
                    return "copier";
                }
            }, share);
            scheduler.runUntilIdle();
            assertThat(scheduler.stagePicos(id, Stage.PACK)).isEqualTo(Math.round(1_000_000 / share));
        }
        assertThatThrownBy(() -> scheduler.add(0, null, 0)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("share=0.0");
    }
}

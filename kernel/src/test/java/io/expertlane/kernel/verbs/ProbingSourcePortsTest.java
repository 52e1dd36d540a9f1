package io.expertlane.kernel.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.io.IOException;
import java.util.Random;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class ProbingSourcePortsTest {
    private static final ProbingSourcePorts.Settings DEFAULT = ProbingSourcePorts.Settings.DEFAULT;

    /** A NIC with a hash that the allocator is not told, and background traffic; time passes by one unit a packet. */
    private static final class HiddenNic implements PortProbe {
        private final FlowTuple flow;
        private final FlowHash hash;
        private final PortSelection selection;
        private final int unitsPerPacket;
        private final RandomGenerator random;
        private final double[] steadyPerPacket;
        private final double poissonPerPacket;
        private final double burstChance;
        private final double[] traffic;

        HiddenNic(final FlowHash hash, final int ports, final int unitsPerPacket, final Random random,
            final double steady, final double poisson,
            final double burstChance) {
            this.flow = FlowTuples.random(random, random.nextBoolean());
            this.hash = hash;
            this.selection = PortSelection.modulo(ports);
            this.unitsPerPacket = unitsPerPacket;
            this.random = random;
            this.poissonPerPacket = poisson;
            this.burstChance = burstChance;
            this.steadyPerPacket = new double[ports];
            this.traffic = new double[ports];
            for (int port = 0; port < ports; port++) {
                steadyPerPacket[port] = steady * random.nextDouble();
                traffic[port] = random.nextInt(1_000_000);
            }
        }

        int portOf(final int sourcePort) {
            return selection.portOf(hash.hash(flow, sourcePort));
        }

        @Override
        public void send(final int sourcePort, final int packets) {
            traffic[portOf(sourcePort)] += (double) packets * unitsPerPacket;
            idle(packets);
        }

        @Override
        public void idle(final int packets) {
            for (int port = 0; port < traffic.length; port++) {
                final double mean = poissonPerPacket * packets;
                final double poisson = Math.max(0, mean + Math.sqrt(mean) * random.nextGaussian());
                final double burst = random.nextDouble() < burstChance ? random.nextInt(10 * packets) : 0;
                traffic[port] += unitsPerPacket * (steadyPerPacket[port] * packets + poisson + burst);
            }
        }

        @Override
        public void readCounters(final long[] counters) {
            for (int port = 0; port < counters.length; port++) {
                counters[port] = (long) traffic[port];
            }
        }
    }

    /** A hash outside the named ones: keyed, as the Linux kernel's. */
    private static FlowHash keyed(final int key) {
        return (flow, sourcePort) -> Murmur3.hash(flow, sourcePort, key) >>> 3;
    }

    private static void assertEven(final HiddenNic nic, final SourcePorts allocated, final int queuePairs,
        final int firstPort, final String what) {
        final int ports = nic.traffic.length;
        for (int qp = 0; qp < queuePairs; qp++) {
            assertThat(allocated.port(qp)).as(what).isEqualTo((firstPort + qp) % ports);
            assertThat(nic.portOf(allocated.sourcePort(qp))).as("%s qp %d", what, qp).isEqualTo(allocated.port(qp));
        }
        assertThat(allocated.queuePairs()).as(what).isEqualTo(queuePairs);
        assertThat(allocated.distinctSourcePorts()).as(what).isEqualTo(queuePairs);
    }

    @ParameterizedTest
    @EnumSource
    void findsEvenPortsOfEveryNamedHash(final FlowHashAlgorithm hash) throws IOException {
        final long seed = new Random().nextLong();
        final Random random = new Random(seed);
        for (int ports = 2; ports <= 4; ports += 2) {
            for (int queuePairs = 2; queuePairs <= 64; queuePairs++) {
                final HiddenNic nic = new HiddenNic(hash, ports, 1, random, 0, 0, 0);
                final ProbingSourcePorts allocator = new ProbingSourcePorts(nic, ports, DEFAULT);
                assertEven(nic, allocator.allocate(queuePairs, queuePairs), queuePairs, queuePairs, "seed " + seed
                    + " ports " + ports);
                assertThat(allocator.rounds()).isLessThanOrEqualTo(3L * (16 * ports + 4 * queuePairs));
                assertThat(allocator.packetsSent()).isEqualTo(16 * allocator.rounds());
            }
        }
    }

    /**
     * Steady traffic up to 50 times the probe's rate, another rate on each port; Poisson traffic at 8 times it; bursts
     * in 1 window of 20.
     */
    @Test
    void findsEvenPortsAmongBackgroundTraffic() throws IOException {
        final long seed = new Random().nextLong();
        for (int run = 0; run < 300; run++) {
            final Random random = new Random(seed + run);
            final int ports = 2 + 2 * (run % 2);
            final int queuePairs = 2 + random.nextInt(63);
            final int unitsPerPacket = run % 3 == 0 ? 1070 : 1;
            final HiddenNic nic = new HiddenNic(keyed(random.nextInt()), ports, unitsPerPacket, random, 50, 8, 0.05);
            final ProbingSourcePorts allocator =
                new ProbingSourcePorts(nic, ports, new ProbingSourcePorts.Settings(16, 16384, 3, 32, unitsPerPacket));
            final String what = "seed " + (seed + run) + " ports " + ports + " queuePairs " + queuePairs;
            assertEven(nic, allocator.allocate(queuePairs, 0), queuePairs, 0, what);
        }
    }

    @Test
    void failsWithAClearErrorWhenNoiseHidesTheProbes() {
        final HiddenNic nic = new HiddenNic(keyed(7), 2, 1, new Random(1), 0, 1e6, 0);
        assertThatIllegalStateException().isThrownBy(() -> new ProbingSourcePorts(nic, 2, DEFAULT).allocate(8, 0))
            .withMessageMatching("port=0 of 2 was not reached by any of 64 source ports in \\d+ rounds; \\d+ source "
            + "ports stayed undecided");
    }

    @Test
    void failsWhenAPortIsOutOfReach() {
        final HiddenNic nic = new HiddenNic((flow, sourcePort) -> 0, 2, 1, new Random(1), 0, 0, 0);
        assertThatIllegalStateException().isThrownBy(() -> new ProbingSourcePorts(nic, 2, DEFAULT).allocate(8, 0))
            .withMessage("port=1 of 2 was not reached by any of 64 source ports in 192 rounds; 0 source ports stayed "
            + "undecided");
    }

    @Test
    void reusesSourcePortsOfAPortThatFewReach() throws IOException {
        final HiddenNic nic = new HiddenNic((flow, sourcePort) -> sourcePort == 0xC000 ? 1 : 0, 2, 1, new Random(1), 0,
            0, 0);
        final SourcePorts allocated = new ProbingSourcePorts(nic, 2, DEFAULT).allocate(8, 0);
        for (int qp = 0; qp < 8; qp++) {
            assertThat(nic.portOf(allocated.sourcePort(qp))).isEqualTo(qp % 2);
        }
    }

    @Test
    void burstsGrowWithNoise() throws IOException {
        final long[] packets = new long[2];
        for (int noisy = 0; noisy < 2; noisy++) {
            final HiddenNic nic = new HiddenNic(keyed(3), 2, 1, new Random(5), 0, noisy == 0 ? 0 : 20, 0);
            final ProbingSourcePorts allocator = new ProbingSourcePorts(nic, 2, DEFAULT);
            assertEven(nic, allocator.allocate(16, 0), 16, 0, "fixed seed");
            packets[noisy] = allocator.packetsSent();
        }
        assertThat(packets[1]).isGreaterThan(10 * packets[0]);
    }

    @Test
    void rejectsBadSettings() {
        assertThatIllegalArgumentException().isThrownBy(() -> new ProbingSourcePorts.Settings(3, 8, 1, 1, 1))
            .withMessage("burstPackets=3 must be 4 or more");
        assertThatIllegalArgumentException().isThrownBy(() -> new ProbingSourcePorts.Settings(8, 4, 1, 1, 1))
            .withMessage("maxBurstPackets=4 must be 8 or more");
        assertThatIllegalArgumentException().isThrownBy(() -> new ProbingSourcePorts.Settings(8, 8, 2, 1, 1))
            .withMessage("maxRounds=1 must be 2 or more");
    }
}

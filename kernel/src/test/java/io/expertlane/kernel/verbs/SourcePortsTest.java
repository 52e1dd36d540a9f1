package io.expertlane.kernel.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

final class SourcePortsTest {
    private static final int PAIRS = 1000;
    private static final int MAX_QUEUE_PAIRS = 64;

    /** Issue: for every hash, 2 and 4 ports, 2 to 64 QPs, even to within one QP, over 1,000 random address pairs. */
    @ParameterizedTest
    @EnumSource
    void queuePairsSpreadEvenly(final FlowHashAlgorithm hash) {
        final long seed = new Random().nextLong();
        final Random random = new Random(seed);
        for (int pair = 0; pair < PAIRS; pair++) {
            final FlowTuple flow = FlowTuples.random(random, pair % 2 == 1);
            for (int ports = 2; ports <= 4; ports += 2) {
                for (int queuePairs = 2; queuePairs <= MAX_QUEUE_PAIRS; queuePairs++) {
                    final PortSelection selection = PortSelection.modulo(ports);
                    final SourcePorts allocated = SourcePorts.preallocate(flow, hash, selection, queuePairs, pair);
                    if (!isEven(allocated, flow, hash, selection, queuePairs)
                        || allocated.distinctSourcePorts() != queuePairs) {
                        throw new AssertionError("uneven or repeated: seed=" + seed + " hash=" + hash + " ports="
                            + ports
                            + " queuePairs=" + queuePairs + " flow=" + flow);
                    }
                }
            }
        }
    }

    /** Recomputes every QP's port from its source port by the hash alone. */
    private static boolean isEven(
        final SourcePorts allocated, final FlowTuple flow, final FlowHash hash, final PortSelection selection,
        final int queuePairs) {
        final int[] load = new int[selection.ports()];
        for (int qp = 0; qp < queuePairs; qp++) {
            final int sourcePort = allocated.sourcePort(qp);
            final int port = Integer.remainderUnsigned(hash.hash(flow.withSourcePort(sourcePort)), selection.ports());
            if (sourcePort < 0xC000 || sourcePort > 0xFFFF || port != allocated.port(qp)) {
                return false;
            }
            load[port]++;
        }
        return allocated.queuePairs() == queuePairs && Arrays.stream(load).max().getAsInt()
            - Arrays.stream(load).min().getAsInt() <= 1;
    }

    @ParameterizedTest
    @EnumSource
    void bitSelectionSpreadsEvenlyToo(final FlowHashAlgorithm hash) {
        final long seed = new Random().nextLong();
        final Random random = new Random(seed);
        for (int pair = 0; pair < PAIRS; pair++) {
            final FlowTuple flow = FlowTuples.random(random, pair % 2 == 1);
            final PortSelection selection = PortSelection.bits(4, random.nextInt(7));
            final SourcePorts allocated = SourcePorts.preallocate(flow, hash, selection, 9);
            for (int qp = 0; qp < 9; qp++) {
                assertThat(selection.portOf(hash.hash(flow, allocated.sourcePort(qp)))).as("seed %d", seed)
                    .isEqualTo(qp % 4);
            }
        }
    }

    @Test
    void unreachablePortIsAClearError() {
        final FlowTuple flow = FlowTuple.roce("10.0.0.1", "10.0.1.1");
        assertThatIllegalArgumentException()
            .isThrownBy(() -> SourcePorts.preallocate(flow, FlowHashAlgorithm.XOR, PortSelection.bits(4, 14), 4))
            .withMessage("hash=xor selection=bits 14..15 reaches no port=0 of 4 with any source port 0xc000..0xffff of "
                + "10.0.0.1:49152 -> 10.0.1.1:4791 protocol 17");
        assertThatIllegalArgumentException()
            .isThrownBy(() -> SourcePorts.preallocate(flow, FlowHashAlgorithm.CRC16_ARC, PortSelection.bits(2, 16), 2))
            .withMessageContaining("reaches no port=1 of 2");
    }

    @Test
    void aPortWithFewSourcePortsReusesThem() {
        final FlowTuple flow = FlowTuple.roce("10.0.0.1", "10.0.1.1");
        final FlowHash onlyThreeOnPortOne = (ignored, sourcePort) -> sourcePort >= 0xFFFD ? 1 : 0;
        final SourcePorts allocated = SourcePorts.preallocate(flow, onlyThreeOnPortOne, PortSelection.modulo(2), 10);
        for (int qp = 0; qp < 10; qp++) {
            assertThat(onlyThreeOnPortOne.hash(flow, allocated.sourcePort(qp))).isEqualTo(qp % 2)
                .isEqualTo(allocated.port(qp));
        }
        assertThat(allocated.distinctSourcePorts()).isEqualTo(5 + 3);
    }

    @Test
    void moreQueuePairsThanSourcePorts() {
        final FlowTuple flow = FlowTuple.roce("10.0.0.1", "10.0.1.1");
        final SourcePorts allocated = SourcePorts.preallocate(flow, FlowHashAlgorithm.CRC32, PortSelection.modulo(2),
            40000);
        assertThat(allocated.distinctSourcePorts()).isEqualTo(RoceSourcePorts.COUNT);
        assertThat(allocated.port(39999)).isEqualTo(1)
            .isEqualTo(FlowHashAlgorithm.CRC32.hash(flow, allocated.sourcePort(39999)) & 1);
    }

    @Test
    void rejectsBadInput() {
        final FlowTuple flow = FlowTuple.roce("10.0.0.1", "10.0.1.1");
        final PortSelection two = PortSelection.modulo(2);
        assertThatIllegalArgumentException()
            .isThrownBy(() -> SourcePorts.preallocate(flow, FlowHashAlgorithm.XOR, two, 0))
            .withMessage("queuePairs=0 must be 1 or more");
        assertThatIllegalArgumentException()
            .isThrownBy(() -> SourcePorts.preallocate(flow, FlowHashAlgorithm.XOR, two, 1, -1))
            .withMessage("firstPort=-1 must be 0 or more");
        assertThatIllegalArgumentException().isThrownBy(() -> PortSelection.modulo(0))
            .withMessage("ports=0 must be 1 to 256");
        assertThatIllegalArgumentException().isThrownBy(() -> PortSelection.bits(3, 0))
            .withMessage("ports=3 must be a power of two to be selected by bits");
        assertThatIllegalArgumentException().isThrownBy(() -> PortSelection.bits(4, 31))
            .withMessage("shift=31 must be 0 to 30");
    }

    @Test
    void selectionTreatsTheHashAsUnsigned() {
        assertThat(PortSelection.modulo(3).portOf(-1)).isZero();
        assertThat(PortSelection.modulo(3).portOf(0x80000000)).isEqualTo(2);
        assertThat(PortSelection.bits(4, 30).portOf(0x80000000)).isEqualTo(2);
        assertThat(PortSelection.bits(1, 32).portOf(-1)).isZero();
    }

    /**
     * Mean over 20,000 trials of the larger port's share of N equal flows, times 2: the table of flows hashed to 2
     * ports. Flows differ by peer address at a fixed source port. Tolerance: 0.01 absolute, more than 5 standard errors
     * (the share's deviation is at most 0.25).
     */
    @ParameterizedTest
    @CsvSource({"1, 2.00", "2, 1.50", "4, 1.375", "8, 1.273", "9, 1.273", "16, 1.196", "18, 1.185", "32, 1.140",
        "64, 1.099"})
    void hashedFlowsAreAsUnevenAsTheBinomialSays(final int flows, final double expectedTimeRatio) {
        final int trials = 20_000;
        final long seed = new Random().nextLong();
        final Random random = new Random(seed);
        double sum = 0;
        for (int trial = 0; trial < trials; trial++) {
            int onPortOne = 0;
            for (int i = 0; i < flows; i++) {
                onPortOne += FlowHashAlgorithm.MURMUR3.hash(FlowTuple.roce(random.nextInt(), random.nextInt())) & 1;
            }
            sum += 2.0 * Math.max(onPortOne, flows - onPortOne) / flows;
        }
        assertThat(sum / trials).as("seed %d", seed).isCloseTo(expectedTimeRatio, within(0.01));
    }
}

package io.expertlane.kernel.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

final class PortAssignerTest {
    private static final FlowTuple FLOW = FlowTuple.roce("10.0.0.1", "10.0.1.1");

    private static PortBinding assign(final PortPolicy policy, final int creationIndex, final int explicitPort) {
        return new PortAssigner(policy, FlowHashAlgorithm.TOEPLITZ, PortSelection.modulo(2))
            .assign(FLOW, 0x100 + creationIndex, 0x200 + creationIndex, creationIndex, explicitPort);
    }

    @Test
    void fixedGivesAllQueuePairsOnePort() {
        for (int i = 0; i < 8; i++) {
            assertThat(assign(PortPolicy.FIXED, i, -1)).isEqualTo(new PortBinding(0x0d73df44 & 1, 0xC000));
        }
    }

    @Test
    void hashedFollowsTheQpNumbers() {
        for (int i = 0; i < 8; i++) {
            final int sourcePort = RoceSourcePorts.sourcePort(0, 0x100 + i, 0x200 + i);
            assertThat(assign(PortPolicy.HASHED, i, -1))
                .isEqualTo(new PortBinding(FlowHashAlgorithm.TOEPLITZ.hash(FLOW, sourcePort) & 1, sourcePort));
        }
    }

    @Test
    void affinityFollowsCreationOrderAndExplicitThePlan() {
        for (int i = 0; i < 8; i++) {
            final int sourcePort = RoceSourcePorts.sourcePort(0, 0x100 + i, 0x200 + i);
            assertThat(assign(PortPolicy.QUEUE_AFFINITY, i, -1)).isEqualTo(new PortBinding(i % 2, sourcePort));
            assertThat(assign(PortPolicy.EXPLICIT, i, i / 4)).isEqualTo(new PortBinding(i / 4, sourcePort));
        }
    }

    @ParameterizedTest
    @EnumSource
    void preallocatedAgreesWithTheBatchForm(final FlowHashAlgorithm hash) {
        final long seed = new Random().nextLong();
        final Random random = new Random(seed);
        for (int ports = 1; ports <= 5; ports++) {
            final FlowTuple flow = FlowTuples.random(random, ports % 2 == 0);
            final PortSelection selection = PortSelection.modulo(ports);
            final SourcePorts batch = SourcePorts.preallocate(flow, hash, selection, 40);
            final PortAssigner assigner = new PortAssigner(PortPolicy.PREALLOCATED, hash, selection);
            for (int i = 0; i < 40; i++) {
                assertThat(assigner.assign(flow, 1, 1, i, -1)).as("seed %d qp %d", seed, i)
                    .isEqualTo(new PortBinding(batch.port(i), batch.sourcePort(i)));
            }
        }
    }

    @ParameterizedTest
    @EnumSource
    void namesRoundTrip(final PortPolicy policy) {
        assertThat(PortPolicy.ofName(policy.toString())).isSameAs(policy);
    }

    @Test
    void rejectsBadInput() {
        assertThatIllegalArgumentException().isThrownBy(() -> PortPolicy.ofName("lacp"))
            .withMessage("ports=lacp must be one of fixed, hashed, preallocated, queue-affinity, explicit");
        assertThatIllegalArgumentException().isThrownBy(() -> assign(PortPolicy.EXPLICIT, 0, 2))
            .withMessage("explicitPort=2 must be 0 to 1");
        assertThatIllegalArgumentException().isThrownBy(() -> assign(PortPolicy.QUEUE_AFFINITY, -1, 0))
            .withMessage("creationIndex=-1 must be 0 to 2147483647");
    }
}

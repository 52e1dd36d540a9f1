package io.expertlane.kernel.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import org.junit.jupiter.api.Test;

class QueuePairPlanTest {
    @Test
    void theLanesOfAnEndPointLieOnDifferentPortsAndPortsCarryTheSame() {
        for (int ports = 1; ports <= 4; ports++) {
            for (int endPoints = 1; endPoints <= 8; endPoints++) {
                for (int lanes = 1; lanes <= QueuePairPlan.MAX_LANES; lanes++) {
                    final QueuePairPlan plan = new QueuePairPlan(endPoints, lanes, lanes,
                        QueuePairPlan.NO_SEGMENTATION);
                    assertThat(plan.queuePairsPerPeer()).isEqualTo((endPoints + 1) * lanes);
                    final int[] ofPort = new int[ports];
                    for (int peer = 0; peer < ports; peer++) {
                        for (int endPoint = 0; endPoint < endPoints; endPoint++) {
                            final int[] ofEndPoint = new int[ports];
                            for (int lane = 0; lane < lanes; lane++) {
                                ofEndPoint[plan.lane(peer, endPoint, lane) % ports]++;
                                ofPort[plan.lane(peer, endPoint, lane) % ports]++;
                            }
                            assertThat(Arrays.stream(ofEndPoint).max().getAsInt()
                                - Arrays.stream(ofEndPoint).min().getAsInt())
                                .as("ports=%s %s", ports, plan).isLessThanOrEqualTo(1);
                        }
                    }
                    // As many peers as ports begin at different ports.
                    assertThat(ofPort).as("ports=%s %s", ports, plan).containsOnly(endPoints * lanes);
                }
            }
        }
    }

    @Test
    void aSplitCoversTheMessageInEqualPartsOfNoLongerElements() {
        for (int lanes = 1; lanes <= 4; lanes++) {
            for (final int segment : new int[] {64, 1000, QueuePairPlan.NO_SEGMENTATION}) {
                final MessageSplit split = new QueuePairPlan(1, lanes, 0, segment).split(7408, 7408);
                final int[] ofLane = new int[lanes];
                int at = 0;
                for (int element = 0; element < split.elements(); element++) {
                    assertThat(split.offset(element)).isEqualTo(at);
                    assertThat(split.length(element)).isBetween(1, segment);
                    ofLane[split.queuePair(element)] += split.length(element);
                    at += split.length(element);
                }
                assertThat(at).isEqualTo(7408);
                assertThat(new QueuePairPlan(1, lanes, 0, segment).partBytes(7408))
                    .isEqualTo(Arrays.stream(ofLane).max().getAsInt());
                assertThat(Arrays.stream(ofLane).max().getAsInt() - Arrays.stream(ofLane).min().getAsInt())
                    .isLessThanOrEqualTo(8 * lanes);
            }
        }
    }

    @Test
    void plansThatCannotWorkAreRefused() {
        assertThatThrownBy(() -> new QueuePairPlan(0, 1, 0, 64)).hasMessage("endPoints=0: 1 to 268435455");
        assertThatThrownBy(() -> new QueuePairPlan(1, 9, 0, 64)).hasMessage("lanes=9: 1 to 8");
        assertThatThrownBy(() -> new QueuePairPlan(1, 2, 3, 64)).hasMessage("controls=3: 0 to 2");
        assertThatThrownBy(() -> new QueuePairPlan(1, 1, 0, 63)).hasMessage("segmentBytes=63: 64 to 2147483647");
        final QueuePairPlan plan = new QueuePairPlan(1, 1, 0, 64);
        plan.requireRoom(64 * 16, 16);
        assertThatThrownBy(() -> plan.requireRoom(64 * 16 + 1, 16))
            .hasMessage("segmentBytes=64: cuts a write of 1025 bytes into 17 elements, at most sendQueueDepth=16");
    }
}

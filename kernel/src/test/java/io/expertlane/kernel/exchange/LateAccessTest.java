package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import io.expertlane.kernel.zero.SlotSender;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Mapped memory of a peer that masks this rank in the middle of a turn. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class LateAccessTest {
    private static final int TOKENS = 3;
    private static final int TOP_K = 2;
    private static final int MOST_TURNS = 10_000;

    @Test
    void noRecordIsStoredOnceTheReceiverHasRevokedItsMemory() {
        final RecordLayout record = new RecordLayout(16, 100, true);
        try (SymmetricHeap heap = new SymmetricHeap(3, 4096)) {
            heap.region(0).fill((byte) 7);
            final SlotSender sender = new SlotSender(record, 2, heap, 0, 1, null, null, 1);
            sender.open(1, 64, 0);
            assertThat(sender.claim()).isTrue();
            assertThat(sender.append(128)).isTrue();
            heap.revoke(1, 2);
            assertThat(sender.claim()).isTrue();
            heap.revoke(1, 0);
            assertThat(sender.claim()).isFalse();
            assertThat(sender.append(128)).isFalse();
            assertThat(heap.region(1).get(JAVA_BYTE, 64)).isEqualTo((byte) 7);
            assertThat(heap.region(1).get(JAVA_BYTE, 64L + record.stride())).isZero();
            final SlotSender anew = new SlotSender(record, 2, heap, 0, 1, null, null, 1);
            anew.open(2, 64, 0);
            assertThat(anew.append(128)).isTrue();
        }
    }

    @Test
    void aSumByPullIsMadeAnewWithoutAPeerThatHasRevokedItsMemoryMeanwhile() {
        final MoeShape shape = new MoeShape(2, 2, 2, TOP_K, 64, TOKENS);
        final HighThroughputConfig config = HighThroughputConfig.of(shape).withPath(TransferPath.ZERO).withDispatchType(DispatchType.BF16)
            .withCombine(CombineMethod.PULL);
        try (Arena arena = Arena.ofConfined(); SymmetricHeap heap = new SymmetricHeap(2, HighThroughputExchange.heapBytes(config));
             DirectTransport transport = new DirectTransport(heap, Mapping.ALL, 2, 64)) {
            final HighThroughputExchange[] exchanges = new HighThroughputExchange[2];
            final WorkMeter masking = (stage, bytes) -> {
                if (stage == Stage.REDUCE && !exchanges[1].isMasked(0)) {
                    exchanges[1].mask(0);
                }
            };
            exchanges[0] = new HighThroughputExchange(config, transport, 0, masking, () -> 0);
            exchanges[1] = new HighThroughputExchange(config, transport, 1, WorkMeter.NONE, () -> 0);
            final HighThroughputCall[] calls = new HighThroughputCall[2];
            calls[0] = exchanges[0].dispatch(arena.allocate((long) TOKENS * shape.rowBytes(), 64), toBoth(arena));
            calls[1] = exchanges[1].dispatch(arena.allocate(1), new Routing(0, TOP_K, 2, arena.allocate(4, 4), arena.allocate(4, 4)));
            for (int turn = 0; turn < MOST_TURNS && !(calls[0].isReceived() && calls[1].isReceived()); turn++) {
                exchanges[turn & 1].doWork();
            }
            final MemorySegment sums = arena.allocate((long) TOKENS * shape.rowBytes(), 64);
            final MemorySegment weights = arena.allocate((long) TOKENS * TOP_K * Float.BYTES, 64);
            for (int rank = 0; rank < 2; rank++) {
                assertThat(calls[rank].receivedRows()).isEqualTo(TOKENS);
                for (int row = 0; row < TOKENS; row++) {
                    calls[rank].passWeights(row);
                }
                calls[rank].combine(sums, weights, null, null);
            }
            for (int turn = 0; turn < MOST_TURNS && !calls[0].isOver(); turn++) {
                exchanges[turn & 1].doWork();
            }
            assertThat(calls[0].isOver()).isTrue();
            assertThat(calls[0].isLeftOut(1)).isTrue();
            assertThat(exchanges[0].isMasked(1)).isTrue();
            for (int token = 0; token < TOKENS; token++) {
                assertThat(weights.getAtIndex(JAVA_FLOAT, (long) token * TOP_K)).as("own weight of token %s", token).isEqualTo(0.5f);
                assertThat(weights.getAtIndex(JAVA_FLOAT, (long) token * TOP_K + 1)).as("pulled weight of token %s", token).isZero();
            }
        }
    }

    private static Routing toBoth(final Arena arena) {
        final MemorySegment experts = arena.allocate((long) TOKENS * TOP_K * Integer.BYTES, 4);
        final MemorySegment weights = arena.allocate((long) TOKENS * TOP_K * Float.BYTES, 4);
        for (int i = 0; i < TOKENS * TOP_K; i++) {
            experts.setAtIndex(JAVA_INT, i, i % TOP_K);
            weights.setAtIndex(JAVA_FLOAT, i, 0.5f);
        }
        return new Routing(TOKENS, TOP_K, 2, experts, weights);
    }
}

package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.DispatchLayout;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Memory, traffic, back-pressure and refusals of the high-throughput exchange. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
class HighThroughputLimitsTest {
    private static final MoeShape SMALL = new MoeShape(2, 2, 4, 2, 8, 4);

    /** Makes the routing in which each token goes to {@code experts}. */
    private static Routing allTo(final int tokens, final int total, final Arena arena, final int... experts) {
        final int topK = experts.length;
        final MemorySegment idx = arena.allocate(Math.max(4, 4L * tokens * topK), 4);
        final MemorySegment weights = arena.allocate(Math.max(4, 4L * tokens * topK), 4);
        for (int i = 0; i < tokens * topK; i++) {
            idx.setAtIndex(JAVA_INT, i, experts[i % topK]);
            weights.setAtIndex(JAVA_FLOAT, i, 0.5f);
        }
        return new Routing(tokens, topK, total, idx, weights);
    }

    private static void driveAll(final HighThroughputExchange... exchanges) {
        boolean moved = true;
        while (moved) {
            moved = false;
            for (final HighThroughputExchange exchange : exchanges) {
                moved |= exchange.doWork() > 0;
            }
        }
    }

    private static HighThroughputExchange[] exchanges(final HighThroughputGroup group, final int ranks) {
        final HighThroughputExchange[] exchanges = new HighThroughputExchange[ranks];
        Arrays.setAll(exchanges, group::exchange);
        return exchanges;
    }

    @Test
    void aTokenCrossesOnceForEachNode() {
        final MoeShape shape = new MoeShape(6, 2, 24, 8, 128, 20);
        final HighThroughputConfig config = HighThroughputConfig.of(shape).withChunkTokens(1, 2).withChannels(2);
        for (final TransferPath path : TransferPath.values()) {
            try (Arena arena = Arena.ofConfined();
                 SymmetricHeap heap = new SymmetricHeap(shape.ranks(), HighThroughputExchange.heapBytes(config.withPath(path)))) {
                final HighThroughputCase input = new HighThroughputCase(7, config.withPath(path), Mapping.NODE, arena);
                final SplittableRandom random = new SplittableRandom(7);
                int crossing = 0;
                for (int rank = 0; rank < shape.ranks(); rank++) {
                    input.fill(rank, random, 20);
                    final DispatchLayout layout = new DispatchLayout(shape, input.routings[rank]);
                    for (int node = 0; node < shape.nodes(); node++) {
                        crossing += node == shape.nodeOf(rank) ? 0 : layout.tokensPerNode(node);
                    }
                }
                final CountingTransport transport = new CountingTransport(heap, 2, arena);
                final HighThroughputExchange[] exchanges = new HighThroughputExchange[shape.ranks()];
                Arrays.setAll(exchanges, rank -> new HighThroughputExchange(config.withPath(path), transport, rank, WorkMeter.NONE, System::nanoTime));
                for (int rank = 0; rank < shape.ranks(); rank++) {
                    exchanges[rank].dispatch(input.tokens[rank], input.routings[rank]);
                }
                driveAll(exchanges);
                final int messageBytes = HighThroughputExchange.messageBytes(config);
                assertThat(messageBytes).isEqualTo(8 + 8 * 8 + 256 + 8);
                assertThat(transport.writesByLength.get(messageBytes)).as("token writes between nodes, %s", path).isEqualTo(crossing);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(TransferPath.class)
    void longWritesAreCut(final TransferPath path) {
        final MoeShape shape = new MoeShape(4, 2, 4, 2, 128, 64);
        final HighThroughputConfig config = HighThroughputConfig.of(shape).withPath(path).withChunkTokens(16, 32).withRowsPerTurn(64)
            .withQueuePairsPerChannel(2).withSegmentBytes(1000);
        try (Arena arena = Arena.ofConfined(); SymmetricHeap heap = new SymmetricHeap(shape.ranks(), HighThroughputExchange.heapBytes(config))) {
            final CountingTransport transport = new CountingTransport(heap, 2, arena);
            final HighThroughputExchange[] exchanges = new HighThroughputExchange[shape.ranks()];
            Arrays.setAll(exchanges, rank -> new HighThroughputExchange(config, transport, rank, WorkMeter.NONE, System::nanoTime));
            final MemorySegment tokens = arena.allocate(64L * shape.rowBytes(), 64);
            for (int rank = 0; rank < shape.ranks(); rank++) {
                exchanges[rank].dispatch(tokens, allTo(64, 4, arena, 0, 1));
            }
            driveAll(exchanges);
            // Ranks 2 and 3 send 64 tokens each to node 0: 4 chunks of 5,088 bytes in halves, 2 elements of 1,000 and one of 544 each.
            assertThat(transport.writesByLength.get(1000)).isEqualTo(2 * 4 * 2 * 2);
            assertThat(transport.writesByLength.get(544)).isEqualTo(2 * 4 * 2);
            assertThat(transport.writesByLength.keySet()).allMatch(length -> length <= 1000);
            assertThatThrownBy(() -> new HighThroughputExchange(config.withSegmentBytes(64).withSendQueueDepth(32), transport, 0, WorkMeter.NONE,
                System::nanoTime)).hasMessage("segmentBytes=64: cuts a write of 2544 bytes into 40 elements, at most sendQueueDepth=32");
        }
    }

    @Test
    void tokensCrossInChunks() {
        final MoeShape shape = new MoeShape(4, 2, 4, 2, 128, 64);
        final HighThroughputConfig config = HighThroughputConfig.of(shape).withChunkTokens(16, 32).withRowsPerTurn(64);
        for (final TransferPath path : TransferPath.values()) {
            try (Arena arena = Arena.ofConfined();
                 SymmetricHeap heap = new SymmetricHeap(shape.ranks(), HighThroughputExchange.heapBytes(config.withPath(path)))) {
                final CountingTransport transport = new CountingTransport(heap, 2, arena);
                final HighThroughputExchange[] exchanges = new HighThroughputExchange[shape.ranks()];
                Arrays.setAll(exchanges, rank -> new HighThroughputExchange(config.withPath(path), transport, rank, WorkMeter.NONE, System::nanoTime));
                final MemorySegment tokens = arena.allocate(64L * shape.rowBytes(), 64);
                for (int rank = 0; rank < shape.ranks(); rank++) {
                    exchanges[rank].dispatch(tokens, allTo(64, 4, arena, 0, 1));
                }
                driveAll(exchanges);
                // Ranks 2 and 3 send 64 tokens each to node 0: 4 chunks of 15 strides of 320 bytes and one record of 288.
                assertThat(HighThroughputExchange.messageBytes(config)).isEqualTo(288);
                assertThat(transport.writesByLength.get(15 * 320 + 288)).as("writes of 16 tokens, %s", path).isEqualTo(8);
            }
        }
    }

    @ParameterizedTest
    @EnumSource(TransferPath.class)
    void withoutPayloadTheSameIsChargedAndHeadersArrive(final TransferPath path) {
        final MoeShape shape = new MoeShape(4, 2, 8, 3, 128, 12);
        final long[][] charged = new long[2][];
        for (final Payload payload : Payload.values()) {
            final HighThroughputConfig config = HighThroughputConfig.of(shape).withPath(path).withPayload(payload).withChannels(2)
                .withDispatchType(DispatchType.FP8).withChunkTokens(2, 4);
            final long[] bytes = new long[Stage.values().length];
            try (Arena arena = Arena.ofConfined(); SymmetricHeap heap = new SymmetricHeap(4, HighThroughputExchange.heapBytes(config));
                 DirectTransport transport = new DirectTransport(heap, Mapping.NODE, 2, 256)) {
                final HighThroughputCase input = new HighThroughputCase(3, config, Mapping.NODE, arena);
                final SplittableRandom random = new SplittableRandom(3);
                final HighThroughputExchange[] exchanges = new HighThroughputExchange[4];
                final HighThroughputCall[] calls = new HighThroughputCall[4];
                Arrays.setAll(exchanges, rank ->
                    new HighThroughputExchange(config, transport, rank, (stage, count) -> bytes[stage.ordinal()] += count, System::nanoTime));
                for (int rank = 0; rank < 4; rank++) {
                    input.fill(rank, random, 12);
                    final MemorySegment tokens = payload == Payload.MOVED ? input.tokens[rank] : MemorySegment.NULL;
                    calls[rank] = exchanges[rank].dispatch(tokens, input.routings[rank]);
                }
                driveAll(exchanges);
                final MemorySegment[] weights = new MemorySegment[4];
                for (int rank = 0; rank < 4; rank++) {
                    checkHeaders(input, calls[rank], rank);
                    weights[rank] = arena.allocate(12L * 3 * 4, 4);
                    calls[rank].combine(payload == Payload.MOVED ? arena.allocate(12L * shape.rowBytes(), 64) : MemorySegment.NULL, weights[rank], null, null);
                }
                driveAll(exchanges);
                for (int rank = 0; rank < 4; rank++) {
                    assertThat(calls[rank].isOver()).isTrue();
                    for (int i = 0; i < 36; i++) {
                        final int expert = input.routings[rank].expert(i / 3, i % 3);
                        assertThat(weights[rank].getAtIndex(JAVA_FLOAT, i))
                            .isEqualTo(expert == Routing.NONE ? 0 : input.routings[rank].weight(i / 3, i % 3));
                    }
                }
            }
            charged[payload.ordinal()] = bytes;
        }
        assertThat(charged[0]).isEqualTo(charged[1]);
        assertThat(charged[0][Stage.PACK.ordinal()]).isPositive();
        assertThat(charged[0][Stage.SEND.ordinal()]).isPositive();
        assertThat(charged[0][Stage.REDUCE.ordinal()]).isPositive();
    }

    private static void checkHeaders(final HighThroughputCase input, final HighThroughputCall call, final int rank) {
        int row = 0;
        for (int source = 0; source < input.shape.ranks(); source++) {
            for (int token = 0; token < input.routings[source].tokens(); token++) {
                if (input.goesTo(source, token, rank)) {
                    assertThat(call.sourceRank(row)).isEqualTo(source);
                    assertThat(call.sourceToken(row)).isEqualTo(token);
                    call.passWeights(row);
                    row++;
                }
            }
        }
        assertThat(call.receivedRows()).isEqualTo(row);
    }

    @Test
    void memoryFollowsTheDocumentedFormula() {
        final MoeShape shape = new MoeShape(8, 4, 32, 4, 256, 50);
        final HighThroughputConfig config = HighThroughputConfig.of(shape).withChannels(3).withQueuePairsPerChannel(2).withLiveCalls(2)
            .withMaxReceiveRows(300).withChunkTokens(4, 12);
        final long m = 3 * 17;
        // Records: header and row, rounded to 64, behind a lead that puts rows on cache lines.
        final long d = 576;
        final long leadD = 64 - 40;
        final long o = 576;
        final long leadO = 64 - 16;
        final long words = 2 * (up(8 * 3 * 2 * 8) + up(2 * 3 * 2 * 8));
        final long control = up(2 * 2 * 4 * (3 * 5 + 4 * 4)) + up(2 * 4 * 4 * (2 * 3 + 4)) + up(2 * 4 * 4 * 2 * 3) + up(8 * (2 * 2 + 3 * 4));
        final long rows = up(leadD + 300 * d) + up(leadO + 300 * o);
        final long crossing = up(leadD + 2 * m * d) + 2 * up(leadO + 2 * m * o);
        final long zero = 2 * (up(leadD + m * d) + rows + crossing + up(leadO + 8 * m * o) + words + control);
        final long members = up(64 - 40 + d) + 8 * up(8 * (8 + 1 + 1));
        assertThat(HighThroughputExchange.heapBytes(config)).isEqualTo(zero + members);
        final long pulled = zero - 2 * up(leadO + 8 * m * o);
        assertThat(HighThroughputExchange.heapBytes(config.withCombine(CombineMethod.PULL))).isEqualTo(pulled + members);
        final long ring = 2 * (rows + words + control) + 2 * 3 * (8 + 2) * (up(64 + leadD + 12 * d) + up(64 + leadO + 12 * o));
        assertThat(HighThroughputExchange.heapBytes(config.withPath(TransferPath.RING))).isEqualTo(ring + members);
    }

    private static long up(final long bytes) {
        return (bytes + 63) / 64 * 64;
    }

    @Test
    void ringMemoryDoesNotGrowWithTheBurst() {
        final HighThroughputConfig few = HighThroughputConfig.of(new MoeShape(8, 4, 32, 4, 256, 32)).withPath(TransferPath.RING).withMaxReceiveRows(5000);
        final HighThroughputConfig many = HighThroughputConfig.of(new MoeShape(8, 4, 32, 4, 256, 4096)).withPath(TransferPath.RING).withMaxReceiveRows(5000);
        assertThat(HighThroughputExchange.heapBytes(many)).isEqualTo(HighThroughputExchange.heapBytes(few));
    }

    @Test
    void aBurstThroughTinyRingsArrivesAndStallsAreCountedByPeer() {
        final MoeShape shape = new MoeShape(4, 2, 4, 1, 8, 512);
        final HighThroughputConfig config = HighThroughputConfig.of(shape).withPath(TransferPath.RING).withChunkTokens(1, 2);
        try (Arena arena = Arena.ofConfined(); HighThroughputGroup group = new HighThroughputGroup(config, Mapping.SELF, System::nanoTime)) {
            final HighThroughputExchange[] exchanges = exchanges(group, 4);
            final HighThroughputCall[] calls = new HighThroughputCall[4];
            final MemorySegment tokens = arena.allocate(512L * 16);
            for (int rank = 0; rank < 4; rank++) {
                calls[rank] = exchanges[rank].dispatch(tokens, allTo(rank == 0 ? 512 : 64, 4, arena, 1));
            }
            driveAll(exchanges);
            assertThat(calls[1].isReceived()).isTrue();
            assertThat(calls[1].rows()).isEqualTo(512 + 3 * 64);
            assertThat(exchanges[0].creditStalls(1)).isPositive();
            assertThat(exchanges[0].creditStalls(2)).isZero();
            assertThat(exchanges[2].creditStalls(0)).isPositive();
            assertThat(exchanges[1].creditStalls(0)).isZero();
        }
    }

    @Test
    void aReceiverThatStopsTakingHoldsUpItsOwnStreamsOnly() {
        final MoeShape shape = new MoeShape(3, 3, 3, 2, 8, 64);
        final HighThroughputConfig config = HighThroughputConfig.of(shape).withPath(TransferPath.RING).withChunkTokens(1, 2);
        try (Arena arena = Arena.ofConfined(); HighThroughputGroup group = new HighThroughputGroup(config, Mapping.NODE, System::nanoTime)) {
            final HighThroughputExchange[] exchanges = exchanges(group, 3);
            final HighThroughputCall[] calls = new HighThroughputCall[3];
            for (int rank = 0; rank < 3; rank++) {
                calls[rank] = exchanges[rank].dispatch(arena.allocate(64L * 16), allTo(64, 3, arena, 1, 2));
            }
            while (!calls[1].isCounted()) {
                exchanges[2].doWork();
                exchanges[0].doWork();
                exchanges[1].doWork();
            }
            driveAll(exchanges[0], exchanges[1]);
            assertThat(calls[2].isReceived()).isFalse();
            assertThat(exchanges[0].creditStalls(2)).isPositive();
            for (int token = 0; token < 64; token++) {
                assertThat(calls[1].sourceRank(64 + token)).isEqualTo(1);
                assertThat(calls[1].sourceToken(token)).as("token of rank 0").isEqualTo(token);
                assertThat(calls[1].recvTopkIdx(token, 0)).isZero();
            }
            driveAll(exchanges);
            assertThat(calls[1].isReceived() && calls[2].isReceived()).isTrue();
        }
    }

    @Test
    void moreRowsThanThereIsRoomForAreRefused() {
        final HighThroughputConfig config = HighThroughputConfig.of(SMALL).withMaxReceiveRows(5);
        try (Arena arena = Arena.ofConfined(); HighThroughputGroup group = new HighThroughputGroup(config, Mapping.NODE, System::nanoTime)) {
            for (int rank = 0; rank < 2; rank++) {
                group.exchange(rank).dispatch(arena.allocate(64), allTo(3, 4, arena, 0, 1));
            }
            assertThatThrownBy(() -> driveAll(group.exchange(1), group.exchange(0))).isInstanceOf(IllegalStateException.class)
                .hasMessage("received rows=6: at most maxReceiveRows=5");
        }
        try (Arena arena = Arena.ofConfined();
             HighThroughputGroup group = new HighThroughputGroup(HighThroughputConfig.of(SMALL), Mapping.NODE, System::nanoTime)) {
            assertThat(group.exchange(0).dispatch(arena.allocate(64), allTo(3, 4, arena, 0, 1), 4).rows()).isEqualTo(4);
            group.exchange(1).dispatch(arena.allocate(64), allTo(3, 4, arena, 0, 1), 8);
            assertThatThrownBy(() -> driveAll(group.exchange(1), group.exchange(0))).hasMessage("received rows=6: at most fixedRows=4");
            assertThatThrownBy(() -> group.exchange(0).dispatch(arena.allocate(64), allTo(3, 4, arena, 0, 1), 9))
                .hasMessage("fixedRows=9: 0 to maxReceiveRows=8");
        }
    }

    @ParameterizedTest
    @EnumSource(TransferPath.class)
    void aRankThatStopsIsWaitedForByNameThenMasked(final TransferPath path) {
        final MoeShape shape = new MoeShape(4, 2, 4, 2, 8, 64);
        final HighThroughputConfig config = HighThroughputConfig.of(shape).withPath(path).withChunkTokens(1, 2).withRowsPerTurn(1)
            .withTimeoutNanos(1_000_000);
        for (int turns = 0; turns < 100; turns++) {
            final long[] now = new long[1];
            try (Arena arena = Arena.ofConfined(); HighThroughputGroup group = new HighThroughputGroup(config, Mapping.NODE, () -> now[0])) {
                final HighThroughputExchange[] exchanges = exchanges(group, 4);
                final HighThroughputCall[] calls = new HighThroughputCall[4];
                for (int rank = 0; rank < 4; rank++) {
                    calls[rank] = exchanges[rank].dispatch(arena.allocate(64L * 16), allTo(64, 4, arena, 0, 3));
                }
                int left = turns;
                boolean moved = true;
                while (moved) {
                    moved = left-- > 0 && exchanges[3].doWork() > 0;
                    for (int rank = 0; rank < 3; rank++) {
                        moved |= exchanges[rank].doWork() > 0;
                        if (calls[rank].isReceived()) {
                            calls[rank].combine(arena.allocate(64L * 16));
                            moved = true;
                        }
                    }
                }
                // Rank 3 is in a node with rank 2 and on a rail with rank 1.
                assertThat(exchanges[2].waitingFor()).as("after %s turns", turns).contains(3);
                assertThat(exchanges[1].waitingFor()).as("after %s turns", turns).contains(3);
                final HighThroughputExchange waiting = exchanges[2];
                now[0] += 60_000_000_000L;
                waiting.doWork();
                assertThat(waiting.queryMask(new int[4])).as("a pause counts for a quarter of the time-out").isZero();
                for (int quarter = 0; quarter < 2; quarter++) {
                    now[0] += 250_000;
                    waiting.doWork();
                    assertThat(waiting.isMasked(3)).isFalse();
                }
                now[0] += 250_000;
                waiting.doWork();
                assertThat(waiting.isMasked(3)).isTrue();
                assertThat(calls[2].isLeftOut(3)).isTrue();
            }
        }
    }

    @Test
    void configurationsThatCannotWorkAreRefused() {
        final HighThroughputConfig config = HighThroughputConfig.of(SMALL);
        final HighThroughputConfig ring = config.withPath(TransferPath.RING);
        assertThatThrownBy(() -> ring.withChunkTokens(16, 31)).hasMessage("ringTokens=31: 32 to 65536");
        assertThatThrownBy(() -> ring.withChunkTokens(16, 40)).hasMessage("ringTokens=40: a multiple of chunkTokens=16");
        assertThatThrownBy(() -> config.withChunkTokens(0, 8)).hasMessage("chunkTokens=0: 1 to 1024");
        assertThatThrownBy(() -> config.withChannels(65)).hasMessage("channels=65: 1 to 64");
        assertThatThrownBy(() -> config.withQueuePairsPerChannel(9)).hasMessage("queuePairsPerChannel=9: 1 to 8");
        assertThatThrownBy(() -> config.withSegmentBytes(63)).hasMessage("segmentBytes=63: 64 to 2147483647");
        assertThatThrownBy(() -> config.withSendQueueDepth(48)).hasMessage("sendQueueDepth=48: a power of two");
        assertThatThrownBy(() -> config.withDoorbellBatch(65)).hasMessage("doorbellBatch=65: 1 to 64");
        assertThatThrownBy(() -> config.withLiveCalls(3)).hasMessage("liveCalls=3: 1 to 2");
        assertThatThrownBy(() -> config.withMaxReceiveRows(0)).hasMessage("maxReceiveRows=0: 1 to 2147483647");
        assertThatThrownBy(() -> config.withExpertAlignment(0)).hasMessage("expertAlignment=0: 1 to 2147483647");
        assertThatThrownBy(() -> config.withRowsPerTurn(0)).hasMessage("rowsPerTurn=0: 1 to 2147483647");
        assertThatThrownBy(() -> config.withTimeoutNanos(999)).hasMessage("timeoutNanos=999: 1000 to 3600000000000");
        assertThatThrownBy(() -> config.withDispatchType(DispatchType.FP8)).hasMessage("hidden=8: a multiple of 128 with FP8 dispatch");
        assertThatThrownBy(() -> new HighThroughputGroup(config.withCombine(CombineMethod.PULL), Mapping.SELF, System::nanoTime))
            .hasMessage("combine=PULL: needs the memory of every rank of the node mapped; rank 1's is not");
        try (SymmetricHeap heap = new SymmetricHeap(2, 64); DirectTransport transport = new DirectTransport(heap, Mapping.ALL, 64)) {
            assertThatThrownBy(() -> new HighThroughputExchange(config, transport, 0, WorkMeter.NONE, System::nanoTime))
                .hasMessage("heap bytesPerRank=64: at least " + HighThroughputExchange.heapBytes(config));
            assertThatThrownBy(() -> new HighThroughputExchange(config, transport, 2, WorkMeter.NONE, System::nanoTime)).hasMessage("rank=2: 0 to 1");
        }
    }

    @Test
    void argumentsThatDoNotFitAreRefusedBeforeAnythingHappens() {
        try (Arena arena = Arena.ofConfined();
             HighThroughputGroup group = new HighThroughputGroup(HighThroughputConfig.of(SMALL), Mapping.NODE, System::nanoTime)) {
            final HighThroughputExchange exchange = group.exchange(0);
            final Routing one = allTo(1, 4, arena, 0, 3);
            assertThatThrownBy(() -> exchange.dispatch(arena.allocate(128), allTo(5, 4, arena, 0, 1)))
                .hasMessage("routing tokens=5: at most maxTokensPerRank=4");
            assertThatThrownBy(() -> exchange.dispatch(arena.allocate(128), allTo(1, 4, arena, 0))).hasMessage("routing topK=1 experts=4: 2 and 4, as the shape has");
            assertThatThrownBy(() -> exchange.dispatch(arena.allocate(15), one)).hasMessage("tokens bytes=15: at least 16");
            assertThat(exchange.doWork()).isZero();
            final HighThroughputCall call = exchange.dispatch(arena.allocate(16), one);
            assertThatThrownBy(call::release).hasMessage("release: not allowed in state DISPATCHING of call 1");
            assertThatThrownBy(call::handle).hasMessage("handle: not allowed in state DISPATCHING of call 1");
            assertThatThrownBy(() -> exchange.dispatch(arena.allocate(16), one)).isInstanceOf(IllegalStateException.class)
                .hasMessage("live calls=1: combine or release call 1 first");
            final HighThroughputCall other = group.exchange(1).dispatch(arena.allocate(16), one);
            driveAll(exchange, group.exchange(1));
            assertThatThrownBy(() -> call.combine(arena.allocate(15))).hasMessage("combined bytes=15: at least 16");
            assertThatThrownBy(() -> call.combine(arena.allocate(16), arena.allocate(7), null, null)).hasMessage("combinedWeights bytes=7: at least 8");
            assertThatThrownBy(() -> call.combine(arena.allocate(16), null, null, arena.allocate(2))).hasMessage("bias1 bytes=2: at least 16");
            final HighThroughputHandle foreign = other.handle();
            assertThatThrownBy(() -> exchange.dispatch(arena.allocate(16), foreign)).hasMessage("handle: of another exchange");
            call.combine(arena.allocate(16));
            assertThatThrownBy(call::release).hasMessage("release: not allowed in state RETURNING of call 1");
            other.release();
            assertThatThrownBy(() -> driveAll(exchange, group.exchange(1))).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("or the other way round");
        }
    }
}

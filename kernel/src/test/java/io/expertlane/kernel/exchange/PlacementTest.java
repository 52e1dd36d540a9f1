package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.moe.ExpertPlacement;
import io.expertlane.kernel.moe.ExpertPlacer;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** Redundant experts: which copy a selection goes to changes no sum. */
class PlacementTest {
    private static final long BASE_SEED = 808;

    @Test
    void sumsAreThoseOfOneCopyOfEachExpert() {
        for (long seed = BASE_SEED; seed < BASE_SEED + 60; seed++) {
            try (Arena arena = Arena.ofConfined()) {
                run(ExchangeCase.random(seed, arena, true), new SplittableRandom(~seed), arena);
            }
        }
    }

    private static void run(final ExchangeCase input, final SplittableRandom random, final Arena arena) {
        final MoeShape logical = input.shape;
        final int[] table = new int[logical.experts() + logical.ranks() * random.nextInt(4)];
        final int shift = random.nextInt(table.length);
        for (int physical = 0; physical < table.length; physical++) {
            table[(physical + shift) % table.length] = physical < logical.experts() ? physical : random.nextInt(logical.experts());
        }
        final ExpertPlacement placement = ExpertPlacement.of(logical.experts(), table);
        final LowLatencyConfig config = LowLatencyConfig.of(new MoeShape(logical.ranks(), logical.ranksPerNode(), table.length, logical.topK(),
                logical.hidden(), logical.maxTokensPerRank()))
            .withDispatchType(input.config.dispatchType()).withRoundScales(input.config.roundScales()).withCombine(input.config.combine())
            .withCombineType(input.config.combineType()).withPath(input.config.path()).withRing(input.config.chunkTokens(), input.config.ringTokens());
        final LowLatencyCall[] calls = new LowLatencyCall[logical.ranks()];
        try (LowLatencyGroup group = new LowLatencyGroup(config, Mapping.ALL, System::nanoTime)) {
            for (int rank = 0; rank < calls.length; rank++) {
                final ExpertPlacer placer = new ExpertPlacer(placement, rank, logical.maxTokensPerRank(), logical.topK(), arena);
                calls[rank] = group.exchange(rank).dispatch(input.tokens[rank], placer.place(input.routings[rank]));
                calls[rank].receive();
            }
            drive(group, calls.length);
            final MemorySegment[] combined = new MemorySegment[calls.length];
            for (int rank = 0; rank < calls.length; rank++) {
                runExperts(input, placement, group.exchange(rank), calls[rank], arena);
                combined[rank] = arena.allocate(Math.max(1, (long) input.routings[rank].tokens() * logical.rowBytes()), 64);
                calls[rank].combine();
                calls[rank].reduce(combined[rank]);
            }
            drive(group, calls.length);
            for (int rank = 0; rank < calls.length; rank++) {
                assertThat(calls[rank].isOver()).as("over at rank %s, %s", rank, input).isTrue();
                for (int token = 0; token < input.routings[rank].tokens(); token++) {
                    final short[] row = combined[rank].asSlice((long) token * logical.rowBytes(), logical.rowBytes()).toArray(JAVA_SHORT);
                    assertThat(row).as("token %s of rank %s, %s", token, rank, input).isEqualTo(input.expected(rank, token));
                }
            }
        }
    }

    private static void drive(final LowLatencyGroup group, final int ranks) {
        int work = 1;
        while (work > 0) {
            work = 0;
            for (int rank = 0; rank < ranks; rank++) {
                work += group.exchange(rank).doWork();
            }
        }
    }

    private static void runExperts(final ExchangeCase input, final ExpertPlacement placement, final LowLatencyExchange exchange, final LowLatencyCall call,
                                   final Arena arena) {
        assertThat(call.isReceived()).as("received at rank %s, %s", exchange.rank(), input).isTrue();
        final MoeShape shape = exchange.config().shape();
        final MemorySegment row = arena.allocate(shape.rowBytes(), 64);
        for (int localExpert = 0; localExpert < shape.localExperts(); localExpert++) {
            final int expert = placement.logicalOf(exchange.rank() * shape.localExperts() + localExpert);
            for (int source = 0; source < shape.ranks(); source++) {
                for (int slot = 0; slot < call.count(localExpert, source); slot++) {
                    exchange.readRow(call.rowOffset(localExpert, source, slot), row, 0);
                    input.expertStep(expert, row, 0, exchange.region(), call.outputOffset(localExpert, source, slot));
                }
            }
        }
    }
}

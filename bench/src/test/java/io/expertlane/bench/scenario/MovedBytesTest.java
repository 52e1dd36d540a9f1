package io.expertlane.bench.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.exchange.Stage;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.memory.Pages;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MovedBytesTest {
    private static final int RANKS = 2;
    private static final int TOKENS = 5;
    private static final int TOP_K = 3;
    private static final int HIDDEN = 256;
    private static final long SEED = 9;
    private static final long ROW = HIDDEN * 2L;
    private static final long ROWS = (long) RANKS * TOKENS * TOP_K;
    /** Counts that are taken and told, beside the rows. */
    private static final long METADATA_BYTES = 1024;

    /**
     * Times that dispatch and combine copy each selection's row; staging a token is one more for each token on the zero
     * path.
     */
    @ParameterizedTest
    @CsvSource({"ZERO, PUSH, false, 1, 1", "ZERO, PUSH, true, 1, 1", "ZERO, PULL, true, 1, 0",
        "RING, PUSH, true, 2, 2"})
    void countsEachTimeARowIsCopied(final TransferPath path, final CombineMethod combine, final boolean mapped,
    final int dispatchCopies,
                                    final int combineCopies) {
        final MoeShape shape = new MoeShape(RANKS, RANKS, 8, TOP_K, HIDDEN, TOKENS);
        final LowLatencyConfig config = LowLatencyConfig.of(shape).withPath(path).withCombine(combine);
        try (Arena arena = Arena.ofShared();
             ExchangeTeam team = new ExchangeTeam(RANKS, RANKS, LowLatencyExchange.heapBytes(config), Pages.BASE,
                 mapped ? Mapping.ALL : Mapping.SELF, ExchangeKind.rounds(config, ExpertStep.SCALE), 1)) {
            final Routing[] routings = DrawnRouting.uniform().routings(shape, TOKENS, SEED, arena);
            final MemorySegment[] rows = ExchangeTeam.normalRows(RANKS, TOKENS, HIDDEN, SEED, arena);
            final long message = LowLatencyExchange.messageBytes(config);
            final MovedBytes moved = team.movedBytes();
            moved.count(true);
            team.dispatch(rows, routings);
            final long staged = path == TransferPath.ZERO ? (long) RANKS * TOKENS * (ROW + message) / 2 : 0;
            assertThat(moved.copiedBytes() - staged).as("dispatch")
                .isBetween(dispatchCopies * ROWS * ROW, dispatchCopies * ROWS * message + METADATA_BYTES);
            team.runExperts();
            moved.count(true);
            team.combine(new MemorySegment[] {arena.allocate(TOKENS * ROW, 64), arena.allocate(TOKENS * ROW, 64)});
            assertThat(moved.copiedBytes()).as("combine")
                .isBetween(combineCopies * ROWS * ROW, combineCopies * ROWS * message + METADATA_BYTES);
            assertThat(moved.stageBytes(Stage.REDUCE)).as("each row read, each sum written")
                .isEqualTo(ROWS * ROW + RANKS * TOKENS * ROW);
            moved.count(false);
            team.dispatch(rows, routings);
            team.release();
            assertThat(moved.stageBytes(Stage.REDUCE)).as("switched off").isEqualTo(ROWS * ROW + RANKS * TOKENS * ROW);
        }
    }
}

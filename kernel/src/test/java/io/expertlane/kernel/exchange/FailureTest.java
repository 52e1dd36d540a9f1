package io.expertlane.kernel.exchange;

import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import java.util.function.IntPredicate;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Ranks that stop at a random point of a run and come back; all ranks on one thread in random order, under a virtual clock. */
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class FailureTest {
    private static final long BASE_SEED = 20_261_123;
    private static final int MOST_RANKS = 16;

    @ParameterizedTest(name = "{0} {1}")
    @CsvSource({"ZERO, PUSH, 50", "ZERO, PULL, 50", "RING, PUSH, 50"})
    void lowLatencyRanksFinishWithoutAStoppedOneAndItComesBack(final TransferPath path, final CombineMethod combine, final int seeds) {
        for (long seed = BASE_SEED; seed < BASE_SEED + seeds; seed++) {
            runLowLatency(seed, path, combine, 1);
        }
    }

    @ParameterizedTest(name = "{0} {1}")
    @CsvSource({"ZERO, PUSH, 12", "ZERO, PULL, 12", "RING, PUSH, 12"})
    void lowLatencyRanksFinishWithoutTwo(final TransferPath path, final CombineMethod combine, final int seeds) {
        for (long seed = BASE_SEED + 1000; seed < BASE_SEED + 1000 + seeds; seed++) {
            runLowLatency(seed, path, combine, 2);
        }
    }

    @ParameterizedTest(name = "{0} {1}")
    @CsvSource({"ZERO, PUSH, 50", "ZERO, PULL, 50", "RING, PUSH, 50", "RING, PULL, 50"})
    void highThroughputRanksFinishWithoutAStoppedOneAndItComesBack(final TransferPath path, final CombineMethod combine, final int seeds) {
        for (long seed = BASE_SEED + 2000; seed < BASE_SEED + 2000 + seeds; seed++) {
            runHighThroughput(seed, path, combine, 1);
        }
    }

    @ParameterizedTest(name = "{0} {1}")
    @CsvSource({"ZERO, PUSH, 12", "ZERO, PULL, 12", "RING, PUSH, 12", "RING, PULL, 12"})
    void highThroughputRanksFinishWithoutTwo(final TransferPath path, final CombineMethod combine, final int seeds) {
        for (long seed = BASE_SEED + 3000; seed < BASE_SEED + 3000 + seeds; seed++) {
            runHighThroughput(seed, path, combine, 2);
        }
    }

    private static void runLowLatency(final long seed, final TransferPath path, final CombineMethod combine, final int failures) {
        try (Arena arena = Arena.ofConfined()) {
            ExchangeCase made = ExchangeCase.random(seed, arena, true);
            for (long other = seed + 1_000_000; made.shape.ranks() <= failures || made.shape.ranks() > MOST_RANKS; other += 1_000_000) {
                made = ExchangeCase.random(other, arena, true);
            }
            final LowLatencyConfig config = made.config.withTimeoutNanos(FailureRun.TIMEOUT_NANOS).withCombineType(CombineType.BF16)
                .withPath(TransferPath.ZERO).withCombine(combine).withPath(path).withSegmentBytes(LowLatencyConfig.NO_SEGMENTATION);
            try (LowLatencyRun run = new LowLatencyRun(seed, made.with(config), failures, arena)) {
                run.stopAndFinish();
                run.comeBack();
            }
        }
    }

    private static void runHighThroughput(final long seed, final TransferPath path, final CombineMethod combine, final int failures) {
        try (Arena arena = Arena.ofConfined()) {
            HighThroughputCase made = HighThroughputCase.random(seed, arena);
            for (long other = seed + 1_000_000; !isSuitable(made, failures); other += 1_000_000) {
                made = HighThroughputCase.random(other, arena);
            }
            final HighThroughputConfig config = made.config.withTimeoutNanos(FailureRun.TIMEOUT_NANOS).withCombine(combine).withPath(path);
            try (HighThroughputRun run = new HighThroughputRun(seed, made.with(config), failures, arena)) {
                run.stopAndFinish();
                run.comeBack();
            }
        }
    }

    private static boolean isSuitable(final HighThroughputCase input, final int failures) {
        return input.shape.ranks() > failures && input.shape.ranks() <= MOST_RANKS && input.shape.hidden() <= 256;
    }

    /** The low-latency mode. */
    private static final class LowLatencyRun extends FailureRun {
        private final LowLatencyExchange[] exchanges;
        private ExchangeCase input;

        LowLatencyRun(final long seed, final ExchangeCase input, final int failures, final Arena arena) {
            super(seed, failures, input.shape.ranks(), LowLatencyExchange.heapBytes(input.config),
                input.config.combine() == CombineMethod.PUSH && seed % 3 == 1,
                input.config.combine() == CombineMethod.PULL || seed % 3 == 0 ? Mapping.ALL : Mapping.SELF, 1, arena);
            this.input = input;
            this.exchanges = new LowLatencyExchange[ranks];
            for (int rank = 0; rank < ranks; rank++) {
                connect(rank);
            }
        }

        @Override
        void connect(final int rank) {
            exchanges[rank] = new LowLatencyExchange(input.config, transport, rank, WorkMeter.NONE, this::now);
        }

        @Override
        Program program(final int rank, final int calls, final boolean stopping) {
            final IntPredicate mayFail = peer -> stopping || stops[peer];
            return new CaseProgram(input, exchanges[rank], calls, arena, mayFail);
        }

        @Override
        boolean rejoin(final int rank) {
            return exchanges[rank].rejoin();
        }

        @Override
        boolean clearMask(final int rank, final int guest) {
            return exchanges[rank].clearMask(guest);
        }

        @Override
        int queryMask(final int rank, final int[] mask) {
            return exchanges[rank].queryMask(mask);
        }

        @Override
        void changeInput() {
            input = input.another();
        }

        @Override
        Object input() {
            return input;
        }
    }

    /** The high-throughput mode. */
    private static final class HighThroughputRun extends FailureRun {
        private final HighThroughputExchange[] exchanges;
        private HighThroughputCase input;

        HighThroughputRun(final long seed, final HighThroughputCase input, final int failures, final Arena arena) {
            super(seed, failures, input.shape.ranks(), HighThroughputExchange.heapBytes(input.config),
                input.config.combine() == CombineMethod.PUSH && seed % 3 == 1, mapping(seed, input), input.shape.ranksPerNode(), arena);
            this.input = input;
            this.exchanges = new HighThroughputExchange[ranks];
            for (int rank = 0; rank < ranks; rank++) {
                connect(rank);
            }
        }

        private static Mapping mapping(final long seed, final HighThroughputCase input) {
            final boolean pull = input.config.combine() == CombineMethod.PULL;
            return pull ? input.shape.ranksPerNode() > 1 && seed % 2 == 0 ? Mapping.NODE : Mapping.ALL : input.mapping;
        }

        @Override
        void connect(final int rank) {
            exchanges[rank] = new HighThroughputExchange(input.config, transport, rank, WorkMeter.NONE, this::now);
        }

        @Override
        Program program(final int rank, final int calls, final boolean stopping) {
            final IntPredicate mayFail = peer -> stopping || stops[peer];
            return new HighThroughputProgram(input, exchanges[rank], calls, arena, mayFail);
        }

        @Override
        boolean rejoin(final int rank) {
            return exchanges[rank].rejoin();
        }

        @Override
        boolean clearMask(final int rank, final int guest) {
            return exchanges[rank].clearMask(guest);
        }

        @Override
        int queryMask(final int rank, final int[] mask) {
            return exchanges[rank].queryMask(mask);
        }

        @Override
        void changeInput() {
            input = input.another();
        }

        @Override
        Object input() {
            return input;
        }
    }
}

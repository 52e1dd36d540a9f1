package io.expertlane.kernel.exchange;

/**
 * What an exchange is tuned for, and the settings that only that mode has. {@link ExchangeConfig#lowLatency} and
 * {@link ExchangeConfig#highThroughput} make a configuration with either; the {@code with} methods here change one
 * value:
 * <pre>{@code
 * ExchangeConfig.highThroughput(shape, 4).withMode(Mode.highThroughput(4).withLiveCalls(2));
 * }</pre>
 */
public sealed interface Mode {
    /** Low latency with one queue pair an expert and BF16 outputs. */
    static LowLatency lowLatency() {
        return new LowLatency(1, CombineType.BF16);
    }

    /** High throughput with one queue pair a channel, one live call, worst-case rows and no alignment. */
    static HighThroughput highThroughput(final int channels) {
        return new HighThroughput(channels, 1, 1, HighThroughput.WORST_CASE_ROWS, 1);
    }

    /**
     * Each token goes by itself straight to each of its experts; combine applies the gate weights. Two calls may be
     * live.
     *
     * @param queuePairsPerExpert queue pairs of each (peer, local expert), or of each peer over the ring path, 1 to 8
     * @param combineType         format of output rows on their way back; LogFMT-10 needs push
     */
    record LowLatency(int queuePairsPerExpert, CombineType combineType) implements Mode {
        /** This with another number of queue pairs. */
        public LowLatency withQueuePairsPerExpert(final int value) {
            return new LowLatency(value, combineType);
        }

        /** This with another format of outputs. */
        public LowLatency withCombineType(final CombineType value) {
            return new LowLatency(queuePairsPerExpert, value);
        }
    }

    /**
     * A token crosses the network once for each node it goes to; a received row is for all its experts at the rank, and
     * the expert step applies the gate weights.
     *
     * @param channels            channels, each a contiguous run of a rank's tokens, 1 to 64
     * @param queuePairsPerChannel data queue pairs of each (peer, channel), 1 to 8
     * @param liveCalls           calls that may be live at once, 1 or 2
     * @param maxReceiveRows      most rows that a rank receives in one call; {@link #WORST_CASE_ROWS}: ranks x
     *                            maxTokensPerRank
     * @param expertAlignment     {@link Call#rowsOfExpert} is rounded up to a multiple of this, 1 or more
     */
    record HighThroughput(int channels, int queuePairsPerChannel, int liveCalls, int maxReceiveRows,
        int expertAlignment) implements Mode {
        /** Room for every token of every rank. */
        public static final int WORST_CASE_ROWS = 0;

        /** This with another number of queue pairs. */
        public HighThroughput withQueuePairsPerChannel(final int value) {
            return new HighThroughput(channels, value, liveCalls, maxReceiveRows, expertAlignment);
        }

        /** This with another number of live calls. */
        public HighThroughput withLiveCalls(final int value) {
            return new HighThroughput(channels, queuePairsPerChannel, value, maxReceiveRows, expertAlignment);
        }

        /** This with room for another number of rows. */
        public HighThroughput withMaxReceiveRows(final int value) {
            return new HighThroughput(channels, queuePairsPerChannel, liveCalls, value, expertAlignment);
        }

        /** This with another alignment. */
        public HighThroughput withExpertAlignment(final int value) {
            return new HighThroughput(channels, queuePairsPerChannel, liveCalls, maxReceiveRows, value);
        }
    }
}

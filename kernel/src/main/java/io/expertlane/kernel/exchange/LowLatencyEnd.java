package io.expertlane.kernel.exchange;

import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.MemorySegment;

/** A low-latency exchange behind {@link Exchange}. Its calls are two, used in turn. */
final class LowLatencyEnd implements Exchange {
    private static final float COMBINE_WEIGHS = 1;

    private final ExchangeConfig config;
    private final LowLatencyExchange exchange;
    private final LiveCall[] calls = new LiveCall[2];

    LowLatencyEnd(final ExchangeConfig config, final LowLatencyExchange exchange) {
        this.config = config;
        this.exchange = exchange;
    }

    @Override
    public Call dispatch(final MemorySegment tokens, final Routing routing) {
        final LiveCall call = begin(tokens, routing);
        call.receive();
        return call;
    }

    @Override
    public Call dispatch(final MemorySegment tokens, final Handle handle) {
        handle.requireOwner(this);
        return dispatch(tokens, handle.routing());
    }

    @Override
    public Call dispatch(final MemorySegment tokens, final Routing routing, final int fixedRows) {
        throw new IllegalArgumentException("fixedRows=" + fixedRows + ": high-throughput mode only");
    }

    @Override
    public Call send(final MemorySegment tokens, final Routing routing) {
        return begin(tokens, routing);
    }

    private LiveCall begin(final MemorySegment tokens, final Routing routing) {
        final LowLatencyCall begun = exchange.dispatch(tokens, routing);
        int index = 0;
        while (calls[index] != null && calls[index].call != begun) {
            index++;
        }
        if (calls[index] == null) {
            calls[index] = new LiveCall(begun);
        }
        calls[index].routing = routing;
        return calls[index];
    }

    @Override
    public int doWork() {
        return exchange.doWork();
    }

    @Override
    public boolean isMasked(final int peer) {
        return exchange.isMasked(peer);
    }

    @Override
    public int queryMask(final int[] target) {
        return exchange.queryMask(target);
    }

    @Override
    public void mask(final int peer) {
        exchange.mask(peer);
    }

    @Override
    public boolean clearMask(final int peer) {
        return exchange.clearMask(peer);
    }

    @Override
    public String joinState(final int peer) {
        return exchange.joinState(peer);
    }

    @Override
    public boolean rejoin() {
        return exchange.rejoin();
    }

    @Override
    public long transportFailures() {
        return exchange.transportFailures();
    }

    @Override
    public long protocolErrors(final int peer) {
        return exchange.protocolErrors(peer);
    }

    @Override
    public String protocolError(final int peer) {
        return exchange.protocolError(peer);
    }

    @Override
    public long creditStalls(final int peer) {
        return exchange.creditStalls(peer);
    }

    @Override
    public StageTimes stageTimes() {
        return exchange.stageTimes();
    }

    @Override
    public PeerWaits peerWaits() {
        return exchange.peerWaits();
    }

    @Override
    public ExchangeConfig config() {
        return config;
    }

    @Override
    public int rank() {
        return exchange.rank();
    }

    @Override
    public MemorySegment memory() {
        return exchange.region();
    }

    @Override
    public void close() {
        exchange.close();
    }

    /** A call and its cursor. */
    final class LiveCall implements Call {
        private final LowLatencyCall call;
        private final Rows rows;
        private Routing routing;

        LiveCall(final LowLatencyCall call) {
            this.call = call;
            this.rows = new Rows(call);
        }

        @Override
        public void receive() {
            call.receive();
        }

        @Override
        public boolean isSent() {
            return call.isSent();
        }

        @Override
        public boolean isReceived() {
            return call.isReceived();
        }

        @Override
        public ReceivedRows rows() {
            requireReceived("rows");
            return rows.rewind();
        }

        private void requireReceived(final String step) {
            if (!call.isReceived()) {
                throw new IllegalStateException(step + ": not before isReceived()");
            }
        }

        @Override
        public int rowsOfExpert(final int localExpert) {
            requireReceived("rowsOfExpert");
            return call.count(localExpert);
        }

        @Override
        public void combine(final MemorySegment target) {
            requireReceived("combine");
            call.requireTarget(target);
            call.combine();
            call.reduce(target);
        }

        @Override
        public void combine(
            final MemorySegment target, final MemorySegment targetWeights, final MemorySegment bias0,
            final MemorySegment bias1) {
            if (targetWeights != null || bias0 != null || bias1 != null) {
                throw new IllegalArgumentException("combine with weights or biases: high-throughput mode only");
            }
            combine(target);
        }

        @Override
        public void sendOutputs() {
            call.combine();
        }

        @Override
        public void receiveOutputs(final MemorySegment target) {
            call.reduce(target);
        }

        @Override
        public boolean areOutputsSent() {
            return call.isCombineSent();
        }

        @Override
        public void release() {
            call.release();
        }

        @Override
        public boolean isOver() {
            return call.isOver();
        }

        @Override
        public boolean isExcluded(final int peer) {
            return call.isLeftOut(peer);
        }

        @Override
        public Handle handle() {
            requireReceived("handle");
            return new Handle(LowLatencyEnd.this, routing);
        }
    }

    /** Rows by local expert, source rank and slot. */
    final class Rows implements ReceivedRows {
        private final LowLatencyCall call;
        private final int localExperts;
        private final int ranks;
        private int localExpert;
        private int source;
        private int slot;
        private int count;

        Rows(final LowLatencyCall call) {
            final MoeShape shape = config.shape();
            this.call = call;
            this.localExperts = shape.localExperts();
            this.ranks = shape.ranks();
        }

        Rows rewind() {
            localExpert = 0;
            source = 0;
            slot = -1;
            count = call.count(0, 0);
            return this;
        }

        @Override
        public boolean next() {
            slot++;
            while (slot >= count) {
                source++;
                if (source == ranks) {
                    if (localExpert == localExperts - 1) {
                        // Stays behind the last row, however often it is asked.
                        source = ranks - 1;
                        slot = count;
                        return false;
                    }
                    source = 0;
                    localExpert++;
                }
                slot = 0;
                count = call.count(localExpert, source);
            }
            return true;
        }

        @Override
        public int experts() {
            return 1;
        }

        @Override
        public int localExpert(final int index) {
            return localExpert;
        }

        @Override
        public float weight(final int index) {
            return COMBINE_WEIGHS;
        }

        @Override
        public int sourceRank() {
            return source;
        }

        @Override
        public int sourceToken() {
            return call.sourceToken(localExpert, source, slot);
        }

        @Override
        public void read(final MemorySegment target, final long targetOffset) {
            exchange.readRow(rowOffset(), target, targetOffset);
        }

        @Override
        public long rowOffset() {
            return call.rowOffset(localExpert, source, slot);
        }

        @Override
        public long outputOffset() {
            return call.outputOffset(localExpert, source, slot);
        }

        @Override
        public void passWeights() {
            // The source rank has the weights.
        }

        @Override
        public MemorySegment memory() {
            return exchange.region();
        }
    }
}

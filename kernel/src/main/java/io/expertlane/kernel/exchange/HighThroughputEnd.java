package io.expertlane.kernel.exchange;

import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.MemorySegment;

/** A high-throughput exchange behind {@link Exchange}. Its calls are as many as may be live, used in turn. */
final class HighThroughputEnd implements Exchange {
    private final ExchangeConfig config;
    private final HighThroughputExchange exchange;
    private final LiveCall[] calls;
    private final PeerWaits peerWaits;
    private boolean closed;

    HighThroughputEnd(final ExchangeConfig config, final HighThroughputExchange exchange) {
        this.config = config;
        this.exchange = exchange;
        this.calls = new LiveCall[exchange.config().liveCalls()];
        this.peerWaits = new PeerWaits(config.shape().ranks());
    }

    @Override
    public Call dispatch(final MemorySegment tokens, final Routing routing) {
        requireOpen();
        return begun(exchange.dispatch(tokens, routing));
    }

    @Override
    public Call dispatch(final MemorySegment tokens, final Handle handle) {
        requireOpen();
        handle.requireOwner(this);
        return begun(exchange.dispatch(tokens, handle.layout()));
    }

    @Override
    public Call dispatch(final MemorySegment tokens, final Routing routing, final int fixedRows) {
        requireOpen();
        return begun(exchange.dispatch(tokens, routing, fixedRows));
    }

    @Override
    public Call send(final MemorySegment tokens, final Routing routing) {
        return dispatch(tokens, routing);
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("exchange of rank " + exchange.rank() + ": closed");
        }
    }

    private Call begun(final HighThroughputCall begun) {
        final int index = begun.buffer();
        if (calls[index] == null) {
            calls[index] = new LiveCall(begun);
        }
        calls[index].outputsWanted = false;
        return calls[index];
    }

    @Override
    public int doWork() {
        requireOpen();
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
        requireOpen();
        exchange.mask(peer);
    }

    @Override
    public boolean clearMask(final int peer) {
        requireOpen();
        return exchange.clearMask(peer);
    }

    @Override
    public String joinState(final int peer) {
        return exchange.joinState(peer);
    }

    @Override
    public boolean rejoin() {
        requireOpen();
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
        return peerWaits;
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
        requireOpen();
        closed = true;
    }

    /** A call and its cursor. */
    final class LiveCall implements Call {
        private final HighThroughputCall call;
        private final Rows rows;
        private boolean outputsWanted;

        LiveCall(final HighThroughputCall call) {
            this.call = call;
            this.rows = new Rows(call);
        }

        @Override
        public void receive() {
            requireOpen();
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
            requireOpen();
            if (!call.isReceived()) {
                throw new IllegalStateException(step + ": not before isReceived()");
            }
        }

        @Override
        public int rowsOfExpert(final int localExpert) {
            requireReceived("rowsOfExpert");
            return call.recvTokensPerExpert(localExpert);
        }

        @Override
        public void combine(final MemorySegment target) {
            combine(target, null, null, null);
        }

        @Override
        public void combine(
            final MemorySegment target, final MemorySegment targetWeights, final MemorySegment bias0,
            final MemorySegment bias1) {
            requireOpen();
            call.combine(target, targetWeights, bias0, bias1);
        }

        @Override
        public void sendOutputs() {
            requireReceived("sendOutputs");
            outputsWanted = true;
        }

        @Override
        public void receiveOutputs(final MemorySegment target) {
            if (!outputsWanted) {
                throw new IllegalStateException("receiveOutputs: not before sendOutputs()");
            }
            combine(target);
            outputsWanted = false;
        }

        @Override
        public boolean areOutputsSent() {
            return call.isOver();
        }

        @Override
        public void release() {
            requireOpen();
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
            return new Handle(HighThroughputEnd.this, call.handle());
        }
    }

    /** Rows in order of source rank and token. */
    final class Rows implements ReceivedRows {
        private final HighThroughputCall call;
        private final int[] localExperts;
        private final float[] weights;
        private int row;
        private int experts;

        Rows(final HighThroughputCall call) {
            this.call = call;
            this.localExperts = new int[config.shape().topK()];
            this.weights = new float[config.shape().topK()];
        }

        Rows rewind() {
            row = -1;
            experts = 0;
            return this;
        }

        @Override
        public boolean next() {
            final int rows = call.receivedRows();
            do {
                row = Math.min(row + 1, rows);
                takeExperts();
            } while (row < rows && experts == 0);
            return row < rows;
        }

        private void takeExperts() {
            experts = 0;
            for (int k = 0; k < localExperts.length; k++) {
                final int localExpert = call.recvTopkIdx(row, k);
                if (localExpert != Routing.NONE) {
                    localExperts[experts] = localExpert;
                    weights[experts] = call.recvTopkWeight(row, k);
                    experts++;
                }
            }
        }

        @Override
        public int experts() {
            return experts;
        }

        @Override
        public int localExpert(final int index) {
            return localExperts[index];
        }

        @Override
        public float weight(final int index) {
            return weights[index];
        }

        @Override
        public int sourceRank() {
            return call.sourceRank(row);
        }

        @Override
        public int sourceToken() {
            return call.sourceToken(row);
        }

        @Override
        public void read(final MemorySegment target, final long targetOffset) {
            exchange.readRow(call.rowOffset(row), target, targetOffset);
        }

        @Override
        public long rowOffset() {
            return call.rowOffset(row);
        }

        @Override
        public long outputOffset() {
            return call.outputOffset(row);
        }

        @Override
        public void passWeights() {
            call.passWeights(row);
        }

        @Override
        public MemorySegment memory() {
            return exchange.region();
        }
    }
}

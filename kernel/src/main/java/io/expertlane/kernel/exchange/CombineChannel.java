package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.codec.RowTable;
import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.ring.RingReceiver;
import io.expertlane.kernel.ring.RingSender;
import io.expertlane.kernel.verbs.RecordReceiver;
import io.expertlane.kernel.verbs.RecordSender;
import io.expertlane.kernel.zero.SlotReceiver;
import io.expertlane.kernel.zero.SlotSender;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.BitSet;

/**
 * One channel's combine at one rank, for one call after another: it returns output rows to the ranks of the node that they came from (push),
 * sums the rows of its node for each token of the other ranks of its rail and returns the sums, and sums what comes back for its own tokens.
 * Streams are the ones of dispatch with their direction turned, indexed as in {@link DispatchChannel}.
 *
 * <p>Every stream brings its rows in token order, so a token is summed once the heads of the streams it needs are there.
 */
final class CombineChannel {
    private static final RowCodec CODEC = RowCodec.best();
    private static final int MAX_BIASES = 2;

    private final HighThroughputContext context;
    private final HighThroughputConfig config;
    private final Rails rails;
    private final HighThroughputMemory memory;
    private final MemorySegment region;
    private final RecordLayout record;
    private final int channel;
    private final int rank;
    private final int topK;
    private final boolean pull;
    private final RowTable rows = new RowTable(MoeShape.MAX_TOP_K + MAX_BIASES);
    private final float[] weights;

    private final RecordSender[] rowSenders;
    private final RecordReceiver[] rowReceivers;
    private final RecordSender[] railSenders;
    private final RecordReceiver[] railReceivers;

    private final int[] returned;
    private final boolean[] returnDone;
    private final int[] forwarded;
    private final boolean[] forwardDone;
    private final int[] taken;
    private final boolean[] nodeOut;
    private final boolean[] localOut;
    private final long[] stallsBefore;

    private HighThroughputLayout layout;
    private HighThroughputCall target;
    private int buffer;
    private int returning;
    private int forwarding;
    private int token;

    CombineChannel(final HighThroughputContext context, final int channel) {
        this.context = context;
        this.config = context.config();
        this.rails = context.rails();
        this.memory = context.memory();
        this.region = context.region();
        this.record = memory.returned();
        this.channel = channel;
        this.rank = context.rank();
        this.topK = config.shape().topK();
        this.pull = config.combine() == CombineMethod.PULL;
        this.weights = new float[topK];
        final int streams = rails.nodes() * rails.perNode();
        this.rowSenders = new RecordSender[streams];
        this.rowReceivers = new RecordReceiver[streams];
        this.railSenders = new RecordSender[rails.nodes()];
        this.railReceivers = new RecordReceiver[rails.nodes()];
        this.returned = new int[streams];
        this.returnDone = new boolean[streams];
        this.forwarded = new int[rails.nodes()];
        this.forwardDone = new boolean[rails.nodes()];
        this.taken = new int[streams];
        this.nodeOut = new boolean[rails.nodes()];
        this.localOut = new boolean[rails.perNode()];
        this.stallsBefore = new long[config.shape().ranks()];
        for (int local = 0; local < rails.perNode(); local++) {
            connect(rails.inNode(local), 0);
        }
        for (int node = 0; node < rails.nodes(); node++) {
            if (node != rails.node()) {
                connect(rails.onRail(node), 0);
            }
        }
    }

    /** Begins the streams to and from {@code peer}, or begins them again, with words of this tag. */
    void connect(final int peer, final int tag) {
        stallsBefore[peer] = stalls(peer);
        if (rails.isInNode(peer)) {
            for (int node = 0; node < rails.nodes(); node++) {
                connectRows(node, peer % rails.perNode(), tag);
            }
        } else {
            connectRail(peer / rails.perNode(), tag);
        }
    }

    private void connectRows(final int node, final int local, final int tag) {
        final PeerConnections peers = context.peers();
        final int lanes = config.queuePairsPerChannel();
        final int peer = rails.inNode(local);
        final int index = stream(node, local);
        if (isPulled(local)) {
            rowReceivers[index] = new SlotReceiver(record, region, lanes, reason -> refuse(peer, reason));
        } else if (context.isRing()) {
            rowSenders[index] = new RingSender(memory.returnRing(), context.heap(), rank, peer,
                memory.rowRing(false, true, node, local, channel), memory.rowRing(false, false, node, rails.local(), channel),
                peers.queuePairs(), peers.data(peer, channel), lanes, tag);
            rowReceivers[index] = new RingReceiver(memory.returnRing(), context.heap(), rank, peer,
                memory.rowRing(false, false, node, local, channel), memory.rowRing(false, true, node, rails.local(), channel),
                peers.queuePairs(), peers.control(peer), lanes, tag);
            ((RingSender) rowSenders[index]).onError(reason -> refuse(peer, reason));
            ((RingReceiver) rowReceivers[index]).onError(reason -> refuse(peer, reason));
        } else {
            rowSenders[index] = new SlotSender(record, config.chunkTokens(), context.heap(), rank, peer,
                peers.queuePairs(), peers.data(peer, channel), lanes);
            rowReceivers[index] = new SlotReceiver(record, region, lanes, reason -> refuse(peer, reason));
        }
    }

    private void connectRail(final int node, final int tag) {
        final PeerConnections peers = context.peers();
        final int lanes = config.queuePairsPerChannel();
        final int peer = rails.onRail(node);
        if (context.isRing()) {
            railSenders[node] = new RingSender(memory.returnRing(), context.heap(), rank, peer,
                memory.railRing(false, true, node, channel), memory.railRing(false, false, rails.node(), channel),
                peers.queuePairs(), peers.data(peer, channel), lanes, tag);
            railReceivers[node] = new RingReceiver(memory.returnRing(), context.heap(), rank, peer,
                memory.railRing(false, false, node, channel), memory.railRing(false, true, rails.node(), channel),
                peers.queuePairs(), peers.control(peer), lanes, tag);
            ((RingSender) railSenders[node]).onError(reason -> refuse(peer, reason));
            ((RingReceiver) railReceivers[node]).onError(reason -> refuse(peer, reason));
        } else {
            railSenders[node] = new SlotSender(record, config.chunkTokens(), context.heap(), rank, peer,
                peers.queuePairs(), peers.data(peer, channel), lanes);
            railReceivers[node] = new SlotReceiver(record, region, lanes, reason -> refuse(peer, reason));
        }
    }

    private void refuse(final int peer, final String reason) {
        context.errors().refuse(peer, "call " + target.number() + ", combine on channel " + channel + ": " + reason);
    }

    /** A rank's own rows are read where they are, whatever the method. */
    private boolean isPulled(final int local) {
        return pull || local == rails.local();
    }

    private int stream(final int node, final int local) {
        return node * rails.perNode() + local;
    }

    void begin(final HighThroughputCall of) {
        target = of;
        layout = of.layout();
        buffer = of.buffer();
        Arrays.fill(returned, 0);
        Arrays.fill(forwarded, 0);
        Arrays.fill(taken, 0);
        Arrays.fill(nodeOut, false);
        Arrays.fill(localOut, false);
        returning = 0;
        forwarding = 0;
        token = layout.firstToken(channel);
        for (int node = 0; node < rails.nodes(); node++) {
            for (int local = 0; local < rails.perNode(); local++) {
                openRows(node, local);
            }
            forwardDone[node] = node == rails.node();
            if (node != rails.node()) {
                forwarding++;
                openRail(node);
            }
        }
    }

    private void openRows(final int node, final int local) {
        final int index = stream(node, local);
        returnDone[index] = isPulled(local);
        if (!returnDone[index]) {
            returning++;
        }
        if (isPulled(local)) {
            ((SlotReceiver) rowReceivers[index]).openPulled(context.heap().region(rails.inNode(local)),
                memory.output(buffer, layout.forwardStart(local, node, channel)));
            if (local == rails.local()) {
                ((SlotReceiver) rowReceivers[index]).ready();
            }
        } else if (!context.isRing()) {
            ((SlotSender) rowSenders[index]).open(context.word(rails.inNode(local), target.number(), 0), memory.slots(buffer, node, rails.local(), channel),
                memory.slotWord(buffer, node, rails.local(), channel));
            ((SlotReceiver) rowReceivers[index]).open(context.word(rails.inNode(local), target.number(), 0), memory.slots(buffer, node, local, channel),
                memory.slotWord(buffer, node, local, channel), layout.forwardCount(local, node, channel));
        }
    }

    private void openRail(final int node) {
        if (!context.isRing()) {
            final int destination = rails.perNode() + node;
            ((SlotSender) railSenders[node]).open(context.word(rails.onRail(node), target.number(), 0), memory.partial(buffer, rails.node(), channel),
                memory.partialWord(buffer, rails.node(), channel));
            ((SlotReceiver) railReceivers[node]).open(context.word(rails.onRail(node), target.number(), 0), memory.partial(buffer, node, channel),
                memory.partialWord(buffer, node, channel), layout.listEnd(channel, destination) - layout.listStart(channel, destination));
        }
    }

    /** Goes on without {@code peer}: returns nothing to it any more, and leaves what it has not given out of the sums. */
    void exclude(final int peer) {
        if (rails.isInNode(peer)) {
            final int local = peer % rails.perNode();
            localOut[local] = true;
            for (int node = 0; node < rails.nodes(); node++) {
                final int index = stream(node, local);
                returning -= returnDone[index] ? 0 : 1;
                returnDone[index] = true;
            }
        } else {
            nodeOut[peer / rails.perNode()] = true;
        }
    }

    /** Tells that the outputs of rank {@code local} of this node are complete. */
    void outputsReady(final int local) {
        if (isPulled(local)) {
            for (int node = 0; node < rails.nodes(); node++) {
                ((SlotReceiver) rowReceivers[stream(node, local)]).ready();
            }
        }
    }

    boolean isDone() {
        return returning == 0 && forwarding == 0 && token == layout.endToken(channel);
    }

    int doWork() {
        int work = 0;
        if (returning > 0) {
            work += returnRows();
        }
        if (forwarding > 0) {
            work += forward();
        }
        if (token < layout.endToken(channel)) {
            work += sumTokens();
        }
        return work;
    }

    private int returnRows() {
        final long from = context.now();
        int work = 0;
        for (int step = 1; step <= returned.length; step++) {
            final int index = (channel + rank + step) % returned.length;
            if (!returnDone[index]) {
                final RecordSender sender = rowSenders[index];
                final int count = layout.receivedCount(index, channel);
                final int turnEnd = (int) Math.min(count, (long) returned[index] + config.rowsPerTurn());
                int row = layout.receivedStart(index, channel) + returned[index];
                while (returned[index] < turnEnd && sender.append(memory.output(buffer, row))) {
                    if (sender.isFilledInPlace()) {
                        context.meter().charge(Stage.SEND, 2L * record.wireBytes());
                    }
                    returned[index]++;
                    row++;
                    work++;
                }
                if (returned[index] == count && sender.flush()) {
                    returnDone[index] = true;
                    returning--;
                    work++;
                }
            }
        }
        context.stageTimes().add(Stage.SEND, context.now() - from);
        return work;
    }

    private int forward() {
        final long from = context.now();
        int work = 0;
        for (int step = 1; step <= rails.nodes(); step++) {
            final int node = (rails.node() + step) % rails.nodes();
            if (!forwardDone[node] && nodeOut[node]) {
                work += drain(node);
            } else if (!forwardDone[node]) {
                final int length = layout.streamLength(node, channel);
                final int turnEnd = (int) Math.min(length, (long) forwarded[node] + config.rowsPerTurn());
                while (forwarded[node] < turnEnd && forwardSum(node)) {
                    forwarded[node]++;
                    work++;
                }
                if (forwarded[node] == length && railSenders[node].flush()) {
                    forwardDone[node] = true;
                    forwarding--;
                    work++;
                }
            }
        }
        context.stageTimes().add(Stage.REDUCE, context.now() - from);
        return work;
    }

    /** Takes, and does not sum, the rows that the ranks of the node return for a rank that is left out: they don't know that it is. */
    private int drain(final int node) {
        int work = 0;
        boolean all = true;
        for (int local = 0; local < rails.perNode(); local++) {
            if (!localOut[local] && !isPulled(local)) {
                final int index = stream(node, local);
                final int count = layout.forwardCount(local, node, channel);
                final RecordReceiver receiver = rowReceivers[index];
                while (taken[index] < count && receiver.available() > 0) {
                    receiver.consume();
                    taken[index]++;
                    work++;
                }
                all &= taken[index] == count;
            }
        }
        if (all) {
            forwardDone[node] = true;
            forwarding--;
            work++;
        }
        return work;
    }

    private boolean forwardSum(final int node) {
        final int index = forwarded[node];
        if (!isReady(node, index)) {
            return false;
        }
        final RecordSender sender = railSenders[node];
        final boolean inPlace = sender.isFilledInPlace();
        final long staged = inPlace ? 0 : memory.sentPartial(buffer, node, channel) + (long) index * record.stride();
        if (inPlace && !sender.claim()) {
            return false;
        }
        rows.clear();
        Arrays.fill(weights, 0);
        addLocals(node, index);
        final MemorySegment to = inPlace ? sender.segment() : region;
        final long at = inPlace ? sender.offset() : staged;
        MemorySegment.copy(weights, 0, to, JAVA_FLOAT, at, topK);
        reduce(to, at + record.headerBytes());
        if (isAnyPulledGone()) {
            return false;
        }
        if (inPlace) {
            sender.commit();
        } else if (!sender.append(staged)) {
            return false;
        }
        consumeLocals(node, index);
        return true;
    }

    private int sumTokens() {
        final long from = context.now();
        final int first = token;
        final int end = (int) Math.min(layout.endToken(channel), (long) token + config.rowsPerTurn());
        while (token < end && sumToken()) {
            token++;
        }
        context.stageTimes().add(Stage.REDUCE, context.now() - from);
        return token - first;
    }

    private boolean sumToken() {
        final int index = token - layout.firstToken(channel);
        if (!isReady(rails.node(), index) || !areSumsReady()) {
            return false;
        }
        rows.clear();
        Arrays.fill(weights, 0);
        final long rowOffset = (long) token * config.shape().rowBytes();
        for (int bias = 0; bias < MAX_BIASES; bias++) {
            if (target.bias(bias) != null) {
                rows.add(target.bias(bias), rowOffset);
            }
        }
        for (int node = layout.nextNode(token, 0); node >= 0; node = layout.nextNode(token, node + 1)) {
            if (node == rails.node()) {
                addLocals(node, index);
            } else if (!nodeOut[node]) {
                add(railReceivers[node]);
            }
        }
        reduce(target.combined(), rowOffset);
        if (isAnyPulledGone()) {
            return false;
        }
        if (target.combinedWeights() != null) {
            MemorySegment.copy(weights, 0, target.combinedWeights(), JAVA_FLOAT, (long) token * topK * Float.BYTES, topK);
        }
        for (int node = layout.nextNode(token, 0); node >= 0; node = layout.nextNode(token, node + 1)) {
            if (node == rails.node()) {
                consumeLocals(node, index);
            } else if (!nodeOut[node]) {
                railReceivers[node].consume();
            }
        }
        return true;
    }

    /**
     * Whether rows just pulled may have been other ones: their rank has given this one up, and left it no time. It revokes its memory before
     * it writes there again, so what was read before the keys are is good. The sum is made anew without that rank.
     */
    private boolean isAnyPulledGone() {
        if (!pull) {
            return false;
        }
        VarHandle.acquireFence();
        for (int local = 0; local < rails.perNode(); local++) {
            if (!localOut[local] && context.peers().isGone(rails.inNode(local))) {
                return true;
            }
        }
        return false;
    }

    private boolean areSumsReady() {
        for (int node = layout.nextNode(token, 0); node >= 0; node = layout.nextNode(token, node + 1)) {
            if (node != rails.node() && !nodeOut[node] && railReceivers[node].available() == 0) {
                return false;
            }
        }
        return true;
    }

    private boolean isReady(final int node, final int index) {
        for (int local = layout.nextLocal(node, channel, index, 0); local >= 0; local = layout.nextLocal(node, channel, index, local + 1)) {
            if (!localOut[local] && rowReceivers[stream(node, local)].available() == 0) {
                return false;
            }
        }
        return true;
    }

    private void addLocals(final int node, final int index) {
        for (int local = layout.nextLocal(node, channel, index, 0); local >= 0; local = layout.nextLocal(node, channel, index, local + 1)) {
            if (!localOut[local]) {
                add(rowReceivers[stream(node, local)]);
            }
        }
    }

    private void add(final RecordReceiver receiver) {
        final MemorySegment from = receiver.segment();
        final long at = receiver.offset();
        rows.add(from, at + record.headerBytes());
        for (int k = 0; k < topK; k++) {
            weights[k] += from.get(JAVA_FLOAT, at + (long) k * Float.BYTES);
        }
    }

    private void consumeLocals(final int node, final int index) {
        for (int local = layout.nextLocal(node, channel, index, 0); local >= 0; local = layout.nextLocal(node, channel, index, local + 1)) {
            if (!localOut[local]) {
                rowReceivers[stream(node, local)].consume();
                taken[stream(node, local)]++;
            }
        }
    }

    private void reduce(final MemorySegment to, final long at) {
        if (context.isMoved()) {
            CODEC.reduce(rows, to, at, config.shape().hidden());
        }
        context.meter().charge(Stage.REDUCE, (rows.count() + 1L) * config.shape().rowBytes());
    }

    /** Adds the ranks that the channel waits for: to return rows, to pass sums on, or to take either. */
    void addMissing(final BitSet missing) {
        for (int index = 0; index < returnDone.length; index++) {
            if (!returnDone[index]) {
                missing.set(rails.inNode(index % rails.perNode()));
            }
        }
        for (int node = 0; node < rails.nodes(); node++) {
            if (!forwardDone[node] && nodeOut[node]) {
                addDraining(missing, node);
            } else if (!forwardDone[node] && (forwarded[node] == layout.streamLength(node, channel) || !addMissing(missing, node, forwarded[node]))) {
                missing.set(rails.onRail(node));
            }
        }
        if (token < layout.endToken(channel)) {
            addMissing(missing, rails.node(), token - layout.firstToken(channel));
            for (int node = layout.nextNode(token, 0); node >= 0; node = layout.nextNode(token, node + 1)) {
                if (node != rails.node() && !nodeOut[node] && railReceivers[node].available() == 0) {
                    missing.set(rails.onRail(node));
                }
            }
        }
    }

    private boolean addMissing(final BitSet missing, final int node, final int index) {
        boolean any = false;
        for (int local = layout.nextLocal(node, channel, index, 0); local >= 0; local = layout.nextLocal(node, channel, index, local + 1)) {
            if (!localOut[local] && rowReceivers[stream(node, local)].available() == 0) {
                missing.set(rails.inNode(local));
                any = true;
            }
        }
        return any;
    }

    private void addDraining(final BitSet missing, final int node) {
        for (int local = 0; local < rails.perNode(); local++) {
            if (!localOut[local] && !isPulled(local) && taken[stream(node, local)] < layout.forwardCount(local, node, channel)) {
                missing.set(rails.inNode(local));
            }
        }
    }

    /** How many times a stream to {@code peer} ran out of credits. */
    long stalls(final int peer) {
        long sum = stallsBefore[peer];
        for (int node = 0; node < rails.nodes(); node++) {
            for (int local = 0; local < rails.perNode(); local++) {
                if (rails.inNode(local) == peer && rowSenders[stream(node, local)] instanceof RingSender ring) {
                    sum += ring.stalls();
                }
            }
            if (rails.onRail(node) == peer && railSenders[node] instanceof RingSender ring) {
                sum += ring.stalls();
            }
        }
        return sum;
    }
}

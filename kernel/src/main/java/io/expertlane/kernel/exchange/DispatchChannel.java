package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.ring.RingReceiver;
import io.expertlane.kernel.ring.RingSender;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.RecordReceiver;
import io.expertlane.kernel.verbs.RecordSender;
import io.expertlane.kernel.zero.SlotReceiver;
import io.expertlane.kernel.zero.SlotSender;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;

/**
 * One channel's dispatch at one rank, for one call after another: it sends its run of the rank's own tokens, forwards what comes over the
 * rail to the ranks of the node, and receives. Each of these goes on as far as it can at every turn; a stream that is held up holds up no
 * other, but for a forwarded one, whose tokens leave in order.
 *
 * <p>A rank that is left out gets nothing more. Where it was to bring rows, records of lost rows take their places: written here where it
 * was to write to this rank, forwarded where its stream was to be forwarded. So all streams between the others keep their lengths.
 *
 * <p>Streams in the node are indexed by (source node, index of the other rank in this node), those on the rail by node.
 */
final class DispatchChannel {
    private static final RowCodec CODEC = RowCodec.best();
    private static final int NOT_BEGUN = -1;

    private final HighThroughputContext context;
    private final HighThroughputConfig config;
    private final Rails rails;
    private final HighThroughputMemory memory;
    private final CountExchange counts;
    private final MemorySegment region;
    private final RecordLayout record;
    private final int experts;
    private final int tokenLimit;
    private final int channel;
    private final int rank;

    private final RecordSender[] rowSenders;
    private final RecordSender[] railSenders;
    private final RecordReceiver[] rowReceivers;
    private final RecordReceiver[] railReceivers;

    private final boolean[] opened;
    private final int[] cursor;
    private final boolean[] sent;
    private final int[] forwarded;
    private final int[] forwardLocal;
    private final int[] lastForwarded;
    private final boolean[] flushed;
    private final boolean[] forwardDone;
    private final int[] received;
    private final int[] lastReceived;
    private final int[] pending;
    private final int[] packed;
    private final int[] given;
    private final boolean[] nodeOut;
    private final boolean[] localOut;
    private final long[] stallsBefore;
    /** By buffer, rank of the node and lane: the queue pair that carried forwarded rows, and how far. */
    private final QueuePair[][] forwardedOver;
    private final long[][] forwardedUpTo;

    private HighThroughputLayout layout;
    private RoutingCopy routing;
    private MemorySegment tokens;
    private int buffer;
    private long call;
    private int sending;
    private int forwarding;
    private boolean forwardingBegun;
    private int pendingCount;

    DispatchChannel(final HighThroughputContext context, final CountExchange counts, final int channel) {
        this.context = context;
        this.config = context.config();
        this.rails = context.rails();
        this.memory = context.memory();
        this.counts = counts;
        this.region = context.region();
        this.record = memory.dispatched();
        this.experts = config.shape().experts();
        this.tokenLimit = config.shape().maxTokensPerRank();
        this.channel = channel;
        this.rank = context.rank();
        final int streams = rails.nodes() * rails.perNode();
        final int destinations = rails.perNode() + rails.nodes();
        this.rowSenders = new RecordSender[streams];
        this.rowReceivers = new RecordReceiver[streams];
        this.railSenders = new RecordSender[rails.nodes()];
        this.railReceivers = new RecordReceiver[rails.nodes()];
        this.opened = new boolean[streams];
        this.cursor = new int[destinations];
        this.sent = new boolean[destinations];
        this.forwarded = new int[rails.nodes()];
        this.forwardLocal = new int[rails.nodes()];
        this.lastForwarded = new int[rails.nodes()];
        this.flushed = new boolean[streams];
        this.forwardDone = new boolean[rails.nodes()];
        this.received = new int[streams];
        this.lastReceived = new int[streams];
        this.pending = new int[streams];
        this.packed = new int[memory.packSlots()];
        this.given = new int[streams];
        this.nodeOut = new boolean[rails.nodes()];
        this.localOut = new boolean[rails.perNode()];
        this.stallsBefore = new long[config.shape().ranks()];
        final int carried = context.isRing() || rails.nodes() == 1 ? 0 : rails.perNode() * config.queuePairsPerChannel();
        this.forwardedOver = new QueuePair[config.liveCalls()][carried];
        this.forwardedUpTo = new long[config.liveCalls()][carried];
        TokenRecord.writeLost(region, memory.lost(), config.shape().topK());
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
        final int lanes = config.queuePairsPerChannel();
        if (rails.isInNode(peer)) {
            for (int node = 0; node < rails.nodes(); node++) {
                connectRows(node, peer % rails.perNode(), lanes, tag);
            }
        } else {
            connectRail(peer / rails.perNode(), lanes, tag);
        }
    }

    private void connectRows(final int node, final int local, final int lanes, final int tag) {
        final PeerConnections peers = context.peers();
        final int peer = rails.inNode(local);
        final int index = stream(node, local);
        if (isRing(local)) {
            rowSenders[index] = new RingSender(memory.dispatchRing(), context.heap(), rank, peer,
                memory.rowRing(true, true, node, local, channel), memory.rowRing(true, false, node, rails.local(), channel),
                peers.queuePairs(), peers.data(peer, channel), lanes, tag);
            rowReceivers[index] = new RingReceiver(memory.dispatchRing(), context.heap(), rank, peer,
                memory.rowRing(true, false, node, local, channel), memory.rowRing(true, true, node, rails.local(), channel),
                peers.queuePairs(), peers.control(peer), lanes, tag);
            ((RingSender) rowSenders[index]).onError(reason -> refuse(peer, reason));
            ((RingReceiver) rowReceivers[index]).onError(reason -> refuse(peer, reason));
        } else {
            rowSenders[index] = new SlotSender(record, config.chunkTokens(), context.heap(), rank, peer,
                peers.queuePairs(), peers.data(peer, channel), lanes);
            rowReceivers[index] = new SlotReceiver(record, region, lanes, reason -> refuse(peer, reason));
        }
    }

    private void connectRail(final int node, final int lanes, final int tag) {
        final PeerConnections peers = context.peers();
        final int peer = rails.onRail(node);
        if (context.isRing()) {
            railSenders[node] = new RingSender(memory.dispatchRing(), context.heap(), rank, peer,
                memory.railRing(true, true, node, channel), memory.railRing(true, false, rails.node(), channel),
                peers.queuePairs(), peers.data(peer, channel), lanes, tag);
            railReceivers[node] = new RingReceiver(memory.dispatchRing(), context.heap(), rank, peer,
                memory.railRing(true, false, node, channel), memory.railRing(true, true, rails.node(), channel),
                peers.queuePairs(), peers.control(peer), lanes, tag);
            ((RingSender) railSenders[node]).onError(reason -> refuse(peer, reason));
            ((RingReceiver) railReceivers[node]).onError(reason -> refuse(peer, reason));
        } else {
            railSenders[node] = new SlotSender(record, config.chunkTokens(), context.heap(), rank, peer,
                peers.queuePairs(), peers.data(peer, channel), lanes);
            railReceivers[node] = new SlotReceiver(record, region, lanes, reason -> refuse(peer, reason));
        }
    }

    /** Has a peer masked soon that wrote what it cannot mean; until then nothing of it is used. */
    private void refuse(final int peer, final String reason) {
        context.errors().refuse(peer, where() + reason);
    }

    private String where() {
        return "call " + call + ", dispatch on channel " + channel + ": ";
    }

    /** What a rank sends to itself is written to its rows at once. */
    private boolean isRing(final int local) {
        return context.isRing() && local != rails.local();
    }

    private int stream(final int node, final int local) {
        return node * rails.perNode() + local;
    }

    void begin(final HighThroughputLayout of, final MemorySegment tokenRows, final int inBuffer, final long callNumber) {
        layout = of;
        routing = of.routing();
        tokens = tokenRows;
        buffer = inBuffer;
        call = callNumber;
        sending = cursor.length;
        for (int destination = 0; destination < cursor.length; destination++) {
            cursor[destination] = layout.listStart(channel, destination);
            sent[destination] = false;
        }
        // The own node is reached rank by rank.
        sent[rails.perNode() + rails.node()] = true;
        sending--;
        forwarding = rails.nodes();
        Arrays.fill(forwarded, 0);
        Arrays.fill(forwardLocal, NOT_BEGUN);
        Arrays.fill(lastForwarded, -1);
        Arrays.fill(lastReceived, -1);
        forwardingBegun = false;
        Arrays.fill(forwardDone, false);
        Arrays.fill(flushed, false);
        Arrays.fill(received, 0);
        Arrays.fill(opened, false);
        Arrays.fill(packed, -1);
        Arrays.fill(given, 0);
        Arrays.fill(nodeOut, false);
        Arrays.fill(localOut, false);
        pendingCount = NOT_BEGUN;
        for (int node = 0; node < rails.nodes(); node++) {
            if (node != rails.node() && !context.isRing()) {
                ((SlotSender) railSenders[node]).open(context.word(rails.onRail(node), call, 0), memory.transit(buffer, rails.node(), channel),
                    memory.transitWord(buffer, rails.node(), channel));
            }
        }
    }

    /** Goes on without {@code peer}. */
    void exclude(final int peer) {
        if (rails.isInNode(peer)) {
            final int local = peer % rails.perNode();
            localOut[local] = true;
            endSending(local);
            publishForwarded(peer);
            for (int i = pendingCount - 1; i >= 0; i--) {
                if (pending[i] % rails.perNode() == local) {
                    writeLost(pending[i]);
                    pending[i] = pending[--pendingCount];
                }
            }
        } else {
            nodeOut[peer / rails.perNode()] = true;
            // Those that the token at hand has not reached get a lost record for it, as for all that follow.
            forwardLocal[peer / rails.perNode()] = NOT_BEGUN;
            endSending(rails.perNode() + peer / rails.perNode());
        }
    }

    /** Nothing more is posted to the peer: what has been, from transit slots, is to be carried out, or refused. */
    private void publishForwarded(final int peer) {
        final QueuePair[] lanes = context.peers().data(peer, channel);
        for (int lane = 0; lanes != null && lane < lanes.length; lane++) {
            lanes[lane].ringDoorbell();
        }
    }

    private void endSending(final int destination) {
        sending -= sent[destination] ? 0 : 1;
        sent[destination] = true;
    }

    private void writeLost(final int index) {
        final int first = layout.receivedStart(index, channel);
        final int expected = layout.receivedCount(index, channel);
        for (; received[index] < expected; received[index]++) {
            TokenRecord.writeLost(region, memory.receive(buffer, first + received[index]), config.shape().topK());
        }
    }

    boolean isDone() {
        return sending == 0 && forwarding == 0 && pendingCount == 0;
    }

    int doWork() {
        int work = 0;
        if (sending > 0) {
            work += send();
        }
        if (forwarding > 0 && counts.isNodesKnown() && counts.isAllPlaced()) {
            beginForwarding();
            work += forward();
        }
        if (pendingCount != 0 && counts.isRowsKnown()) {
            work += receive();
        }
        return work;
    }

    private int send() {
        final long from = context.now();
        int work = 0;
        long packNanos = 0;
        for (int step = 1; step <= cursor.length; step++) {
            // Rotated by channel and rank, so that neither the channels of a rank nor its node's ranks all begin with one destination.
            final int destination = (channel + rank + step) % cursor.length;
            if (!sent[destination]) {
                final RecordSender sender = sender(destination);
                if (sender != null) {
                    final int end = layout.listEnd(channel, destination);
                    final int turnEnd = (int) Math.min(end, (long) cursor[destination] + config.rowsPerTurn());
                    while (cursor[destination] < turnEnd) {
                        final int token = layout.listed(cursor[destination]);
                        if (!sender.isFilledInPlace() || config.dispatchType() == DispatchType.FP8) {
                            packNanos += pack(token);
                        }
                        if (!put(sender, token)) {
                            break;
                        }
                        cursor[destination]++;
                        work++;
                    }
                    if (cursor[destination] == end && sender.flush()) {
                        sent[destination] = true;
                        sending--;
                        work++;
                    }
                }
            }
        }
        context.stageTimes().add(Stage.PACK, packNanos);
        context.stageTimes().add(Stage.SEND, context.now() - from - packNanos);
        return work;
    }

    /** The stream to a destination, or null where it is not known yet at which rows it begins. */
    private RecordSender sender(final int destination) {
        if (destination >= rails.perNode()) {
            return railSenders[destination - rails.perNode()];
        }
        return openRows(rails.node(), destination) ? rowSenders[stream(rails.node(), destination)] : null;
    }

    private boolean openRows(final int node, final int local) {
        final int index = stream(node, local);
        if (!opened[index]) {
            if (isRing(local)) {
                opened[index] = true;
            } else if (counts.isPlaced(local)) {
                opened[index] = true;
                ((SlotSender) rowSenders[index]).open(context.word(rails.inNode(local), call, 0),
                    memory.receive(buffer, layout.forwardStart(local, node, channel)), memory.rowWord(buffer, node, rails.local(), channel));
            }
        }
        return opened[index];
    }

    /** Makes sure that the token's record lies in its pack slot; gives the time that took. */
    private long pack(final int token) {
        final int slot = packSlot(token);
        if (packed[slot] == token) {
            return 0;
        }
        final long from = context.now();
        final long at = memory.pack(buffer, channel, slot);
        TokenRecord.writeHeader(region, at, rank, token, routing);
        if (context.isMoved()) {
            final int hidden = config.shape().hidden();
            final int rowBytes = config.shape().rowBytes();
            final long row = at + record.headerBytes();
            if (config.dispatchType() == DispatchType.FP8) {
                CODEC.quantizeFp8(tokens, (long) token * rowBytes, region, row, region, row + hidden, hidden, config.roundScales());
            } else {
                MemorySegment.copy(tokens, (long) token * rowBytes, region, row, rowBytes);
            }
        }
        packed[slot] = token;
        context.meter().charge(Stage.PACK, config.shape().rowBytes() + record.wireBytes());
        return context.now() - from;
    }

    private int packSlot(final int token) {
        return (token - layout.firstToken(channel)) % packed.length;
    }

    private boolean put(final RecordSender sender, final int token) {
        if (!sender.isFilledInPlace()) {
            return sender.append(memory.pack(buffer, channel, packSlot(token)));
        }
        if (config.dispatchType() == DispatchType.FP8) {
            if (!sender.append(memory.pack(buffer, channel, packSlot(token)))) {
                return false;
            }
        } else {
            if (!sender.claim()) {
                return false;
            }
            final MemorySegment target = sender.segment();
            final long at = sender.offset();
            TokenRecord.writeHeader(target, at, rank, token, routing);
            if (context.isMoved()) {
                final int rowBytes = config.shape().rowBytes();
                MemorySegment.copy(tokens, (long) token * rowBytes, target, at + record.headerBytes(), rowBytes);
            }
            sender.commit();
        }
        context.meter().charge(Stage.SEND, 2L * record.wireBytes());
        return true;
    }

    private void beginForwarding() {
        for (int node = 0; node < rails.nodes() && !forwardingBegun && !context.isRing(); node++) {
            if (node != rails.node()) {
                ((SlotReceiver) railReceivers[node]).open(context.word(rails.onRail(node), call, 0), memory.transit(buffer, node, channel),
                    memory.transitWord(buffer, node, channel), layout.streamLength(node, channel));
            }
        }
        forwardingBegun = true;
    }

    private int forward() {
        final long from = context.now();
        int work = 0;
        for (int step = 1; step <= rails.nodes(); step++) {
            final int node = (rails.node() + step) % rails.nodes();
            if (!forwardDone[node]) {
                work += node == rails.node() ? 0 : nodeOut[node] ? forwardLost(node) : forward(node);
                if (node == rails.node() || forwarded[node] == layout.streamLength(node, channel) && isAllGiven(node) && flush(node)) {
                    forwardDone[node] = true;
                    forwarding--;
                    work++;
                }
            }
        }
        context.stageTimes().add(Stage.SEND, context.now() - from);
        return work;
    }

    private int forward(final int node) {
        final RecordReceiver receiver = railReceivers[node];
        final int left = layout.streamLength(node, channel) - forwarded[node];
        int budget = Math.min(config.rowsPerTurn(), left);
        int work = 0;
        while (budget > 0 && receiver.available() > 0 && forwardToken(node, receiver.offset())) {
            receiver.consume();
            forwarded[node]++;
            budget--;
            work++;
        }
        return work;
    }

    /** Gives each rank of the node a lost record for every token that it was to get of a stream that has ended early. */
    private int forwardLost(final int node) {
        int work = 0;
        boolean all = true;
        for (int local = 0; local < rails.perNode(); local++) {
            final int index = stream(node, local);
            final int count = localOut[local] ? 0 : layout.forwardCount(local, node, channel);
            while (given[index] < count && openRows(node, local) && rowSenders[index].append(memory.lost())) {
                given[index]++;
                work++;
            }
            all &= given[index] >= count;
        }
        forwarded[node] = all ? layout.streamLength(node, channel) : forwarded[node];
        return work;
    }

    /** Whether the ranks of the node have got as many rows of a stream as its counts say, now that all of its tokens have been read. */
    private boolean isAllGiven(final int node) {
        for (int local = 0; local < rails.perNode(); local++) {
            final int rows = given[stream(node, local)];
            if (!localOut[local] && rows != layout.forwardCount(local, node, channel)) {
                refuse(rails.onRail(node), "tokens=" + rows + " for rank " + rails.inNode(local) + ": " + layout.forwardCount(local, node, channel)
                    + " were announced");
                return false;
            }
        }
        return true;
    }

    /** Reads where a token goes; false: its record is not right. */
    private boolean beginToken(final int node, final int index, final long at) {
        final int token = region.get(JAVA_INT, at + TokenRecord.TOKEN_OFFSET);
        if (region.get(JAVA_INT, at + TokenRecord.RANK_OFFSET) != rails.onRail(node) || token <= lastForwarded[node] || token >= tokenLimit) {
            refuse(rails.onRail(node), describe(at, rails.onRail(node), lastForwarded[node]));
            return false;
        }
        layout.clearForwarded(node, channel, index);
        for (int k = 0; k < config.shape().topK(); k++) {
            final int expert = TokenRecord.expert(region, at, k);
            if (Integer.compareUnsigned(expert, experts) < 0) {
                final int target = config.shape().rankOf(expert);
                if (target / rails.perNode() == rails.node()) {
                    layout.addForwarded(node, channel, index, target % rails.perNode());
                }
            } else if (expert != Routing.NONE) {
                refuse(rails.onRail(node), describe(at, rails.onRail(node), lastForwarded[node]));
                return false;
            }
        }
        lastForwarded[node] = token;
        forwardLocal[node] = 0;
        return true;
    }

    /** A record that is not right, and what it may be. */
    private String describe(final long at, final int source, final int lastToken) {
        final StringBuilder ids = new StringBuilder();
        for (int k = 0; k < config.shape().topK(); k++) {
            ids.append(k == 0 ? "" : ",").append(TokenRecord.expert(region, at, k));
        }
        return "a row has rank=" + region.get(JAVA_INT, at + TokenRecord.RANK_OFFSET) + " token=" + region.get(JAVA_INT, at + TokenRecord.TOKEN_OFFSET)
            + " experts=" + ids + ": rank " + source + ", token " + (lastToken + 1) + " to " + (tokenLimit - 1) + ", experts -1 to " + (experts - 1);
    }

    private boolean forwardToken(final int node, final long at) {
        final int index = forwarded[node];
        if (forwardLocal[node] == NOT_BEGUN && !beginToken(node, index, at)) {
            return false;
        }
        int local = layout.nextLocal(node, channel, index, forwardLocal[node]);
        while (local >= 0) {
            if (!localOut[local]) {
                if (given[stream(node, local)] == layout.forwardCount(local, node, channel)) {
                    forwardLocal[node] = local;
                    refuse(rails.onRail(node), "another token for rank " + rails.inNode(local) + ": " + given[stream(node, local)] + " were announced");
                    return false;
                }
                openRows(node, local);
                final RecordSender sender = rowSenders[stream(node, local)];
                if (!sender.append(at)) {
                    forwardLocal[node] = local;
                    return false;
                }
                given[stream(node, local)]++;
                if (sender.isFilledInPlace()) {
                    context.meter().charge(Stage.SEND, 2L * record.wireBytes());
                }
            }
            local = layout.nextLocal(node, channel, index, local + 1);
        }
        forwardLocal[node] = NOT_BEGUN;
        return true;
    }

    private boolean flush(final int node) {
        boolean all = true;
        for (int local = 0; local < rails.perNode(); local++) {
            final int index = stream(node, local);
            if (!flushed[index]) {
                flushed[index] = !opened[index] || localOut[local] || rowSenders[index].flush();
                all &= flushed[index];
                markForwarded(local);
            }
        }
        return all;
    }

    /** What has been posted to that rank until now may have been posted from transit slots. */
    private void markForwarded(final int local) {
        final QueuePair[] lanes = context.peers().data(rails.inNode(local), channel);
        for (int lane = 0; lanes != null && forwardedOver[buffer].length > 0 && lane < lanes.length; lane++) {
            forwardedOver[buffer][local * lanes.length + lane] = lanes[lane];
            forwardedUpTo[buffer][local * lanes.length + lane] = lanes[lane].posted();
        }
    }

    /** Whether all that was posted from the transit slots of a buffer has been carried out, or refused. */
    boolean isForwardingCarriedOut(final int ofBuffer) {
        for (int index = 0; index < forwardedOver[ofBuffer].length; index++) {
            if (!isCarriedOut(ofBuffer, index)) {
                return false;
            }
        }
        return true;
    }

    private boolean isCarriedOut(final int ofBuffer, final int index) {
        final QueuePair queuePair = forwardedOver[ofBuffer][index];
        return queuePair == null || queuePair.isRetired(forwardedUpTo[ofBuffer][index]);
    }

    /** Adds the ranks to which rows from the transit slots of a buffer are in flight. */
    void addForwardingTo(final BitSet ranks, final int ofBuffer) {
        for (int index = 0; index < forwardedOver[ofBuffer].length; index++) {
            if (!isCarriedOut(ofBuffer, index)) {
                ranks.set(forwardedOver[ofBuffer][index].peerRank());
            }
        }
    }

    private int receive() {
        final long from = context.now();
        int work = 0;
        if (pendingCount == NOT_BEGUN) {
            pendingCount = 0;
            for (int index = 0; index < pending.length; index++) {
                awaitStream(index);
            }
            work++;
        }
        int i = 0;
        while (i < pendingCount) {
            final int index = pending[i];
            final int before = received[index];
            final int expected = layout.receivedCount(index, channel);
            if (isRing(index % rails.perNode())) {
                takeRows(index, expected);
            } else {
                final int arrived = ((SlotReceiver) rowReceivers[index]).arrived();
                while (received[index] < arrived && isTaken(index, memory.receive(buffer, layout.receivedStart(index, channel) + received[index]))) {
                    received[index]++;
                }
            }
            work += received[index] - before;
            if (received[index] == expected) {
                pending[i] = pending[--pendingCount];
            } else {
                i++;
            }
        }
        context.stageTimes().add(Stage.UNPACK, context.now() - from);
        return work;
    }

    private void awaitStream(final int index) {
        if (localOut[index % rails.perNode()]) {
            writeLost(index);
        } else if (layout.receivedCount(index, channel) > 0) {
            pending[pendingCount++] = index;
            final int node = index / rails.perNode();
            final int local = index % rails.perNode();
            if (!isRing(local)) {
                ((SlotReceiver) rowReceivers[index]).open(context.word(rails.inNode(local), call, 0), memory.receive(buffer, layout.receivedStart(index, channel)),
                    memory.rowWord(buffer, node, local, channel), layout.receivedCount(index, channel));
            }
        }
    }

    /**
     * Checks the record of a received row, in its place. One that is not right has its sender masked, or, if it was forwarded, becomes that of a lost
     * row: the rank that forwarded it had found it right, and somebody else may have changed it since.
     *
     * @return whether it may be used
     */
    private boolean isTaken(final int index, final long at) {
        if (index == rank) {
            return true;
        }
        final int source = region.get(JAVA_INT, at + TokenRecord.RANK_OFFSET);
        final int token = region.get(JAVA_INT, at + TokenRecord.TOKEN_OFFSET);
        // Negative if an expert is out of range: a loop without branches.
        int signs = 0;
        for (int k = 0; k < config.shape().topK(); k++) {
            final int expert = TokenRecord.expert(region, at, k);
            signs |= expert - Routing.NONE | experts - 1 - expert;
        }
        if (source == index && token > lastReceived[index] && token < tokenLimit && signs >= 0) {
            lastReceived[index] = token;
            return true;
        }
        final boolean isForwarded = index / rails.perNode() != rails.node();
        if (!isForwarded) {
            refuse(index, describe(at, index, lastReceived[index]));
        } else if (!TokenRecord.isLost(region, at, config.shape().topK())) {
            context.errors().count(index, where() + "by rank " + rails.inNode(index % rails.perNode()) + ", " + describe(at, index, lastReceived[index]));
            TokenRecord.writeLost(region, at, config.shape().topK());
        }
        return isForwarded;
    }

    private void takeRows(final int index, final int expected) {
        final RecordReceiver receiver = rowReceivers[index];
        int budget = Math.min(config.rowsPerTurn(), expected - received[index]);
        int row = layout.receivedStart(index, channel) + received[index];
        while (budget > 0 && receiver.available() > 0) {
            context.heap().copy(receiver.segment(), receiver.offset(), region, memory.receive(buffer, row), record.residentBytes());
            if (!isTaken(index, memory.receive(buffer, row))) {
                return;
            }
            receiver.consume();
            context.meter().charge(Stage.UNPACK, 2L * record.wireBytes());
            received[index]++;
            row++;
            budget--;
        }
    }

    /** Adds the ranks that the channel waits for: to send rows, to pass rows on, or to take rows. */
    void addMissing(final BitSet missing) {
        for (int destination = 0; destination < sent.length; destination++) {
            if (!sent[destination]) {
                missing.set(destination < rails.perNode() ? rails.inNode(destination) : rails.onRail(destination - rails.perNode()));
            }
        }
        for (int node = 0; node < rails.nodes(); node++) {
            if (!forwardDone[node] && node != rails.node()) {
                addForwarding(missing, node);
            }
        }
        for (int i = 0; i < pendingCount; i++) {
            missing.set(rails.inNode(pending[i] % rails.perNode()));
        }
    }

    private void addForwarding(final BitSet missing, final int node) {
        if (forwardLocal[node] != NOT_BEGUN) {
            missing.set(rails.inNode(forwardLocal[node]));
        } else if (nodeOut[node] || counts.isNodesKnown() && forwarded[node] == layout.streamLength(node, channel)) {
            for (int local = 0; local < rails.perNode(); local++) {
                if (!localOut[local] && !flushed[stream(node, local)]) {
                    missing.set(rails.inNode(local));
                }
            }
        } else {
            missing.set(rails.onRail(node));
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

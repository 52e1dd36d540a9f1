package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.BitSet;

/**
 * The exchange of counts that goes before the rows of a dispatch, in three hops: each rank tells the rank of its rail in every node how many
 * tokens go to each rank of that node (node counts); that one tells each rank of its node what comes over its rail (rank counts); each rank
 * now knows the order of its rows and tells each rank of its node where those it writes begin (starts). So a rank sends N + 2 P small
 * blocks and none is larger than a rank's share, where telling everything to everyone would take R.
 *
 * <p>With a handle, all of that is known, and only the signals of the first two hops are sent: they say that the sender is done with the
 * previous call in the same buffer.
 */
final class CountExchange {
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final HighThroughputContext context;
    private final Rails rails;
    private final HighThroughputMemory memory;
    private final MemorySegment region;
    private final boolean[] nodeArrived;
    private final boolean[] rankArrived;
    private final boolean[] placed;
    private final boolean[] nodeOut;
    private final boolean[] localOut;

    private HighThroughputLayout layout;
    private boolean known;
    private int buffer;
    private long call;
    private int nodesSent;
    private int nodesMissing;
    private int ranksSent;
    private int ranksMissing;
    private int startsSent;
    private int startsMissing;
    private boolean rowsRead;
    private boolean blockPosted;

    CountExchange(final HighThroughputContext context) {
        this.context = context;
        this.rails = context.rails();
        this.memory = context.memory();
        this.region = context.region();
        this.nodeArrived = new boolean[rails.nodes()];
        this.rankArrived = new boolean[rails.perNode()];
        this.placed = new boolean[rails.perNode()];
        this.nodeOut = new boolean[rails.nodes()];
        this.localOut = new boolean[rails.perNode()];
    }

    void begin(final HighThroughputLayout of, final boolean isKnown, final int inBuffer, final long callNumber) {
        layout = of;
        known = isKnown;
        buffer = inBuffer;
        call = callNumber;
        nodesSent = 0;
        nodesMissing = rails.nodes();
        ranksSent = 0;
        ranksMissing = rails.perNode();
        startsSent = known ? rails.perNode() : 0;
        startsMissing = known ? 0 : rails.perNode();
        Arrays.fill(nodeArrived, false);
        Arrays.fill(rankArrived, false);
        Arrays.fill(placed, known);
        Arrays.fill(nodeOut, false);
        Arrays.fill(localOut, false);
        rowsRead = known;
        blockPosted = false;
    }

    /** Goes on without {@code peer}: what it has not announced counts as nothing. */
    void exclude(final int peer) {
        if (rails.isInNode(peer)) {
            final int local = peer % rails.perNode();
            localOut[local] = true;
            ranksMissing -= rankArrived[local] ? 0 : 1;
            startsMissing -= placed[local] ? 0 : 1;
            placed[local] = true;
        } else {
            final int node = peer / rails.perNode();
            nodeOut[node] = true;
            if (!nodeArrived[node]) {
                nodesMissing--;
                if (!known) {
                    layout.clearStreamLengths(node);
                }
            }
        }
    }

    /** Whether the lengths of the streams to be forwarded are known. */
    boolean isNodesKnown() {
        return known || nodesMissing == 0;
    }

    /** Whether the rows to be received are known. */
    boolean isRowsKnown() {
        return rowsRead;
    }

    /** Whether it is known where rows for rank {@code local} of this node go. */
    boolean isPlaced(final int local) {
        return placed[local];
    }

    boolean isAllPlaced() {
        return startsMissing == 0;
    }

    /** Whether all of it is done, and every peer has begun the call. */
    boolean isDone() {
        return startsMissing == 0 && startsSent == rails.perNode() && ranksMissing == 0 && nodesMissing == 0;
    }

    int doWork() {
        if (isDone()) {
            return 0;
        }
        final long from = context.now();
        int work = sendNodeCounts();
        work += takeNodeCounts();
        if (nodesMissing == 0) {
            work += sendRankCounts();
        }
        work += takeRankCounts();
        if (ranksMissing == 0) {
            work += sendStarts();
        }
        work += takeStarts();
        context.stageTimes().add(Stage.ROUTING_MAP, context.now() - from);
        return work;
    }

    /** Adds the ranks whose counts or signals have not come. */
    void addMissing(final BitSet missing) {
        for (int node = 0; node < rails.nodes(); node++) {
            if (!nodeArrived[node] && !nodeOut[node]) {
                missing.set(rails.onRail(node));
            }
        }
        for (int local = 0; local < rails.perNode(); local++) {
            if ((!rankArrived[local] || !placed[local]) && !localOut[local]) {
                missing.set(rails.inNode(local));
            }
        }
        if (nodesSent < rails.nodes()) {
            missing.set(rails.onRail(nextNode()));
        } else if (nodesMissing == 0 && ranksSent < rails.perNode()) {
            missing.set(rails.inNode(nextLocal(ranksSent)));
        } else if (ranksMissing == 0 && startsSent < rails.perNode()) {
            missing.set(rails.inNode(nextLocal(startsSent)));
        }
    }

    private int sendNodeCounts() {
        final int before = nodesSent;
        while (nodesSent < rails.nodes()) {
            final int node = nextNode();
            final long block = memory.nodeCounts(buffer, true, node);
            if (!known) {
                layout.writeNodeCounts(node, region, block);
            }
            if (!nodeOut[node] && !send(rails.onRail(node), block, memory.nodeCounts(buffer, false, rails.node()),
                known ? 0 : memory.nodeCountsBytes(), memory.nodeCountsSignal(buffer, rails.node()))) {
                break;
            }
            nodesSent++;
            blockPosted = false;
        }
        return nodesSent - before;
    }

    private int nextNode() {
        return (rails.node() + 1 + nodesSent) % rails.nodes();
    }

    private int nextLocal(final int count) {
        return (rails.local() + 1 + count) % rails.perNode();
    }

    private int takeNodeCounts() {
        int work = 0;
        for (int node = 0; nodesMissing > 0 && node < rails.nodes(); node++) {
            if (!nodeArrived[node] && !nodeOut[node] && isSignaled(memory.nodeCountsSignal(buffer, node), rails.onRail(node))
                && isRight(rails.onRail(node), known ? null : layout.readNodeCounts(node, region, memory.nodeCounts(buffer, false, node)))) {
                nodeArrived[node] = true;
                nodesMissing--;
                work++;
            }
        }
        return work;
    }

    private int sendRankCounts() {
        final int before = ranksSent;
        while (nodesSent == rails.nodes() && ranksSent < rails.perNode()) {
            final int local = nextLocal(ranksSent);
            final long block = memory.rankCounts(buffer, true, local);
            if (!known) {
                layout.writeRankCounts(local, region, block);
            }
            if (!localOut[local] && !send(rails.inNode(local), block, memory.rankCounts(buffer, false, rails.local()),
                known ? 0 : memory.rankCountsBytes(), memory.rankCountsSignal(buffer, rails.local()))) {
                break;
            }
            ranksSent++;
            blockPosted = false;
        }
        return ranksSent - before;
    }

    private int takeRankCounts() {
        int work = 0;
        for (int local = 0; ranksMissing > 0 && local < rails.perNode(); local++) {
            if (!rankArrived[local] && !localOut[local] && isSignaled(memory.rankCountsSignal(buffer, local), rails.inNode(local))
                && isRight(rails.inNode(local), known ? null : layout.readRankCounts(local, region, memory.rankCounts(buffer, false, local)))) {
                rankArrived[local] = true;
                ranksMissing--;
                work++;
            }
        }
        if (ranksMissing == 0 && !rowsRead) {
            rowsRead = true;
            layout.placeRows(rankArrived);
            context.meter().charge(Stage.ROUTING_MAP, (long) rails.perNode() * memory.rankCountsBytes());
            final int most = context.config().maxReceiveRows();
            if (layout.receivedRows() > most) {
                // No peer announces more than M rows, so all have a part in that: a limit below R * M was chosen too small.
                throw new IllegalStateException("received rows=" + layout.receivedRows() + ": at most maxReceiveRows=" + most);
            }
        }
        return work;
    }

    private int sendStarts() {
        final int before = startsSent;
        while (ranksSent == rails.perNode() && startsSent < rails.perNode()) {
            final int local = nextLocal(startsSent);
            final long block = memory.starts(buffer, true, local);
            layout.writeStarts(local, region, block);
            if (!localOut[local] && !send(rails.inNode(local), block, memory.starts(buffer, false, rails.local()), memory.startsBytes(),
                memory.startsSignal(buffer, rails.local()))) {
                break;
            }
            startsSent++;
            blockPosted = false;
        }
        return startsSent - before;
    }

    private int takeStarts() {
        int work = 0;
        for (int local = 0; startsMissing > 0 && local < rails.perNode(); local++) {
            if (!placed[local] && isSignaled(memory.startsSignal(buffer, local), rails.inNode(local))
                && isRight(rails.inNode(local), layout.readStarts(local, region, memory.starts(buffer, false, local)))) {
                placed[local] = true;
                startsMissing--;
                work++;
            }
        }
        return work;
    }

    /** Whether nothing is wrong with what {@code peer} wrote; else it will be masked. */
    private boolean isRight(final int peer, final String wrong) {
        if (wrong != null) {
            context.errors().refuse(peer, "call " + call + ", counts: " + wrong);
        }
        return wrong == null;
    }

    /** Writes a block, if it has any bytes, and behind it its signal. */
    private boolean send(
        final int peer, final long localBlock, final long remoteBlock, final int bytes, final long remoteSignal) {
        if (!blockPosted) {
            blockPosted = bytes == 0 || context.peers().write(peer, localBlock, remoteBlock, bytes);
        }
        return blockPosted && context.peers().signal(peer, remoteSignal, context.word(peer, call, 0));
    }

    private boolean isSignaled(final long signal, final int peer) {
        return (long) LONG.getAcquire(region, signal) == context.word(peer, call, 0);
    }
}

package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * What one rank knows of where the tokens of a dispatch go and come from: its own tokens by channel and destination, and, after the
 * exchange of counts, the rows it receives and the places of those it writes. Made once, filled for each routing.
 *
 * <p>A stream (n, c) is what the rank of this rail in node n sends on channel c. Destinations are numbered: first the ranks of the own node,
 * then nodes.
 */
final class HighThroughputLayout {
    private final MoeShape shape;
    private final Rails rails;
    private final int rank;
    private final int maxReceiveRows;
    private final int channels;
    private final int run;
    private final int destinations;
    private final int localWords;
    private final int nodeWords;

    private final RoutingCopy routing;
    private int channelTokens;
    private final int[] listStarts;
    private final int[] lists;
    private final long[] nodeMasks;
    private final long[] localMasks;
    private final int[] rankOfExpert;
    private final int[] nodeOfRank;
    private final int[] lastTokenOfRank;
    private final int[] sentCounts;
    private final int[] sentExperts;

    private final int[] receivedCounts;
    private final int[] receivedStarts;
    private final int[] streamLengths;
    private final int[] forwardStarts;
    private final int[] forwardCounts;
    private final int[] forwardExperts;
    private final int[] receivedExperts;
    private final int[] expertCounts;
    private int receivedRows;

    HighThroughputLayout(final HighThroughputConfig config, final Rails rails, final int rank) {
        this.shape = config.shape();
        this.rails = rails;
        this.rank = rank;
        this.maxReceiveRows = config.maxReceiveRows();
        this.channels = config.channels();
        this.run = (shape.maxTokensPerRank() + channels - 1) / channels;
        this.destinations = rails.perNode() + rails.nodes();
        this.localWords = rails.localWords();
        this.nodeWords = rails.nodeWords();
        final int tokens = shape.maxTokensPerRank();
        this.routing = new RoutingCopy(shape);
        this.listStarts = new int[channels * destinations + 1];
        this.lists = new int[entries(tokens, Math.min(shape.topK(), destinations))];
        this.nodeMasks = new long[entries(tokens, nodeWords)];
        this.localMasks = new long[entries((long) rails.nodes() * channels * run, localWords)];
        this.rankOfExpert = new int[shape.experts()];
        Arrays.setAll(rankOfExpert, shape::rankOf);
        this.nodeOfRank = new int[shape.ranks()];
        Arrays.setAll(nodeOfRank, each -> each / rails.perNode());
        this.lastTokenOfRank = new int[shape.ranks()];
        this.sentCounts = new int[rails.nodes() * channels * (rails.perNode() + 1)];
        this.sentExperts = new int[shape.experts()];
        this.receivedCounts = new int[shape.ranks() * channels];
        this.receivedStarts = new int[shape.ranks() * channels];
        this.streamLengths = new int[rails.nodes() * channels];
        this.forwardStarts = new int[rails.perNode() * rails.nodes() * channels];
        this.forwardCounts = new int[forwardStarts.length];
        this.forwardExperts = new int[shape.experts()];
        this.receivedExperts = new int[rails.perNode() * shape.localExperts()];
        this.expertCounts = new int[shape.localExperts()];
    }

    private static int entries(final long tokens, final int each) {
        if (tokens > Integer.MAX_VALUE / each) {
            throw new IllegalArgumentException("maxTokensPerRank: routing tables of " + tokens + " x " + each + " entries, at most " + Integer.MAX_VALUE);
        }
        return (int) tokens * each;
    }

    /** A copy that later calls leave alone. */
    HighThroughputLayout(final HighThroughputConfig config, final HighThroughputLayout other) {
        this(config, other.rails, other.rank);
        routing.take(other.routing);
        channelTokens = other.channelTokens;
        receivedRows = other.receivedRows;
        copy(other.listStarts, listStarts);
        copy(other.lists, lists);
        copy(other.receivedCounts, receivedCounts);
        copy(other.receivedStarts, receivedStarts);
        copy(other.streamLengths, streamLengths);
        copy(other.forwardStarts, forwardStarts);
        copy(other.forwardCounts, forwardCounts);
        copy(other.expertCounts, expertCounts);
        System.arraycopy(other.nodeMasks, 0, nodeMasks, 0, nodeMasks.length);
        System.arraycopy(other.localMasks, 0, localMasks, 0, localMasks.length);
    }

    private static void copy(final int[] from, final int[] to) {
        System.arraycopy(from, 0, to, 0, to.length);
    }

    /** Sorts the tokens of {@code choice} by channel and destination. */
    void fill(final Routing choice) {
        routing.take(choice);
        final int tokens = choice.tokens();
        channelTokens = (tokens + channels - 1) / channels;
        Arrays.fill(sentCounts, 0);
        Arrays.fill(sentExperts, 0);
        Arrays.fill(nodeMasks, 0, tokens * nodeWords, 0);
        Arrays.fill(lastTokenOfRank, -1);
        Arrays.fill(listStarts, 0);
        for (int channel = 0; channel < channels; channel++) {
            final int first = firstToken(channel);
            final int end = endToken(channel);
            Arrays.fill(localMasks, localMask(rails.node(), channel, 0), localMask(rails.node(), channel, end - first), 0);
            for (int token = first; token < end; token++) {
                count(channel, token);
            }
        }
        list();
    }

    private void count(final int channel, final int token) {
        final int[] rankOf = rankOfExpert;
        final int[] last = lastTokenOfRank;
        final int topK = shape.topK();
        for (int k = 0; k < topK; k++) {
            final int expert = routing.expert(token, k);
            if (expert != Routing.NONE) {
                final int target = rankOf[expert];
                sentExperts[expert]++;
                if (last[target] != token) {
                    last[target] = token;
                    countRank(channel, token, target);
                }
            }
        }
    }

    private void countRank(final int channel, final int token, final int target) {
        final int node = nodeOfRank[target];
        final int local = target - node * rails.perNode();
        final int counts = (node * channels + channel) * (rails.perNode() + 1);
        sentCounts[counts + local]++;
        if (node == rails.node()) {
            setBit(localMasks, localMask(node, channel, token - firstToken(channel)), local);
        }
        if (!bit(nodeMasks, token * nodeWords, node)) {
            setBit(nodeMasks, token * nodeWords, node);
            sentCounts[counts + rails.perNode()]++;
        }
    }

    private void list() {
        int start = 0;
        for (int channel = 0; channel < channels; channel++) {
            for (int destination = 0; destination < destinations; destination++) {
                final int index = channel * destinations + destination;
                final int length = listLength(channel, destination);
                listStarts[index + 1] = start;
                start += length;
            }
            final int end = endToken(channel);
            for (int token = firstToken(channel); token < end; token++) {
                listToken(channel, token);
            }
        }
    }

    private int listLength(final int channel, final int destination) {
        final boolean isLocal = destination < rails.perNode();
        final int node = isLocal ? rails.node() : destination - rails.perNode();
        if (!isLocal && node == rails.node()) {
            return 0;
        }
        return sentCounts[(node * channels + channel) * (rails.perNode() + 1) + (isLocal ? destination : rails.perNode())];
    }

    /** Appends to the lists; while they grow, the end of list i is kept where the start of list i + 1 will be. */
    private void listToken(final int channel, final int token) {
        final int first = channel * destinations;
        final int mask = localMask(rails.node(), channel, token - firstToken(channel));
        for (int local = nextBit(localMasks, mask, localWords, 0); local >= 0; local = nextBit(localMasks, mask, localWords, local + 1)) {
            lists[listStarts[first + local + 1]++] = token;
        }
        for (int node = nextNode(token, 0); node >= 0; node = nextNode(token, node + 1)) {
            if (node != rails.node()) {
                lists[listStarts[first + rails.perNode() + node + 1]++] = token;
            }
        }
    }

    RoutingCopy routing() {
        return routing;
    }

    int firstToken(final int channel) {
        return Math.min(channel * channelTokens, routing.tokens());
    }

    int endToken(final int channel) {
        return Math.min((channel + 1) * channelTokens, routing.tokens());
    }

    int listStart(final int channel, final int destination) {
        return listStarts[channel * destinations + destination];
    }

    int listEnd(final int channel, final int destination) {
        return listStarts[channel * destinations + destination + 1];
    }

    int listed(final int index) {
        return lists[index];
    }

    /** Where in the local masks the one of the {@code index}-th token of stream (node, channel) begins. */
    private int localMask(final int node, final int channel, final int index) {
        return ((node * channels + channel) * run + index) * localWords;
    }

    void clearForwarded(final int node, final int channel, final int index) {
        Arrays.fill(localMasks, localMask(node, channel, index), localMask(node, channel, index + 1), 0);
    }

    void addForwarded(final int node, final int channel, final int index, final int local) {
        setBit(localMasks, localMask(node, channel, index), local);
    }

    /** The first index from {@code from} on of a rank of this node that the token of a stream goes to, or -1. */
    int nextLocal(final int node, final int channel, final int index, final int from) {
        return nextBit(localMasks, localMask(node, channel, index), localWords, from);
    }

    /** The first node from {@code from} on that an own token goes to, or -1. */
    int nextNode(final int token, final int from) {
        return nextBit(nodeMasks, token * nodeWords, nodeWords, from);
    }

    private static boolean bit(final long[] mask, final int at, final int index) {
        return (mask[at + index / Long.SIZE] & 1L << index) != 0;
    }

    private static void setBit(final long[] mask, final int at, final int index) {
        mask[at + index / Long.SIZE] |= 1L << index;
    }

    private static int nextBit(final long[] mask, final int at, final int words, final int from) {
        int word = from / Long.SIZE;
        if (word >= words) {
            return -1;
        }
        long bits = mask[at + word] & -1L << from;
        while (bits == 0) {
            if (++word == words) {
                return -1;
            }
            bits = mask[at + word];
        }
        return word * Long.SIZE + Long.numberOfTrailingZeros(bits);
    }

    /**
     * The block of counts for the rank of this rail in {@code node}: for each channel the tokens for each of its ranks and for the node;
     * behind them the selections of each of the node's experts.
     */
    void writeNodeCounts(final int node, final MemorySegment target, final long at) {
        final int counts = channels * (rails.perNode() + 1);
        final int experts = rails.perNode() * shape.localExperts();
        MemorySegment.copy(sentCounts, node * counts, target, JAVA_INT, at, counts);
        MemorySegment.copy(sentExperts, node * experts, target, JAVA_INT, at + (long) counts * Integer.BYTES, experts);
    }

    /** Takes such a block, from {@code sourceNode}; returns what is wrong with it, or null. */
    String readNodeCounts(final int sourceNode, final MemorySegment block, final long at) {
        for (int channel = 0; channel < channels; channel++) {
            final long counts = at + (long) channel * (rails.perNode() + 1) * Integer.BYTES;
            final int length = block.get(JAVA_INT, counts + (long) rails.perNode() * Integer.BYTES);
            if (length < 0 || length > run) {
                return "channel " + channel + " has tokens=" + length + " for node " + rails.node() + ": 0 to " + run;
            }
            streamLengths[sourceNode * channels + channel] = length;
            for (int local = 0; local < rails.perNode(); local++) {
                final int count = block.get(JAVA_INT, counts + (long) local * Integer.BYTES);
                if (count < 0 || count > length) {
                    return "channel " + channel + " has tokens=" + count + " for rank " + rails.inNode(local) + ": 0 to " + length + ", as for its node";
                }
                forwardCounts[forward(local, sourceNode, channel)] = count;
            }
        }
        final int experts = rails.perNode() * shape.localExperts();
        MemorySegment.copy(block, JAVA_INT, at + (long) channels * (rails.perNode() + 1) * Integer.BYTES, forwardExperts, sourceNode * experts, experts);
        for (int local = 0; local < rails.perNode(); local++) {
            long tokens = 0;
            for (int channel = 0; channel < channels; channel++) {
                tokens += forwardCounts[forward(local, sourceNode, channel)];
            }
            final String wrong = checkSelections(forwardExperts, sourceNode * experts + local * shape.localExperts(), tokens);
            if (wrong != null) {
                return wrong + " of rank " + rails.inNode(local);
            }
        }
        return null;
    }

    /** Each token selects at least one of a rank's experts, and has no more than K selections. */
    private String checkSelections(final int[] counts, final int first, final long tokens) {
        long sum = 0;
        for (int expert = 0; expert < shape.localExperts(); expert++) {
            final int count = counts[first + expert];
            if (count < 0) {
                return "selections=" + count + " of local expert " + expert + " (at least 0)";
            }
            sum += count;
        }
        return sum < tokens || sum > tokens * shape.topK() ? "selections=" + sum + ": " + tokens + " to " + tokens * shape.topK() + ", of experts" : null;
    }

    /** Nothing comes from {@code sourceNode}. */
    void clearStreamLengths(final int sourceNode) {
        for (int channel = 0; channel < channels; channel++) {
            streamLengths[sourceNode * channels + channel] = 0;
            for (int local = 0; local < rails.perNode(); local++) {
                forwardCounts[forward(local, sourceNode, channel)] = 0;
            }
        }
        final int experts = rails.perNode() * shape.localExperts();
        Arrays.fill(forwardExperts, sourceNode * experts, (sourceNode + 1) * experts, 0);
    }

    private int forward(final int local, final int node, final int channel) {
        return (local * rails.nodes() + node) * channels + channel;
    }

    /** The block of counts for rank {@code local} of this node, made of those of all nodes. */
    void writeRankCounts(final int local, final MemorySegment region, final long at) {
        for (int node = 0; node < rails.nodes(); node++) {
            MemorySegment.copy(forwardCounts, forward(local, node, 0), region, JAVA_INT, at + (long) node * channels * Integer.BYTES, channels);
        }
        final int perNode = rails.perNode() * shape.localExperts();
        for (int expert = 0; expert < shape.localExperts(); expert++) {
            int sum = 0;
            for (int node = 0; node < rails.nodes(); node++) {
                sum += forwardExperts[node * perNode + local * shape.localExperts() + expert];
            }
            region.set(JAVA_INT, at + ((long) rails.nodes() * channels + expert) * Integer.BYTES, sum);
        }
    }

    /** Takes such a block, from rank {@code local} of this node; returns what is wrong with it, or null. */
    String readRankCounts(final int local, final MemorySegment block, final long at) {
        long rows = 0;
        for (int node = 0; node < rails.nodes(); node++) {
            long ofSource = 0;
            for (int channel = 0; channel < channels; channel++) {
                final int count = block.get(JAVA_INT, at + ((long) node * channels + channel) * Integer.BYTES);
                if (count < 0 || count > run) {
                    return "channel " + channel + " has rows=" + count + " of rank " + rails.rank(node, local) + ": 0 to " + run;
                }
                receivedCounts[rails.rank(node, local) * channels + channel] = count;
                ofSource += count;
            }
            if (ofSource > shape.maxTokensPerRank()) {
                return "rows=" + ofSource + " of rank " + rails.rank(node, local) + ": 0 to maxTokensPerRank=" + shape.maxTokensPerRank();
            }
            rows += ofSource;
        }
        final int first = local * shape.localExperts();
        MemorySegment.copy(block, JAVA_INT, at + (long) rails.nodes() * channels * Integer.BYTES, receivedExperts, first, shape.localExperts());
        final String wrong = checkSelections(receivedExperts, first, rows);
        return wrong == null ? null : wrong + " of rank " + rank;
    }

    /** Places the rows by the blocks of the ranks of this node that have come: in order of source rank and token. */
    void placeRows(final boolean[] came) {
        Arrays.fill(expertCounts, 0);
        long rows = 0;
        for (int node = 0; node < rails.nodes(); node++) {
            for (int local = 0; local < rails.perNode(); local++) {
                for (int channel = 0; channel < channels; channel++) {
                    final int stream = rails.rank(node, local) * channels + channel;
                    receivedCounts[stream] = came[local] ? receivedCounts[stream] : 0;
                    receivedStarts[stream] = (int) Math.min(rows, Integer.MAX_VALUE);
                    rows += receivedCounts[stream];
                }
            }
        }
        receivedRows = (int) Math.min(rows, Integer.MAX_VALUE);
        for (int local = 0; local < rails.perNode(); local++) {
            for (int expert = 0; came[local] && expert < expertCounts.length; expert++) {
                expertCounts[expert] += receivedExperts[local * shape.localExperts() + expert];
            }
        }
    }

    /** The block of first rows here for the streams that rank {@code local} of this node writes. */
    void writeStarts(final int local, final MemorySegment target, final long at) {
        for (int node = 0; node < rails.nodes(); node++) {
            MemorySegment.copy(receivedStarts, rails.rank(node, local) * channels, target, JAVA_INT,
                at + (long) node * channels * Integer.BYTES, channels);
        }
    }

    /** Takes such a block, from rank {@code local} of this node; returns what is wrong with it, or null. */
    String readStarts(final int local, final MemorySegment block, final long at) {
        final int count = rails.nodes() * channels;
        final int first = local * count;
        for (int stream = 0; stream < count; stream++) {
            final int start = block.get(JAVA_INT, at + (long) stream * Integer.BYTES);
            if (start < 0 || start > maxReceiveRows - forwardCounts[first + stream]) {
                return "first row=" + start + " of node " + stream / channels + ", channel " + stream % channels + ": with " + forwardCounts[first + stream]
                    + " rows 0 to " + (maxReceiveRows - forwardCounts[first + stream]);
            }
            forwardStarts[first + stream] = start;
        }
        return null;
    }

    /** Tokens of stream (node, channel) of this rail. */
    int streamLength(final int node, final int channel) {
        return node == rails.node() ? endToken(channel) - firstToken(channel) : streamLengths[node * channels + channel];
    }

    /** First row of stream (node, channel) of this rail at rank {@code local} of this node. */
    int forwardStart(final int local, final int node, final int channel) {
        return forwardStarts[forward(local, node, channel)];
    }

    /** Tokens of stream (node, channel) of this rail that go to rank {@code local} of this node. */
    int forwardCount(final int local, final int node, final int channel) {
        return forwardCounts[forward(local, node, channel)];
    }

    /** Rows received from {@code source} on {@code channel}. */
    int receivedCount(final int source, final int channel) {
        return receivedCounts[source * channels + channel];
    }

    /** The first of them. */
    int receivedStart(final int source, final int channel) {
        return receivedStarts[source * channels + channel];
    }

    int receivedRows() {
        return receivedRows;
    }

    /** Selections received for {@code localExpert}. */
    int expertCount(final int localExpert) {
        return expertCounts[localExpert];
    }
}

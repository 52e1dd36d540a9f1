package io.expertlane.kernel.exchange;

import io.expertlane.kernel.moe.MoeShape;
import java.util.stream.IntStream;

/**
 * Ranks as (node, index in the node); ranks of equal index form a rail. A rank talks to the ranks of its node and to those of its rail only.
 * With one rank a node, nothing is to be forwarded, and all ranks count as one node.
 */
record Rails(int nodes, int perNode, int node, int local) {
    static Rails of(final MoeShape shape, final int rank) {
        final int perNode = shape.ranksPerNode() == 1 ? shape.ranks() : shape.ranksPerNode();
        return new Rails(shape.ranks() / perNode, perNode, rank / perNode, rank % perNode);
    }

    int rank(final int ofNode, final int index) {
        return ofNode * perNode + index;
    }

    /** The rank of this node with that index. */
    int inNode(final int index) {
        return node * perNode + index;
    }

    /** Whether {@code rank} is of this node. */
    boolean isInNode(final int rank) {
        return rank / perNode == node;
    }

    /** Whether {@code rank} is of this node or rail. */
    boolean isReached(final int rank) {
        return isInNode(rank) || rank % perNode == local;
    }

    /** The other ranks of this node and rail, beginning behind {@code rank} itself, which is of both. */
    int[] peers(final int rank) {
        final int ranks = nodes * perNode;
        return IntStream.range(1, ranks).map(step -> (rank + step) % ranks).filter(this::isReached).toArray();
    }

    /** The rank of this rail in that node. */
    int onRail(final int ofNode) {
        return ofNode * perNode + local;
    }

    /** Longs of a bit mask over the ranks of a node. */
    int localWords() {
        return (perNode + Long.SIZE - 1) / Long.SIZE;
    }

    /** Longs of a bit mask over nodes. */
    int nodeWords() {
        return (nodes + Long.SIZE - 1) / Long.SIZE;
    }
}

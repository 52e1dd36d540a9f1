package io.expertlane.kernel.exchange;

import io.expertlane.kernel.moe.MoeShape;

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

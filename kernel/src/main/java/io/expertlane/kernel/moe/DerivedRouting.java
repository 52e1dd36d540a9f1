package io.expertlane.kernel.moe;

/** The routings of another source, changed; sizes, limit and tokens are that source's unless said. */
interface DerivedRouting extends RoutingSource {
    /** Whose routings are changed. */
    RoutingSource source();

    @Override
    default int experts() {
        return source().experts();
    }

    @Override
    default int topK() {
        return source().topK();
    }

    @Override
    default GroupLimit limit() {
        return source().limit();
    }

    @Override
    default int tokens(final int rank, final int tokensPerRank) {
        return source().tokens(rank, tokensPerRank);
    }
}

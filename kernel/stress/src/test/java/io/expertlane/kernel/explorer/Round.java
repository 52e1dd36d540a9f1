package io.expertlane.kernel.explorer;

import java.util.ArrayList;
import java.util.List;

/** What the callers of all ranks agree on: some joins, in an order, then a call. */
final class Round {
    /** The routing of every so many-th call may be used again by those behind it. */
    static final int CALLS_OF_HANDLE = 4;

    final int call;
    /** The call whose routing is used; the call itself if it has its own. */
    final int routed;
    final List<Join> joins = new ArrayList<>();

    Round(final int call, final int routed) {
        this.call = call;
        this.routed = routed;
    }
}

package io.expertlane.kernel.exchange;

import io.expertlane.kernel.moe.Routing;

/**
 * A routing that a call has used, for later dispatches of it at the same exchange: {@link Call#handle()} makes it,
 * {@link Exchange#dispatch(java.lang.foreign.MemorySegment, Handle)} takes it. All ranks use handles of the same call.
 * The memory of the routing must stay unchanged as long as the handle is used.
 */
public final class Handle {
    private final Exchange owner;
    private final Routing routing;
    private final HighThroughputHandle layout;

    Handle(final Exchange owner, final Routing routing) {
        this.owner = owner;
        this.routing = routing;
        this.layout = null;
    }

    Handle(final Exchange owner, final HighThroughputHandle layout) {
        this.owner = owner;
        this.routing = null;
        this.layout = layout;
    }

    void requireOwner(final Exchange exchange) {
        if (owner != exchange) {
            throw new IllegalArgumentException("handle: of another exchange");
        }
    }

    Routing routing() {
        return routing;
    }

    HighThroughputHandle layout() {
        return layout;
    }
}

package io.expertlane.nic.flow;

import java.util.function.Consumer;

/**
 * A flow that has not ended, and who waits for its end.
 *
 * @param group null for a flow that was sent alone
 */
record PendingFlow(Flow flow, Consumer<Flow> callback, Group group) {
    /** A group and who waits for its end. */
    record Group(FlowGroup flows, Consumer<FlowGroup> callback) {
    }

    /** Calls those who wait. A group is told even if a callback of its last flow throws. */
    void ended() {
        final boolean last = group != null && group.flows().flowEnded();
        try {
            callback.accept(flow);
        } finally {
            if (last) {
                group.callback().accept(group.flows());
            }
        }
    }
}

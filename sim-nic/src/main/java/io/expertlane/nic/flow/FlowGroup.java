package io.expertlane.nic.flow;

import java.util.List;

/**
 * Flows that were sent together and are waited for together, such as those of one collective operation; made by
 * {@link Network#send(List, java.util.function.Consumer, java.util.function.Consumer)}.
 *
 * <p>Threading: that of its {@link Network}.
 */
public final class FlowGroup {
    private final List<Flow> flows;
    private int ended;

    FlowGroup(final List<Flow> flows) {
        this.flows = List.copyOf(flows);
    }

    /** Its flows, in the order of the requests. */
    public List<Flow> flows() {
        return flows;
    }

    /** Flows that have neither completed nor failed. */
    public int remaining() {
        return flows.size() - ended;
    }

    /** Whether all flows have completed or failed. */
    public boolean isEnded() {
        return remaining() == 0;
    }

    /** Flows that failed so far: 0 on a network without faults. */
    public int failures() {
        return (int) flows.stream().filter(flow -> flow.state() == Flow.State.FAILED).count();
    }

    /** When the first of them was to start. */
    public double startNanos() {
        return flows.stream().mapToDouble(Flow::startNanos).min().orElseThrow();
    }

    /** When the last of them ended; NaN before. */
    public double endNanos() {
        return isEnded() ? flows.stream().mapToDouble(Flow::endNanos).max().orElseThrow() : Double.NaN;
    }

    /** One more has ended; returns whether it was the last. */
    boolean flowEnded() {
        ended++;
        return isEnded();
    }
}

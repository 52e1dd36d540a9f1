package io.expertlane.nic.host;

import io.expertlane.kernel.exchange.Stage;

/**
 * Sees what the agents of the ranks spend their time on. Only watches: a run is the same with and without it.
 *
 * <p>Threading: called on the thread that runs the simulation.
 */
@FunctionalInterface
public interface WorkTracer {
    /**
     * An agent has worked from {@code startPicos} to {@code endPicos} of its own clock, which runs ahead of the
     * simulation's; for one agent spans do not overlap and come in order.
     *
     * @param agent id of the agent, see {@link AgentScheduler#add}
     */
    void worked(long startPicos, long endPicos, int rank, int agent, Stage stage);
}

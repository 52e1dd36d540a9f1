package io.expertlane.nic.flow;

/**
 * A flow that is to be sent as part of a group, see {@link Network#send(java.util.List, java.util.function.Consumer,
 * java.util.function.Consumer)}.
 *
 * @param source      host that sends, from 0
 * @param destination host that receives, another one
 * @param bytes       payload, 1 to {@link Network#MAX_BYTES}
 * @param startNanos  when the source posts it, {@link Network#nowNanos()} to {@link Network#MAX_NANOS}
 */
public record FlowRequest(int source, int destination, long bytes, double startNanos) {
}

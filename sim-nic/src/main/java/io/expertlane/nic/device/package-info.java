/**
 * The RDMA NICs of all ranks under the virtual clock: send queues, work queue element pipeline, arbiter, ports,
 * reception and completions, and the transport that offers them to the kernels. Knows nothing of tokens, agents or the
 * cost of host work.
 */
package io.expertlane.nic.device;

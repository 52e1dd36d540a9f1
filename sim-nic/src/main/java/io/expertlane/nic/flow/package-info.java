/**
 * Plain flows over the NICs and the fabric: so many bytes from one host to another, for simulators that bring their own
 * traffic. Knows nothing of tokens, agents or the cost of host work, and changes nothing of the device: everything here
 * goes through {@link io.expertlane.nic.device.SimulatedTransport}. No models of collectives or applications belong
 * here, they are its users.
 */
package io.expertlane.nic.flow;

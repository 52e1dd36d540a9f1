/**
 * What a simulated run leaves behind: a timestamp record a work queue element, a timeline for Perfetto, a compact
 * binary log, a packet capture. Everything here watches through {@link io.expertlane.nic.device.NicTracer} and changes
 * nothing of the run.
 */
package io.expertlane.nic.trace;

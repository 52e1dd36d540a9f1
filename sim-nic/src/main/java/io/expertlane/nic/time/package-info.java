/**
 * The virtual clock and its event queue: deterministic and allocation-free in steady state. Knows nothing of NICs.
 */
package io.expertlane.nic.time;

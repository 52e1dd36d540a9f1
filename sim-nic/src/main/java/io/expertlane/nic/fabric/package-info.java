/**
 * Between the NICs: topologies and their latencies. Knows nothing of queue pairs.
 */
package io.expertlane.nic.fabric;

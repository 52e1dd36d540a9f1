/**
 * Latency under load: arrivals, the open-loop driver, and what its runs say. Knows nothing of what is driven.
 */
package io.expertlane.bench.load;

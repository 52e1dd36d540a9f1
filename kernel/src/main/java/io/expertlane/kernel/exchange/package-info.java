/**
 * What users call: {@link io.expertlane.kernel.exchange.LocalCluster} for all ranks of a process,
 * {@link io.expertlane.kernel.exchange.Exchange} for one rank. No type of a third-party library appears in the API.
 */
package io.expertlane.kernel.exchange;

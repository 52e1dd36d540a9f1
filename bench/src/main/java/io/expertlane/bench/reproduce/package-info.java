/**
 * Published figures beside simulated ones: measurements of dispatch and combine, each simulated on the configuration it
 * was made on.
 */
package io.expertlane.bench.reproduce;

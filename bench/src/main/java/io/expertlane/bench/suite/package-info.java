/**
 * Runs of the JMH suite: presets, the runner, its progress line, and the summary with rates and ratios to the roofline.
 * Holds no benchmark; those are in {@code jmh}.
 */
package io.expertlane.bench.suite;

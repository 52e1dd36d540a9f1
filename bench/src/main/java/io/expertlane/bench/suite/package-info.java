/**
 * Runs of the JMH suite: presets, the runner, its progress line, the summary with rates and ratios to the roofline, and
 * two jars measured in turn. Holds no benchmark; those are in {@code jmh}.
 */
package io.expertlane.bench.suite;

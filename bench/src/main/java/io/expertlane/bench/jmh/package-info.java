/**
 * The JMH benchmarks and the entry point of the benchmarks jar.
 */
package io.expertlane.bench.jmh;

/**
 * The statistics of results: is one sample of forks faster than another, where does a series of nights change. Arrays
 * in, verdicts out; knows nothing of files, benchmarks or units.
 */
package io.expertlane.bench.statistics;

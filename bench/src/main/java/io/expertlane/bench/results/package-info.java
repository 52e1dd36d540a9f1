/**
 * What a run leaves behind: output folders that appear whole or not at all, JSON, and the environment a run was made
 * in. Knows nothing of benchmarks or scenarios.
 */
package io.expertlane.bench.results;

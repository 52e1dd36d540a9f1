/**
 * What is run: rounds of dispatch, expert step and combine on a set of ranks, on real threads or under the virtual
 * clock; models and clusters. Knows nothing of the command line.
 */
package io.expertlane.bench.scenario;

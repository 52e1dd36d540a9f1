/**
 * Grids of simulations: what a sweep file says, the journal that makes a run resumable, shards and their merging,
 * tables and charts. Knows nothing of the command line: what runs a point is given to it.
 */
package io.expertlane.bench.sweep;

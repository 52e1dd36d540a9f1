/**
 * Reading and writing numpy's {@code .npy} files to and from off-heap memory. Knows nothing of what the numbers mean.
 */
package io.expertlane.bench.npy;

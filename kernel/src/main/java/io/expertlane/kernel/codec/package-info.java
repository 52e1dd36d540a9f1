/**
 * Number formats of token rows and the reduction over rows: BF16, FP8 e4m3 with per-128 scales,
 * LogFMT-10, weighted sums.
 * Each operation has a vector form and a scalar twin, which is the reference. Knows nothing of ranks or routings.
 */
package io.expertlane.kernel.codec;

/**
 * The zero-buffer path: each row is written once, to its final place in the receiver's memory.
 */
package io.expertlane.kernel.zero;

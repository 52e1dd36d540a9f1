/**
 * jcstress tests of the hand-offs between threads: ring records and credits, signals behind rows, doorbells, completions, and closing a
 * heap in use.
 */
package io.expertlane.kernel.stress;

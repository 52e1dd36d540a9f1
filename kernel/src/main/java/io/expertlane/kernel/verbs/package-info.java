/**
 * What a kernel may ask of a network: queue pairs, work queue elements, doorbells, completions, source ports and flow
 * hashes, and the transport that carries verbs out at once, in memory. Knows nothing of tokens or experts.
 */
package io.expertlane.kernel.verbs;

/**
 * The ring-buffer path: rings of token records between two ranks, with credits. Knows records, not what is in them.
 */
package io.expertlane.kernel.ring;

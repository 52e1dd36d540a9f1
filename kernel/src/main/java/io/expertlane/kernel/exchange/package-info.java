/**
 * What users call: an exchange per rank, with dispatch and combine. No type of a third-party library appears in its public API.
 */
package io.expertlane.kernel.exchange;

/**
 * Who issues work to the NICs: agents of the ranks driven under the virtual clock, and what their local work and their
 * postings cost. Knows nothing of tokens.
 */
package io.expertlane.nic.host;

/**
 * Threads that drive the ranks of one process together. Knows nothing of exchanges: those know it. Not for users.
 */
package io.expertlane.kernel.team;

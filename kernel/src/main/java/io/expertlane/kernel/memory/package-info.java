/**
 * Off-heap memory that ranks share: the symmetric heap and global addresses. Knows nothing of tokens.
 */
package io.expertlane.kernel.memory;

/**
 * The schedule explorer: a whole exchange on one thread under a virtual clock, in an order drawn from a seed, with faults. {@code World} runs a
 * seed, {@code Oracle} says what is right, {@code Explorer} is the command.
 */
package io.expertlane.kernel.explorer;

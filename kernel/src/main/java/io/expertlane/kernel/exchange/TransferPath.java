package io.expertlane.kernel.exchange;

/** How records reach the memory they are read from. */
public enum TransferPath {
    /** Each record is written once to its final place; memory is sized for the worst case. */
    ZERO,
    /** Records pass through rings of fixed size with credits, and are copied out of them: bounded memory, and back-pressure. */
    RING
}

package io.expertlane.kernel.exchange;

/** The parts that dispatch and combine consist of, for time accounts (the source paper's question 1). */
public enum Stage {
    /** Reading the gate's choice and assigning slots. */
    ROUTING_MAP,
    /** Copying or casting token rows into send buffers. */
    PACK,
    /** Building work queue elements, ringing doorbells, and stores to mapped peers. */
    SEND,
    /** Nothing to do but wait for peers. */
    WAIT,
    /** Taking counts, and copying rows out of receive buffers where the path needs that. */
    UNPACK,
    /** Summing expert outputs. */
    REDUCE
}

package io.expertlane.kernel.exchange;

/** How expert outputs come back to the token's rank. */
public enum CombineMethod {
    /** The expert's rank writes each row to a slot known in advance at the token's rank. Works over any transport. */
    PUSH,
    /** The token's rank reads its top-k rows where the experts wrote them. Needs every peer's memory mapped. */
    PULL
}

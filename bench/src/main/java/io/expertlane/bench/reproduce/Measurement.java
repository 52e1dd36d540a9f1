package io.expertlane.bench.reproduce;

/**
 * A published figure.
 *
 * @param id       name of the row
 * @param hardware what it was measured on, in words
 * @param mode     {@code LL}, {@code HT}; others are not simulated here
 * @param op       {@code dispatch} or {@code combine}
 * @param ep       ranks
 * @param tokens   tokens a rank
 * @param dtype    {@code fp8} or {@code bf16}: of the rows that the operation sends
 * @param knob     what was set, in words
 * @param metric   {@code latency}, {@code bandwidth} or {@code algorithmic bandwidth}
 * @param value    the figure
 * @param unit     {@code us} or {@code GB/s}
 */
public record Measurement(
    String id, String hardware, String mode, String op, int ep, int tokens, int hidden, int topK, int experts,
    String dtype, String knob, String metric,
    double value, String unit, String note) {

    /** Whether it is of a dispatch or combine. */
    public boolean isExchange() {
        return mode.equals("LL") || mode.equals("HT");
    }
}

package io.expertlane.bench.results;

import java.util.List;
import java.util.Map;
import tools.jackson.databind.JsonNode;

/**
 * What was simulated beside the measurements: {@code simulated.json}.
 *
 * @param metrics the values that are followed from run to run
 * @param cases the results that they were taken from, whole, in the form of {@code expertlane simulate --json}
 */
public record SimulatedResults(List<Metric> metrics, List<JsonNode> cases) {
    /**
     * A simulated value. The same code and parameters give the same value on every machine.
     *
     * @param name such as {@code simulate.tpot}
     * @param params what was simulated
     * @param value in {@code unit}
     * @param unit such as us or GB/s
     * @param better which way it should move
     */
    public record Metric(String name, Map<String, String> params, double value, String unit, Better better) {
    }
}

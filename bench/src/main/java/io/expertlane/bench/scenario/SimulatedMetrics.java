package io.expertlane.bench.scenario;

import io.expertlane.bench.results.Better;
import io.expertlane.bench.results.Json;
import io.expertlane.bench.results.SimulatedResults;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import tools.jackson.databind.JsonNode;

/** The values of simulated layers that are followed from run to run. */
public final class SimulatedMetrics {
    private static final String MICROS = "us";
    private static final String RATE = "GB/s";

    private SimulatedMetrics() {
    }

    /** TPOT, latency and bandwidth of each of {@code layers}, and the layers whole. */
    public static SimulatedResults of(final List<LayerSimulation.Result> layers) {
        final List<SimulatedResults.Metric> metrics = new ArrayList<>();
        layers.forEach(layer -> add(layer, metrics));
        return new SimulatedResults(metrics,
            layers.stream().map(layer -> Json.mapper().<JsonNode>valueToTree(layer)).toList());
    }

    private static void add(final LayerSimulation.Result layer, final List<SimulatedResults.Metric> metrics) {
        final Map<String, String> params = params(layer);
        metrics.add(new SimulatedResults.Metric("simulate.tpot", params, layer.tpotMicros(), MICROS, Better.LOWER));
        addPhase("simulate.dispatch", layer.dispatch(), params, metrics);
        addPhase("simulate.combine", layer.combine(), params, metrics);
    }

    private static void addPhase(final String name, final LayerSimulation.Phase phase, final Map<String, String> params,
                                 final List<SimulatedResults.Metric> metrics) {
        metrics.add(new SimulatedResults.Metric(name + ".p50", params, phase.latencyMicros().p50(), MICROS,
            Better.LOWER));
        metrics.add(new SimulatedResults.Metric(name + ".max", params, phase.latencyMicros().max(), MICROS,
            Better.LOWER));
        metrics.add(new SimulatedResults.Metric(name + ".rate", params, phase.algorithmicGBps(), RATE, Better.HIGHER));
    }

    private static Map<String, String> params(final LayerSimulation.Result layer) {
        final Map<String, String> params = new TreeMap<>();
        params.put("cluster", layer.cluster());
        params.put("model", layer.model());
        params.put("ep", Integer.toString(layer.shape().ranks()));
        params.put("tokens", Integer.toString(layer.tokensPerRank()));
        params.put("mode", layer.mode());
        params.put("path", layer.path());
        params.put("dispatchType", layer.dispatchType());
        params.put("combine", layer.combineMethod());
        params.put("ports", layer.portPolicy());
        params.put("seed", Long.toString(layer.seed()));
        if (layer.split()) {
            params.put("split", "true");
        }
        if (layer.segmentBytes() != null) {
            params.put("segmentBytes", layer.segmentBytes().toString());
        }
        return params;
    }
}

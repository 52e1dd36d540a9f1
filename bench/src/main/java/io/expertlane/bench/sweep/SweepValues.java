package io.expertlane.bench.sweep;

import io.expertlane.bench.scenario.ModelStep;
import io.expertlane.bench.scenario.LayerSimulation;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The columns of a sweep's results, all simulated; a step that was not asked for has none. */
public final class SweepValues {
    /** Their names, in order. */
    public static final List<String> COLUMNS = List.of("dispatchP50Micros", "dispatchP99Micros", "dispatchMaxMicros",
        "dispatchAlgorithmicGBps",
        "dispatchNicGBps", "combineP50Micros", "combineP99Micros", "combineMaxMicros", "combineAlgorithmicGBps",
        "combineNicGBps", "portRatioMedian",
        "portRatioMax", "tpotMicros", "tpotTwoBatchMicros", "tpotFusedMicros", "ttftMicros", "iterationMicros",
        "communicationShare",
        "expertMaxOverMean", "rankMaxOverMean", "wqes", "events");

    private SweepValues() {
    }

    /** The values of a simulation; null where there is none. */
    public static Map<String, Number> of(final LayerSimulation.Result result) {
        final LayerSimulation.Phase dispatch = result.dispatch();
        final LayerSimulation.Phase combine = result.combine();
        final Number[] values = {dispatch.latencyMicros().p50(), dispatch.latencyMicros().p99(),
            dispatch.latencyMicros().max(), dispatch.algorithmicGBps(),
            dispatch.nicGBps(), combine.latencyMicros().p50(), combine.latencyMicros().p99(),
            combine.latencyMicros().max(), combine.algorithmicGBps(),
            combine.nicGBps(), result.portRatio().median(), result.portRatio().max(), result.tpotMicros(),
            tpot(result, ModelStep.Kind.TWO_BATCH),
            tpot(result, ModelStep.Kind.FUSED), result.ttftMicros(), result.iterationMicros(),
            result.steps().getFirst().communicationShare(),
            result.load().expertMaxOverMean(), result.load().rankMaxOverMean(), result.wqes(), result.events()};
        final Map<String, Number> row = new LinkedHashMap<>();
        for (int i = 0; i < values.length; i++) {
            row.put(COLUMNS.get(i), values[i]);
        }
        return row;
    }

    private static Double tpot(final LayerSimulation.Result result, final ModelStep.Kind kind) {
        return result.steps().stream().filter(step -> step.kind() == kind).map(ModelStep.Step::micros).findFirst()
            .orElse(null);
    }
}

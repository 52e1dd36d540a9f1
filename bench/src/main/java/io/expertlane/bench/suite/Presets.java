package io.expertlane.bench.suite;

import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.zero.LowLatencyBuffers;
import java.util.List;
import java.util.Map;

/**
 * The presets of the suite, as data: the one place that says what is run, for how long, how many bytes it moves and what it is held against.
 * Bytes are payload: BF16 rows read, whatever else an operation touches, so that a ratio says how far it is from copying the same rows.
 */
public final class Presets {
    /** A copy of rows from memory to memory, one thread: the ceiling of whatever moves rows through memory. */
    private static final String MEMORY_COPY = "RowMemoryBenchmark.copyMemoryToMemory";
    /** A copy of a row in the cache, one thread: the ceiling of row operations on rows in the cache. */
    private static final String CACHE_COPY = "CodecBenchmark.copy";

    /** A decode step: its time is the measured TPOT. */
    static final String DECODE_STEP = "DecodeStepBenchmark.decodeStep";
    /** Every rank copying cached rows to memory, on as many threads as dispatch: its ceiling. */
    private static final String RANKS_COPY = "LowLatencyBenchmark.copyRows";
    /** Every rank summing rows from memory, on as many threads as combine: its ceiling. */
    private static final String RANKS_REDUCE = "LowLatencyBenchmark.reduceRows";

    /** Every rank copying its token rows once for every rank they go to: the ceiling of high-throughput dispatch inside a node. */
    private static final String NODE_COPY = "HighThroughputBenchmark.copyRows";

    /** Vector code runs interpreted, a thousand times slower, until C2 has compiled it: on two busy cores that takes two seconds. */
    private static final Timing QUICK_ROWS = new Timing(1, 6, 5, 500);

    /** For collective calls of a millisecond, each of which also has an unmeasured half. */
    private static final Timing QUICK_CALLS = new Timing(1, 6, 5, 1000);

    /** About three minutes on two cores. */
    private static final Preset QUICK = new Preset("quick", List.of(
        PresetRow.timed(RANKS_COPY, QUICK_ROWS).param("dispatchType", "BF16").param("combine", "PUSH").moving(Presets::messageBytes),
        PresetRow.timed(RANKS_REDUCE, QUICK_ROWS).param("dispatchType", "BF16").param("combine", "PUSH").moving(Presets::selectedRowBytes)
            .against(RANKS_COPY),
        PresetRow.timed("LowLatencyBenchmark.dispatch", QUICK_CALLS).param("combine", "PUSH").moving(Presets::messageBytes).against(RANKS_COPY),
        PresetRow.timed("LowLatencyBenchmark.combine", QUICK_CALLS).param("dispatchType", "BF16").moving(Presets::selectedRowBytes)
            .against(RANKS_COPY),
        PresetRow.timed(DECODE_STEP, QUICK_CALLS).param("combine", "PULL"),
        PresetRow.timed(MEMORY_COPY, QUICK_ROWS).moving(Presets::rowBytes),
        PresetRow.timed("RowMemoryBenchmark.copyCacheToMemory", QUICK_ROWS).moving(Presets::rowBytes).against(MEMORY_COPY),
        PresetRow.timed("RowMemoryBenchmark.readMemory", QUICK_ROWS).moving(Presets::rowBytes).against(MEMORY_COPY),
        PresetRow.timed("RowMemoryBenchmark.reduce8", QUICK_ROWS).moving(Presets::rowBytes).against(MEMORY_COPY),
        PresetRow.timed(CACHE_COPY, QUICK_ROWS).param("codec", "vector").moving(Presets::rowBytes),
        PresetRow.timed("CodecBenchmark.quantizeFp8", QUICK_ROWS).param("codec", "vector").moving(Presets::rowBytes).against(CACHE_COPY),
        PresetRow.timed("CodecBenchmark.dequantizeFp8", QUICK_ROWS).param("codec", "vector").moving(Presets::rowBytes).against(CACHE_COPY),
        PresetRow.timed("CodecBenchmark.reduce8", QUICK_ROWS).param("codec", "vector").moving(params -> 8 * rowBytes(params)).against(CACHE_COPY)));

    /** The figures of docs/performance.md that are of the kernel. */
    private static final Preset KERNEL = new Preset("kernel", List.of(
        PresetRow.timed(RANKS_COPY, QUICK_CALLS).param("dispatchType", "BF16").param("combine", "PULL").moving(Presets::messageBytes),
        PresetRow.timed(RANKS_REDUCE, QUICK_CALLS).param("dispatchType", "BF16").param("combine", "PULL").moving(Presets::selectedRowBytes),
        PresetRow.timed("LowLatencyBenchmark.dispatch", QUICK_CALLS).moving(Presets::messageBytes).against(RANKS_COPY),
        PresetRow.timed("LowLatencyBenchmark.combine", QUICK_CALLS).param("dispatchType", "BF16").moving(Presets::selectedRowBytes)
            .against(RANKS_REDUCE),
        PresetRow.timed(NODE_COPY, QUICK_CALLS).param("path", "ZERO").param("dispatchType", "BF16").moving(Presets::nodeRowBytes),
        PresetRow.timed("HighThroughputBenchmark.dispatch", QUICK_CALLS).param("dispatchType", "BF16").moving(Presets::nodeRowBytes).against(NODE_COPY),
        PresetRow.timed("HighThroughputBenchmark.combine", QUICK_CALLS).param("dispatchType", "BF16"),
        PresetRow.timed("HighThroughputBenchmark.dispatch", QUICK_CALLS).param("tokens", "8", "32", "128").param("dispatchType", "BF16"),
        PresetRow.timed(MEMORY_COPY, QUICK_CALLS).moving(Presets::rowBytes),
        PresetRow.timed("RowMemoryBenchmark.reduce8", QUICK_CALLS).moving(Presets::rowBytes).against(MEMORY_COPY)));

    private Presets() {
    }

    /** All presets by name. */
    public static Map<String, Preset> all() {
        return Map.of(QUICK.name(), QUICK, KERNEL.name(), KERNEL);
    }

    private static long selections(final Map<String, String> params) {
        return Long.parseLong(params.get("ranks")) * Long.parseLong(params.get("tokens")) * Long.parseLong(params.get("topK"));
    }

    private static long messageBytes(final Map<String, String> params) {
        final int hidden = Integer.parseInt(params.get("hidden"));
        return selections(params) * (LowLatencyBuffers.HEADER_BYTES + DispatchType.valueOf(params.get("dispatchType")).rowBytes(hidden));
    }

    private static long selectedRowBytes(final Map<String, String> params) {
        return selections(params) * rowBytes(params);
    }

    /** With 8 selections over 2 ranks nearly every token goes to each rank; the exact share is the same for what is compared. */
    private static long nodeRowBytes(final Map<String, String> params) {
        return Long.parseLong(params.get("ranks")) * Long.parseLong(params.get("ranks")) * Long.parseLong(params.get("tokens")) * rowBytes(params);
    }

    private static long rowBytes(final Map<String, String> params) {
        return Long.parseLong(params.get("hidden")) * Short.BYTES;
    }
}

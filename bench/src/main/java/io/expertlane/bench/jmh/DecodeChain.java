package io.expertlane.bench.jmh;

import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.ExchangeTeam;
import io.expertlane.bench.scenario.ExpertStep;
import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.codec.RowTable;
import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.memory.Pages;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A decode step as far as communication makes it: through all MoE layers of a model, each layer being dispatch, an
 * expert step that passes over every received row once, and combine, whose result is the next layer's input. Every
 * layer has a routing of its own. All ranks of one low-latency exchange over the zero path in this process, each on its
 * own thread.
 *
 * <p>Threading: one caller.
 */
final class DecodeChain implements AutoCloseable {
    private static final long SEED = 58;

    private final Arena arena = Arena.ofShared();
    private final MoeShape shape;
    private final int tokens;
    private final DispatchType dispatchType;
    private final ExchangeTeam team;
    private final MemorySegment[] rows;
    private final MemorySegment[][] outputs;
    private final Routing[][] routings;

    /** Connects the ranks and draws tokens and the routings of {@code layers} layers. */
    DecodeChain(final MoeShape shape, final int layers, final DispatchType dispatchType, final CombineMethod combine) {
        this.shape = shape;
        this.tokens = shape.maxTokensPerRank();
        this.dispatchType = dispatchType;
        final LowLatencyConfig config = LowLatencyConfig.of(shape).withDispatchType(dispatchType).withCombine(combine);
        final Mapping mapping = combine == CombineMethod.PULL ? Mapping.ALL : Mapping.SELF;
        team = new ExchangeTeam(shape.ranks(), shape.ranks(), LowLatencyExchange.heapBytes(config), Pages.HUGE, mapping,
            ExchangeKind.rounds(config, ExpertStep.SCALE), shape.ranks());
        rows = ExchangeTeam.normalRows(shape.ranks(), tokens, shape.hidden(), SEED, arena);
        outputs = new MemorySegment[][] {emptyRows(), emptyRows()};
        routings = new Routing[layers][];
        for (int layer = 0; layer < layers; layer++) {
            routings[layer] = DrawnRouting.uniform().routings(shape, tokens, SEED + layer, arena);
        }
    }

    private MemorySegment[] emptyRows() {
        final MemorySegment[] empty = new MemorySegment[shape.ranks()];
        for (int rank = 0; rank < empty.length; rank++) {
            empty[rank] = arena.allocate((long) tokens * shape.rowBytes(), 64);
        }
        return empty;
    }

    /** One decode step: all layers. */
    void step() {
        MemorySegment[] input = rows;
        for (int layer = 0; layer < routings.length; layer++) {
            final MemorySegment[] output = outputs[layer & 1];
            team.dispatch(input, routings[layer]);
            team.runExperts();
            team.combine(output);
            input = output;
        }
    }

    ExchangeTeam team() {
        return team;
    }

    /**
     * Selections of a step, over all ranks and layers: each is a message dispatched, a row for an expert, and a row to
     * sum.
     */
    long selections() {
        return (long) shape.ranks() * tokens * shape.topK() * routings.length;
    }

    /**
     * Takes a step and compares the last layer's output with the same chain by the scalar codec. Not before what is
     * measured: the scalar codec would spoil the JIT's profile of the other.
     */
    void check() {
        step();
        for (int rank = 0; rank < shape.ranks(); rank++) {
            checkToken(rank, 0);
            checkToken(rank, tokens - 1);
        }
    }

    private void checkToken(final int rank, final int token) {
        final int hidden = shape.hidden();
        final int topK = shape.topK();
        final long rowBytes = shape.rowBytes();
        final RowCodec codec = RowCodec.scalar();
        final MemorySegment expected = arena.allocate(rowBytes, 64);
        MemorySegment.copy(rows[rank], token * rowBytes, expected, 0, rowBytes);
        final MemorySegment fp8 = arena.allocate(DispatchType.FP8.rowBytes(hidden), 64);
        final MemorySegment expertRows = arena.allocate(topK * rowBytes, 64);
        final RowTable table = new RowTable(topK);
        for (int layer = 0; layer < routings.length; layer++) {
            if (dispatchType == DispatchType.FP8) {
                codec.quantizeFp8(expected, 0, fp8, 0, fp8, hidden, hidden, false);
                codec.dequantizeFp8(fp8, 0, fp8, hidden, expected, 0, hidden);
            }
            table.clear();
            for (int k = 0; k < topK; k++) {
                final float factor = 1f + (float) routings[layer][rank].expert(token, k) / shape.experts();
                codec.scale(expected, 0, expertRows, k * rowBytes, hidden, factor);
                table.add(expertRows, k * rowBytes, routings[layer][rank].weight(token, k));
            }
            codec.reduce(table, expected, 0, hidden);
        }
        final long difference = MemorySegment.mismatch(
            outputs[routings.length - 1 & 1][rank], token * rowBytes, (token + 1) * rowBytes, expected, 0, rowBytes);
        if (difference >= 0) {
            throw new AssertionError("rank " + rank + " token " + token + ": output differs at byte " + difference);
        }
    }

    @Override
    public void close() {
        team.close();
        arena.close();
    }
}

package io.expertlane.examples;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.exchange.LowLatencyCall;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.exchange.WorkMeter;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Locale;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

/**
 * Dispatch and combine of four ranks whose experts give back what they get, so that each token comes back times the sum
 * of its weights, and a check that it does. Needs {@code kernel} alone.
 *
 * <p>Prints how far off the worst value is. Arguments: none.
 */
public final class HelloDispatch {
    private static final MoeShape SHAPE = new MoeShape(4, 2, 16, 4, 512, 32);
    private static final float VALUE = 1.5f;

    private HelloDispatch() {
    }

    static LowLatencyConfig config() {
        return LowLatencyConfig.of(SHAPE);
    }

    /**
     * Largest difference between what came back and what should have.
     *
     * @param idle what is to happen when no rank has work to do
     */
    static double worstError(final Transport transport, final Runnable idle) {
        try (Arena arena = Arena.ofConfined()) {
            final Routing[] routings = DrawnRouting.uniform().routings(SHAPE, SHAPE.maxTokensPerRank(), 7, arena);
            final LowLatencyExchange[] exchanges = IntStream.range(0, SHAPE.ranks())
                .mapToObj(rank -> new LowLatencyExchange(config(), transport, rank, WorkMeter.NONE, System::nanoTime))
                .toArray(LowLatencyExchange[]::new);
            final LowLatencyCall[] calls = new LowLatencyCall[exchanges.length];
            final MemorySegment[] combined = new MemorySegment[exchanges.length];
            for (int rank = 0; rank < calls.length; rank++) {
                calls[rank] = exchanges[rank].dispatch(tokens(arena), routings[rank]);
                calls[rank].receive();
            }
            drive(exchanges, () -> IntStream.range(0, calls.length).allMatch(i -> calls[i].isReceived()), idle);
            for (int rank = 0; rank < calls.length; rank++) {
                runExperts(exchanges[rank], calls[rank]);
                calls[rank].combine();
                combined[rank] = tokens(arena);
                calls[rank].reduce(combined[rank]);
            }
            drive(exchanges, () -> IntStream.range(0, calls.length).allMatch(i -> calls[i].isOver()), idle);
            for (final LowLatencyExchange exchange : exchanges) {
                exchange.close();
            }
            return IntStream.range(0, calls.length).mapToDouble(i -> worstError(combined[i], routings[i])).max()
                .orElseThrow();
        }
    }

    private static MemorySegment tokens(final Arena arena) {
        final MemorySegment tokens = arena.allocate((long) SHAPE.maxTokensPerRank() * SHAPE.rowBytes(), 64);
        for (long i = 0; i < tokens.byteSize() / Bfloat16.BYTES; i++) {
            tokens.setAtIndex(JAVA_SHORT, i, Bfloat16.fromFloat(VALUE));
        }
        return tokens;
    }

    private static void drive(final LowLatencyExchange[] exchanges, final BooleanSupplier done, final Runnable idle) {
        while (!done.getAsBoolean()) {
            int work = 0;
            for (final LowLatencyExchange exchange : exchanges) {
                work += exchange.doWork();
            }
            if (work == 0) {
                idle.run();
            }
        }
    }

    private static void runExperts(final LowLatencyExchange exchange, final LowLatencyCall call) {
        for (int expert = 0; expert < SHAPE.localExperts(); expert++) {
            for (int source = 0; source < SHAPE.ranks(); source++) {
                for (int slot = 0; slot < call.count(expert, source); slot++) {
                    exchange.readRow(call.rowOffset(expert, source, slot), exchange.region(),
                        call.outputOffset(expert, source, slot));
                }
            }
        }
    }

    private static double worstError(final MemorySegment combined, final Routing routing) {
        double worst = 0;
        for (int token = 0; token < routing.tokens(); token++) {
            float weights = 0;
            for (int k = 0; k < routing.topK(); k++) {
                weights += routing.weight(token, k);
            }
            for (int i = 0; i < SHAPE.hidden(); i++) {
                final float value =
                    Bfloat16.toFloat(combined.getAtIndex(JAVA_SHORT, (long) token * SHAPE.hidden() + i));
                worst = Math.max(worst, Math.abs(value - VALUE * weights));
            }
        }
        return worst;
    }

    /** Runs it in memory. */
    public static void main(final String[] arguments) {
        try (SymmetricHeap heap = new SymmetricHeap(SHAPE.ranks(), LowLatencyExchange.heapBytes(config()));
             DirectTransport transport = new DirectTransport(heap, DirectTransport.Mapping.SELF, 1024)) {
            System.out.printf(Locale.ROOT, "4 ranks: the worst value is off by %.4f%n",
                worstError(transport, Thread::onSpinWait));
        }
    }
}

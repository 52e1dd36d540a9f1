package io.expertlane.examples;

import io.expertlane.kernel.exchange.Call;
import io.expertlane.kernel.exchange.Exchange;
import io.expertlane.kernel.exchange.ExchangeConfig;
import io.expertlane.kernel.exchange.ReceivedRows;
import io.expertlane.kernel.exchange.WorkMeter;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.time.Simulation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Predicate;

/**
 * Two batches that overlap: the second is dispatched before the first has been received, so that it travels meanwhile.
 * Held against one after the other, on modelled NICs.
 *
 * <p>Prints both times. Arguments: none.
 */
public final class TwoBatches implements AutoCloseable {
    private static final MoeShape SHAPE = new MoeShape(8, 2, 32, 4, 2048, 64);

    private final Arena arena = Arena.ofShared();
    private final SymmetricHeap heap;
    private final SimulatedTransport transport;
    private final Exchange[] exchanges = new Exchange[SHAPE.ranks()];
    private final Routing[] routings;
    private final MemorySegment tokens = arena.allocate((long) SHAPE.maxTokensPerRank() * SHAPE.rowBytes());
    private final MemorySegment combined = arena.allocate((long) SHAPE.maxTokensPerRank() * SHAPE.rowBytes());

    TwoBatches() {
        final ExchangeConfig config = ExchangeConfig.lowLatency(SHAPE);
        heap = new SymmetricHeap(SHAPE.ranks(), config.heapBytes());
        transport = new SimulatedTransport(heap, ClusterProfile.h20Cx7Dual(), PortPolicy.EXPLICIT, 1024);
        final Simulation time = transport.simulation();
        Arrays.setAll(exchanges, rank ->
            Exchange.connect(config, transport, rank, WorkMeter.NONE, () -> time.nowPicos() / 1000));
        routings = DrawnRouting.uniform().routings(SHAPE, SHAPE.maxTokensPerRank(), 7, arena);
    }

    /** One batch, then the other; in nanoseconds. */
    double inTurnNanos() {
        final double begin = nowNanos();
        for (int batch = 0; batch < 2; batch++) {
            finish(dispatch());
        }
        return nowNanos() - begin;
    }

    /** Both at once: while the experts of one work, the rows of the other are on their way; in nanoseconds. */
    double overlappingNanos() {
        final double begin = nowNanos();
        final Call[] first = dispatch();
        final Call[] second = dispatch();
        finish(first);
        finish(second);
        return nowNanos() - begin;
    }

    private double nowNanos() {
        return transport.simulation().nowPicos() / 1e3;
    }

    private Call[] dispatch() {
        final Call[] calls = new Call[exchanges.length];
        Arrays.setAll(calls, rank -> exchanges[rank].dispatch(tokens, routings[rank]));
        return calls;
    }

    private void finish(final Call[] calls) {
        drive(calls, Call::isReceived);
        for (final Call call : calls) {
            for (final ReceivedRows rows = call.rows(); rows.next();) {
                rows.read(rows.memory(), rows.outputOffset());
            }
            call.combine(combined);
        }
        drive(calls, Call::isOver);
    }

    /** Drives all ranks until each call is so far; when no rank has work to do, time passes. */
    private void drive(final Call[] calls, final Predicate<Call> isDone) {
        while (!Arrays.stream(calls).allMatch(isDone)) {
            int work = 0;
            for (final Exchange exchange : exchanges) {
                work += exchange.doWork();
            }
            if (work == 0 && !transport.simulation().step()) {
                throw new IllegalStateException("nothing is left to happen, and a call is not done");
            }
        }
    }

    @Override
    public void close() {
        for (final Exchange exchange : exchanges) {
            exchange.close();
        }
        transport.close();
        heap.close();
        arena.close();
    }

    /** Runs both. */
    public static void main(final String[] arguments) {
        try (TwoBatches batches = new TwoBatches()) {
            System.out.printf(Locale.ROOT, "two batches on 8 ranks: in turn %.1f us, overlapping %.1f us%n",
                batches.inTurnNanos() / 1e3, batches.overlappingNanos() / 1e3);
        }
    }
}

package io.expertlane.kernel.exchange;

import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;

/**
 * One rank's end of an exchange, in either mode and over either path, on any {@link Transport}.
 * <pre>{@code
 * try (Exchange exchange = Exchange.connect(config, transport, rank)) {
 *     Call call = exchange.dispatch(tokens, routing);
 *     while (!call.isReceived()) {
 *         exchange.doWork();
 *     }
 *     for (ReceivedRows rows = call.rows(); rows.next();) {
 *         rows.read(rows.memory(), rows.outputOffset());   // an expert that returns what it gets
 *     }
 *     call.combine(combined);
 *     while (!call.isOver()) {
 *         exchange.doWork();
 *     }
 * }
 * }</pre>
 * {@link LocalCluster} does that for all ranks of a process.
 *
 * <p>A call is collective: every rank begins it, in the same order. Nothing blocks; {@link #doWork()} moves all live
 * calls on.
 *
 * <p>Threading: one thread at a time drives a rank and reads its calls; ranks may share threads or not. Nothing
 * allocates after two calls but what says so.
 *
 * <p>Errors: bad arguments throw {@link IllegalArgumentException}, steps out of order {@link IllegalStateException},
 * before any state changes. A peer that fails is masked: live calls go on without it ({@link Call#isExcluded}), later
 * ones do not wait for it, until it has joined again: it calls {@link #rejoin()}, all others {@link #clearMask},
 * between the same two calls.
 */
public sealed interface Exchange extends AutoCloseable permits LowLatencyEnd, HighThroughputEnd {
    /**
     * Connects {@code rank} with the system's clock. Every rank of {@code transport} must be connected before any of
     * them dispatches.
     *
     * @param transport its heap has {@link ExchangeConfig#heapBytes()} bytes a rank or more; offsets from 0 are used
     * @throws IllegalArgumentException if the heap is too small, or memory is not mapped that pull combine needs
     */
    static Exchange connect(final ExchangeConfig config, final Transport transport, final int rank) {
        return connect(config, transport, rank, WorkMeter.NONE, System::nanoTime);
    }

    /**
     * Connects {@code rank}.
     *
     * @param meter     charged with local work
     * @param nanoClock for time-outs and statistics: {@code System::nanoTime}, or a virtual clock
     */
    static Exchange connect(
        final ExchangeConfig config, final Transport transport, final int rank, final WorkMeter meter,
        final LongSupplier nanoClock) {
        return switch (config.mode()) {
            case Mode.LowLatency settings -> new LowLatencyEnd(config,
                new LowLatencyExchange(config.lowLatency(settings), transport, rank, meter, nanoClock));
            case Mode.HighThroughput settings -> new HighThroughputEnd(config,
                new HighThroughputExchange(config.highThroughput(settings), transport, rank, meter, nanoClock));
        };
    }

    /**
     * Begins a call: sends {@code tokens} to the experts of {@code routing} and receives those of the others.
     *
     * @param tokens  BF16 [T, H], row-major; must stay unchanged until {@link Call#isSent()}. Not read if payload is
     *                omitted
     * @param routing the gate's choice for the T tokens; copied
     * @return the call, an object that is used again by a later call
     * @throws IllegalStateException if as many calls are live as may be, or the rank is no member, or the exchange is
     *                               closed
     */
    Call dispatch(MemorySegment tokens, Routing routing);

    /**
     * Begins a call with the routing of an earlier one. In high-throughput mode no counts are exchanged.
     *
     * @throws IllegalArgumentException if the handle is another exchange's, or was made before a rank joined again
     */
    Call dispatch(MemorySegment tokens, Handle handle);

    /**
     * Begins a high-throughput call whose result has {@code fixedRows} rows, known before anything is exchanged; what
     * is not received is padding. More received rows than that make {@link #doWork()} throw.
     *
     * @throws IllegalArgumentException in low-latency mode, or if there is no room for so many
     */
    Call dispatch(MemorySegment tokens, Routing routing, int fixedRows);

    /**
     * Begins a call as {@link #dispatch(MemorySegment, Routing)} does, of which low latency receives nothing until
     * {@link Call#receive()}: what is sent overlaps what the caller does meanwhile. High throughput receives at once,
     * since ranks pass on what they receive.
     */
    Call send(MemorySegment tokens, Routing routing);

    /** Moves all live calls on; returns how much was done, 0 if there was nothing to do. */
    int doWork();

    /** Whether {@code peer} is masked at this rank. */
    boolean isMasked(int peer);

    /** Writes 1 for every masked rank and 0 for every other to {@code target}; returns how many are masked. */
    int queryMask(int[] target);

    /** Masks {@code peer}, as a time-out would. */
    void mask(int peer);

    /**
     * Lets {@code peer} join again; returns whether it is a member, false: call again. Collective among the other
     * ranks. Allocates.
     */
    boolean clearMask(int peer);

    /**
     * Says in words what {@link #clearMask} of {@code peer}, or {@link #rejoin()}, waits for. For people; allocates.
     */
    String joinState(int peer);

    /** Joins again after this rank was masked or restarted; returns whether it is a member, false: call again. */
    boolean rejoin();

    /** Elements that the transport reported as failed. */
    long transportFailures();

    /** How many times {@code peer} wrote what no rank writes that keeps to the protocol; it was masked for each. */
    long protocolErrors(int peer);

    /** The last of these in words, or null. */
    String protocolError(int peer);

    /** How many times sending to {@code peer} stalled for want of credits; 0 over the zero path. */
    long creditStalls(int peer);

    /** Time by stage, over all calls. */
    StageTimes stageTimes();

    /**
     * How long this rank waited for each peer, over all calls. Kept by low latency; all zero in high-throughput mode.
     */
    PeerWaits peerWaits();

    /** What all ranks agreed on. */
    ExchangeConfig config();

    /** This rank. */
    int rank();

    /** This rank's heap region, in which received rows and outputs lie. */
    MemorySegment memory();

    /**
     * Ends this rank's part: all later steps throw. Memory and connections stay their owners'.
     *
     * @throws IllegalStateException if it is closed already
     */
    @Override
    void close();
}

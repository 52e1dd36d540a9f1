package io.expertlane.bench.scenario;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/**
 * One end of a measurement of the verbs between rank 0 and rank 1, as perftest's {@code ib_write_lat} and {@code
 * ib_write_bw} make it: both ends call the same methods in the same order, and rank 0 has the figures.
 *
 * <p>A message is a write of its bytes and an inline write of a flag behind it on the same queue pair, whose order is
 * the transport's promise. Messages of 8 bytes are the flag alone.
 *
 * <p>Threading: one thread an end. Failure: {@link IllegalStateException} if the other end is not heard of for {@value
 * #SILENCE_SECONDS} s.
 */
public final class Ping {
    /** The largest message. */
    public static final int MAX_BYTES = 1 << 22;
    /** The smallest message: the flag alone. */
    public static final int MIN_BYTES = Long.BYTES;
    /** Bytes of memory that each rank needs. */
    public static final long HEAP_BYTES = 2L * MAX_BYTES + 4096;

    private static final int SILENCE_SECONDS = 60;
    private static final int TURNS_PER_CLOCK = 1024;
    private static final int QUEUE_DEPTH = 128;
    private static final int BLOCKS = 20;
    private static final long FLAG = 0;
    private static final long SOURCE = 4096;
    private static final long TARGET = SOURCE + MAX_BYTES;
    private static final double MICROS = 1e3;
    /** Ends each message, so that what arrives is known to be what was sent. */
    private static final long MARK = 0x5eed_0000_0000_0000L;
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final Transport transport;
    private final MemorySegment region;
    private final QueuePair queuePair;
    private final int rank;
    private long sent;
    private long seen;

    /** One-way times of messages of {@code bytes}: half of round trips, in microseconds. */
    public record Latency(int bytes, int iterations, double minMicros, double typicalMicros, double averageMicros,
        double p99Micros, double p999Micros,
                          double maxMicros) {
    }

    /**
     * Messages of {@code bytes} one after another: MB are 10^6 bytes; the peak is that of the best of {@value #BLOCKS}
     * parts.
     */
    public record Bandwidth(int bytes, int iterations, double peakMBps, double averageMBps,
        double millionMessagesPerSecond) {
    }

    /** Connects {@code rank}, 0 or 1, to the other. */
    public Ping(final Transport transport, final int rank) {
        this.transport = transport;
        this.rank = rank;
        this.region = transport.heap().region(rank);
        this.queuePair = transport.connect(rank, 1 - rank, QUEUE_DEPTH, 0);
    }

    /** Returns null at rank 1. */
    public Latency latency(final int bytes, final int iterations) {
        final long[] nanos = new long[iterations];
        mark(bytes);
        for (int i = 0; i < iterations; i++) {
            final long start = System.nanoTime();
            if (rank == 0) {
                send(bytes);
                awaitFlag();
            } else {
                awaitFlag();
                send(bytes);
            }
            nanos[i] = System.nanoTime() - start;
        }
        requireMark(bytes);
        return rank == 0 ? latency(bytes, nanos) : null;
    }

    private static Latency latency(final int bytes, final long[] roundTrips) {
        Arrays.sort(roundTrips);
        final double halfMicros = 1 / (2 * MICROS);
        return new Latency(bytes, roundTrips.length, roundTrips[0] * halfMicros, at(roundTrips, 0.5) * halfMicros,
            Arrays.stream(roundTrips).average().orElse(0) * halfMicros, at(roundTrips, 0.99) * halfMicros,
            at(roundTrips, 0.999) * halfMicros,
            roundTrips[roundTrips.length - 1] * halfMicros);
    }

    private static long at(final long[] sorted, final double quantile) {
        return sorted[(int) Math.min(sorted.length - 1, Math.floor(quantile * sorted.length))];
    }

    /** Returns null at rank 1. */
    public Bandwidth bandwidth(final int bytes, final int iterations) {
        mark(bytes);
        if (rank != 0) {
            awaitFlag(seen + iterations);
            requireMark(bytes);
            send(MIN_BYTES);
            return null;
        }
        final int perBlock = Math.max(1, iterations / BLOCKS);
        final long start = System.nanoTime();
        long blockStart = start;
        long shortestNanos = Long.MAX_VALUE;
        for (int i = 1; i <= iterations; i++) {
            send(bytes);
            if (i % perBlock == 0) {
                awaitCompletions();
                final long now = System.nanoTime();
                shortestNanos = Math.min(shortestNanos, Math.max(1, now - blockStart));
                blockStart = now;
            }
        }
        awaitFlag();
        final long nanos = Math.max(1, System.nanoTime() - start);
        return new Bandwidth(bytes, iterations, (double) bytes * perBlock * MICROS / shortestNanos,
            (double) bytes * iterations * MICROS / nanos,
            iterations * MICROS / nanos);
    }

    private void mark(final int bytes) {
        region.set(JAVA_LONG_UNALIGNED, SOURCE + bytes - Long.BYTES, MARK + bytes);
    }

    private void requireMark(final int bytes) {
        if (bytes > MIN_BYTES && region.get(JAVA_LONG_UNALIGNED, TARGET + bytes - Long.BYTES) != MARK + bytes) {
            throw new IllegalStateException("message bytes=" + bytes + ": its flag came, its last bytes did not");
        }
    }

    private void send(final int bytes) {
        final long silentSince = System.nanoTime();
        if (bytes > MIN_BYTES) {
            while (queuePair.postWrite(SOURCE, TARGET, bytes, bytes) != QueuePair.POSTED) {
                makeRoom(silentSince);
            }
        }
        while (queuePair.postInline(FLAG, sent + 1) != QueuePair.POSTED) {
            makeRoom(silentSince);
        }
        sent++;
        queuePair.ringDoorbell();
    }

    private void makeRoom(final long silentSince) {
        queuePair.ringDoorbell();
        transport.completionQueue(rank).poll();
        requireHeard(silentSince);
    }

    private void awaitCompletions() {
        final long silentSince = System.nanoTime();
        while (queuePair.outstanding() > 0) {
            transport.completionQueue(rank).poll();
            requireHeard(silentSince);
        }
        if (transport.completionQueue(rank).failures() > 0) {
            throw new IllegalStateException("completion errors=" + transport.completionQueue(rank).failures()
                + ": the other end cannot be reached");
        }
    }

    private void awaitFlag() {
        awaitFlag(seen + 1);
    }

    private void awaitFlag(final long value) {
        final long silentSince = System.nanoTime();
        int turns = 0;
        while ((long) LONG.getAcquire(region, FLAG) < value) {
            Thread.onSpinWait();
            if (++turns % TURNS_PER_CLOCK == 0) {
                // Ends may outnumber cores.
                Thread.yield();
                requireHeard(silentSince);
            }
        }
        seen = value;
        transport.completionQueue(rank).poll();
    }

    private static void requireHeard(final long silentSince) {
        if (System.nanoTime() - silentSince > TimeUnit.SECONDS.toNanos(SILENCE_SECONDS)) {
            throw new IllegalStateException("other end: not heard of for " + SILENCE_SECONDS + " s");
        }
    }
}

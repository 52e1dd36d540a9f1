package io.expertlane.kernel.bootstrap;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.concurrent.TimeUnit;

/**
 * Where the processes of a job meet: rank 0 listens on one address, the others connect. When all have come, each knows the job's number, which is drawn at
 * random, and then they may wait for each other and send parts to rank 0.
 *
 * <p>Threading: one thread. Progress: every step ends, at the latest by its time-out.
 *
 * <p>Failure: a process that does not know the secret, or is of another version, shape or layout, or a rank that has come already, is refused by rank 0
 * with a line, which its {@link #join} throws; the others are not disturbed. A rank that does not come in time is named to all. A rank that ends later
 * makes the next step of all throw {@link IOException}.
 */
public abstract sealed class Rendezvous implements AutoCloseable permits RendezvousHost, RendezvousGuest {
    /** The longest part that a rank may send. */
    public static final int MAX_PART_BYTES = 1 << 30;

    private final RankEnvironment environment;
    private int step;

    Rendezvous(final RankEnvironment environment) {
        this.environment = environment;
    }

    /**
     * Comes to the rendezvous and waits for all others.
     *
     * @param layout       what must be alike in all ranks, as text: at most 400 bytes
     * @param timeoutNanos how long to wait
     * @throws IllegalArgumentException if this rank is refused, or one has not come in time, or the address cannot be used
     * @throws IOException              if a connection breaks
     */
    public static Rendezvous join(final RankEnvironment environment, final String layout, final long timeoutNanos) throws IOException {
        final InetSocketAddress address = address(environment);
        final long deadlineNanos = System.nanoTime() + timeoutNanos;
        return environment.rank() == 0 ? RendezvousHost.open(environment, address, layout, deadlineNanos, timeoutNanos)
            : RendezvousGuest.connect(environment, address, layout, deadlineNanos);
    }

    private static InetSocketAddress address(final RankEnvironment environment) {
        try {
            final InetAddress address = InetAddress.getByName(environment.address());
            if (address.isAnyLocalAddress()) {
                throw new IllegalArgumentException("MASTER_ADDR=" + environment.address() + ": the address of one interface, not of all");
            }
            return new InetSocketAddress(address, environment.port());
        } catch (final UnknownHostException e) {
            throw new IllegalArgumentException("MASTER_ADDR=" + environment.address() + ": no such host", e);
        }
    }

    /** The job's number, the same for all ranks, another each time the job is started. */
    public abstract long job();

    /** Which rank this is, and of how many. */
    public RankEnvironment environment() {
        return environment;
    }

    /**
     * Waits until all ranks have come to the same step.
     *
     * @param value        what rank 0 has to say; others' values are not looked at
     * @param timeoutNanos how long to wait for one rank
     * @return rank 0's value
     * @throws IOException if a rank has ended, or has not come in time
     */
    public long agree(final long value, final long timeoutNanos) throws IOException {
        return step(new byte[0], new byte[environment.ranks()][], 0, value, timeoutNanos);
    }

    /**
     * Brings a part of each rank to rank 0, and waits until all ranks have come to this step.
     *
     * @param maxBytes     the longest part there may be
     * @param timeoutNanos how long to wait for one rank
     * @return by rank; null at all ranks but rank 0
     * @throws IllegalArgumentException if the part is too long
     * @throws IOException              if a rank has ended, or has not come in time
     */
    public byte[][] gather(final byte[] part, final int maxBytes, final long timeoutNanos) throws IOException {
        if (part.length > maxBytes || maxBytes > MAX_PART_BYTES) {
            throw new IllegalArgumentException("part bytes=" + part.length + ": at most " + Math.min(maxBytes, MAX_PART_BYTES));
        }
        final byte[][] parts = new byte[environment.ranks()][];
        step(part, parts, maxBytes, 0, timeoutNanos);
        return environment.rank() == 0 ? parts : null;
    }

    private long step(final byte[] part, final byte[][] parts, final int maxBytes, final long value, final long timeoutNanos) throws IOException {
        step++;
        return step(step, part, parts, maxBytes, value, System.nanoTime() + timeoutNanos);
    }

    abstract long step(int number, byte[] part, byte[][] parts, int maxBytes, long value, long deadlineNanos) throws IOException;

    @Override
    public abstract void close();

    static String seconds(final long nanos) {
        return String.format("%.1f s", nanos / (double) TimeUnit.SECONDS.toNanos(1));
    }

    static boolean isNobodyThere(final IOException failure) {
        return failure instanceof ConnectException;
    }
}

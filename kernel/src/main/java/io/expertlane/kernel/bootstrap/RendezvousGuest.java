package io.expertlane.kernel.bootstrap;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;

/** A rank that connects to rank 0. */
final class RendezvousGuest extends Rendezvous {
    private static final long RETRY_MILLIS = 20;

    private final Wire wire;
    private final long job;

    private RendezvousGuest(final RankEnvironment environment, final Wire wire, final long job) {
        super(environment);
        this.wire = wire;
        this.job = job;
    }

    static Rendezvous connect(final RankEnvironment environment, final InetSocketAddress address, final String layout, final long deadlineNanos)
        throws IOException {
        final Wire wire = connect(environment, address, deadlineNanos);
        try {
            return new RendezvousGuest(environment, wire, job(environment, wire, layout, deadlineNanos));
        } catch (final SocketTimeoutException e) {
            wire.close();
            throw new IllegalArgumentException("rendezvous " + environment + ": no answer in time", e);
        } catch (final IOException | RuntimeException e) {
            wire.close();
            throw e;
        }
    }

    /** Rank 0 may be started last. */
    private static Wire connect(final RankEnvironment environment, final InetSocketAddress address, final long deadlineNanos) throws IOException {
        while (true) {
            try {
                return Wire.connect(address, deadlineNanos);
            } catch (final IOException e) {
                if (!isNobodyThere(e) || deadlineNanos - System.nanoTime() < 0) {
                    throw new IllegalArgumentException("rendezvous " + environment + ": cannot be reached (" + e.getMessage()
                        + "); does rank 0 run, and do MASTER_ADDR and MASTER_PORT name it?", e);
                }
            }
            try {
                Thread.sleep(RETRY_MILLIS);
            } catch (final InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted", e);
            }
        }
    }

    private static long job(final RankEnvironment environment, final Wire wire, final String layout, final long deadlineNanos) throws IOException {
        final byte[] greetingNonce = Records.nonceOfGreeting(wire.read(Records.GREETING_BYTES, deadlineNanos));
        final byte[] nonce = Records.nonce();
        wire.write(Records.hello(new Records.Hello(environment.rank(), environment.ranks(), layout, nonce), environment.secret(), greetingNonce));
        final byte[] record = wire.read(Records.ANSWER_BYTES, deadlineNanos);
        final Records.Answer answer = Records.answer(record);
        if (answer.status() == Records.WRONG_SECRET || !Records.isProven(record, environment.secret(), nonce)) {
            throw new IllegalArgumentException(RankEnvironment.SECRET + "=(hidden): not that of the job at " + environment.address() + ":" + environment.port());
        }
        if (answer.status() != Records.ACCEPTED) {
            throw new IllegalArgumentException(answer.text());
        }
        return answer.job();
    }

    @Override
    public long job() {
        return job;
    }

    @Override
    long step(final int number, final byte[] part, final byte[][] parts, final int maxBytes, final long value, final long deadlineNanos) throws IOException {
        try {
            wire.write(Records.part(number, part.length));
            wire.write(part);
            return Records.valueOfRelease(wire.read(Records.RELEASE_BYTES, deadlineNanos), number);
        } catch (final IOException e) {
            throw new IOException("rank 0 does not go on with step " + number + ": " + e.getMessage(), e);
        }
    }

    @Override
    public void close() {
        wire.close();
    }
}

package io.expertlane.bench.peers;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.DatagramChannel;
import java.util.concurrent.locks.LockSupport;

/**
 * One flow of datagrams that probes have to be told from; its rate is approximate, as a busy link's is. Ends when
 * closed.
 */
final class BackgroundTraffic implements AutoCloseable {
    /** The discard service's port: any but 4791. */
    private static final int DESTINATION_PORT = 9;
    private static final int PAYLOAD_LENGTH_BYTES = 64;
    private static final int PACKETS_PER_WAKE_UP = 16;
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    private final InetAddress source;
    private final InetSocketAddress destination;
    private Thread thread;

    BackgroundTraffic(final InetAddress source, final InetAddress destination) {
        this.source = source;
        this.destination = new InetSocketAddress(destination, DESTINATION_PORT);
    }

    /** Starts the flow; none if the rate is 0. */
    void start(final int packetsPerSecond) throws IOException {
        if (packetsPerSecond > 0) {
            final DatagramChannel channel = DatagramChannel.open().bind(new InetSocketAddress(source, 0));
            thread = Thread.ofPlatform().daemon().name("background").start(() -> run(channel, packetsPerSecond));
        }
    }

    private void run(final DatagramChannel channel, final int packetsPerSecond) {
        final ByteBuffer payload = ByteBuffer.allocateDirect(PAYLOAD_LENGTH_BYTES);
        try (channel) {
            while (!Thread.currentThread().isInterrupted()) {
                for (int i = 0; i < PACKETS_PER_WAKE_UP; i++) {
                    channel.send(payload.clear(), destination);
                }
                LockSupport.parkNanos(PACKETS_PER_WAKE_UP * NANOS_PER_SECOND / packetsPerSecond);
            }
        } catch (final ClosedByInterruptException e) {
            Thread.currentThread().interrupt();
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        if (thread == null) {
            return;
        }
        thread.interrupt();
        try {
            thread.join();
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

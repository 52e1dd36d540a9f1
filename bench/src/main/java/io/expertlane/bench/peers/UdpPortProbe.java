package io.expertlane.bench.peers;

import io.expertlane.kernel.verbs.FlowTuple;
import io.expertlane.kernel.verbs.PortProbe;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.locks.LockSupport;

/**
 * Probes a route with UDP datagrams to port 4791 and reads packet counters from files, one a port. The counters of a
 * virtual link are up to date when the send call returns.
 */
final class UdpPortProbe implements PortProbe {
    private static final int PAYLOAD_LENGTH_BYTES = 64;

    private final InetAddress source;
    private final InetSocketAddress destination;
    private final List<Path> counterFiles;
    private double nanosPerPacket;

    UdpPortProbe(final InetAddress source, final InetAddress destination, final List<Path> counterFiles) {
        this.source = source;
        this.destination = new InetSocketAddress(destination, FlowTuple.ROCE_DESTINATION_PORT);
        this.counterFiles = counterFiles;
    }

    @Override
    public void send(final int sourcePort, final int packets) throws IOException {
        final ByteBuffer payload = ByteBuffer.allocateDirect(PAYLOAD_LENGTH_BYTES);
        final long startNanos = System.nanoTime();
        try (DatagramChannel channel = DatagramChannel.open().bind(new InetSocketAddress(source, sourcePort))) {
            for (int i = 0; i < packets; i++) {
                channel.send(payload.clear(), destination);
            }
        }
        nanosPerPacket = (double) (System.nanoTime() - startNanos) / packets;
    }

    @Override
    public void idle(final int packets) {
        final long endNanos = System.nanoTime() + (long) (packets * nanosPerPacket);
        for (long leftNanos = endNanos - System.nanoTime(); leftNanos > 0; leftNanos = endNanos - System.nanoTime()) {
            LockSupport.parkNanos(leftNanos);
        }
    }

    @Override
    public void readCounters(final long[] counters) throws IOException {
        for (int port = 0; port < counters.length; port++) {
            counters[port] = Long.parseLong(Files.readString(counterFiles.get(port)).strip());
        }
    }
}

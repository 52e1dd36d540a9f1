package io.expertlane.kernel.bootstrap;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.concurrent.TimeUnit;

/** A connection on which every read ends by a given time, however slowly bytes come. */
final class Wire implements AutoCloseable {
    private final Socket socket;

    Wire(final Socket socket) throws IOException {
        this.socket = socket;
        socket.setTcpNoDelay(true);
    }

    static Wire connect(final InetSocketAddress address, final long deadlineNanos) throws IOException {
        final Socket socket = new Socket();
        try {
            socket.connect(address, millisLeft(deadlineNanos));
            return new Wire(socket);
        } catch (final IOException e) {
            socket.close();
            throw e;
        }
    }

    byte[] read(final int bytes, final long deadlineNanos) throws IOException {
        final byte[] record = new byte[bytes];
        int at = 0;
        while (at < bytes) {
            socket.setSoTimeout(millisLeft(deadlineNanos));
            final int read = socket.getInputStream().read(record, at, bytes - at);
            if (read < 0) {
                throw new EOFException("connection closed after " + at + " of " + bytes + " bytes");
            }
            at += read;
        }
        return record;
    }

    void write(final byte[] record) throws IOException {
        socket.getOutputStream().write(record);
    }

    private static int millisLeft(final long deadlineNanos) throws SocketTimeoutException {
        final long millis = TimeUnit.NANOSECONDS.toMillis(deadlineNanos - System.nanoTime());
        if (millis <= 0) {
            throw new SocketTimeoutException("time is up");
        }
        return (int) Math.min(millis, Integer.MAX_VALUE);
    }

    @Override
    public void close() {
        try {
            socket.close();
        } catch (final IOException _) {
            // Nothing that was read or written depends on it.
        }
    }
}

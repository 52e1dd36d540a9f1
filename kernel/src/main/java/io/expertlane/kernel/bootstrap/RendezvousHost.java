package io.expertlane.kernel.bootstrap;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Rank 0: listens until all others have come. Each connection has a thread of its own while it says who it is, so a slow or silent one keeps nobody
 * waiting; there are at most {@value #SPARE_CONNECTIONS} more of them than ranks.
 */
final class RendezvousHost extends Rendezvous {
    private static final int SPARE_CONNECTIONS = 64;
    private static final long HELLO_NANOS = TimeUnit.SECONDS.toNanos(20);

    private final long job = Records.job();
    private final String layout;
    private final Wire[] wires;
    private final byte[][] nonces;
    private final CountDownLatch missing;
    private final Semaphore connections;
    private boolean isOver;

    private RendezvousHost(final RankEnvironment environment, final String layout) {
        super(environment);
        this.layout = layout;
        this.wires = new Wire[environment.ranks()];
        this.nonces = new byte[environment.ranks()][];
        this.missing = new CountDownLatch(environment.ranks() - 1);
        this.connections = new Semaphore(environment.ranks() + SPARE_CONNECTIONS);
    }

    static Rendezvous open(final RankEnvironment environment, final InetSocketAddress address, final String layout, final long deadlineNanos,
                           final long timeoutNanos) throws IOException {
        final RendezvousHost host = new RendezvousHost(environment, layout);
        try {
            host.meet(address, deadlineNanos, timeoutNanos);
            return host;
        } catch (final InterruptedException e) {
            host.close();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } catch (final IOException | RuntimeException e) {
            host.close();
            throw e;
        }
    }

    private void meet(final InetSocketAddress address, final long deadlineNanos, final long timeoutNanos) throws IOException, InterruptedException {
        final Thread acceptor;
        try (ServerSocket server = listen(address)) {
            acceptor = Thread.ofVirtual().start(() -> accept(server));
            awaitAll(deadlineNanos, timeoutNanos);
        }
        acceptor.join();
        answerAll(new Records.Answer(Records.ACCEPTED, job, ""));
    }

    private ServerSocket listen(final InetSocketAddress address) throws IOException {
        final ServerSocket server = new ServerSocket();
        try {
            server.setReuseAddress(true);
            server.bind(address, environment().ranks() + SPARE_CONNECTIONS);
            return server;
        } catch (final SocketException e) {
            server.close();
            throw new IllegalArgumentException("MASTER_ADDR=" + environment().address() + " port=" + environment().port() + ": rank 0 cannot listen there ("
                + e.getMessage() + ")", e);
        }
    }

    private void accept(final ServerSocket server) {
        while (!server.isClosed()) {
            try {
                final Socket socket = server.accept();
                if (connections.tryAcquire()) {
                    Thread.ofVirtual().start(() -> receive(socket));
                } else {
                    socket.close();
                }
            } catch (final IOException _) {
                // Closed because the rendezvous is over, or a connection that was gone before it was taken.
            }
        }
    }

    private void receive(final Socket socket) {
        boolean isKept = false;
        Wire wire = null;
        try {
            wire = new Wire(socket);
            isKept = receive(wire);
        } catch (final IOException | IllegalArgumentException _) {
            // Whoever it is does not speak as a rank does: it learns nothing.
        } finally {
            connections.release();
            if (!isKept) {
                closeQuietly(socket);
            }
        }
    }

    private static void closeQuietly(final Socket socket) {
        try {
            socket.close();
        } catch (final IOException _) {
            // It is of no use any more.
        }
    }

    private boolean receive(final Wire wire) throws IOException {
        final byte[] nonce = Records.nonce();
        wire.write(Records.greeting(nonce));
        final byte[] record = wire.read(Records.HELLO_BYTES, System.nanoTime() + HELLO_NANOS);
        final Records.Hello hello = Records.hello(record);
        if (!Records.isProven(record, environment().secret(), nonce)) {
            wire.write(Records.answer(new Records.Answer(Records.WRONG_SECRET, 0, ""), environment().secret(), hello.nonce()));
            return false;
        }
        final String refusal = take(hello, wire);
        if (refusal != null) {
            wire.write(Records.answer(new Records.Answer(Records.REFUSED, 0, refusal), environment().secret(), hello.nonce()));
        }
        return refusal == null;
    }

    /** Null: the rank is taken in. */
    private synchronized String take(final Records.Hello hello, final Wire wire) {
        if (isOver) {
            return "rank=" + hello.rank() + ": too late, the job has begun without it or has been called off";
        }
        if (hello.ranks() != environment().ranks()) {
            return "ranks=" + hello.ranks() + ": " + environment().ranks() + ", as rank 0 has";
        }
        if (hello.rank() < 1 || hello.rank() >= wires.length) {
            return "rank=" + hello.rank() + ": 1 to " + (wires.length - 1) + " beside rank 0";
        }
        if (!hello.layout().equals(layout)) {
            return "layout=" + hello.layout() + ": " + layout + ", as rank 0 has";
        }
        if (wires[hello.rank()] != null) {
            return "rank=" + hello.rank() + ": has come already, it is started twice";
        }
        wires[hello.rank()] = wire;
        nonces[hello.rank()] = hello.nonce();
        missing.countDown();
        return null;
    }

    private void awaitAll(final long deadlineNanos, final long timeoutNanos) throws InterruptedException, IOException {
        if (missing.await(deadlineNanos - System.nanoTime(), TimeUnit.NANOSECONDS)) {
            synchronized (this) {
                isOver = true;
            }
            return;
        }
        final String late;
        synchronized (this) {
            isOver = true;
            late = missingRanks();
        }
        final String text = late + ": not come to " + environment().address() + ":" + environment().port() + " within " + seconds(timeoutNanos);
        answerAll(new Records.Answer(Records.REFUSED, 0, text));
        throw new IllegalArgumentException(text);
    }

    private String missingRanks() {
        final List<Integer> ranks = new ArrayList<>();
        for (int rank = 1; rank < wires.length; rank++) {
            if (wires[rank] == null) {
                ranks.add(rank);
            }
        }
        return "ranks=" + ranks;
    }

    private void answerAll(final Records.Answer answer) throws IOException {
        for (int rank = 1; rank < wires.length; rank++) {
            if (wires[rank] != null) {
                wires[rank].write(Records.answer(answer, environment().secret(), nonces[rank]));
            }
        }
    }

    @Override
    public long job() {
        return job;
    }

    @Override
    long step(final int number, final byte[] part, final byte[][] parts, final int maxBytes, final long value, final long deadlineNanos) throws IOException {
        parts[0] = part;
        for (int rank = 1; rank < wires.length; rank++) {
            try {
                final int length = Records.lengthOfPart(wires[rank].read(Records.PART_BYTES, deadlineNanos), number, maxBytes);
                parts[rank] = wires[rank].read(length, deadlineNanos);
            } catch (final IOException | IllegalArgumentException e) {
                throw new IOException("rank " + rank + " does not go on with step " + number + ": " + e.getMessage(), e);
            }
        }
        for (int rank = 1; rank < wires.length; rank++) {
            wires[rank].write(Records.release(number, value));
        }
        return value;
    }

    @Override
    public void close() {
        for (final Wire wire : wires) {
            if (wire != null) {
                wire.close();
            }
        }
    }
}

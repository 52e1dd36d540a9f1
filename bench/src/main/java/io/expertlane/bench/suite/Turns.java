package io.expertlane.bench.suite;

import java.io.DataInputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.Phaser;

/**
 * Lets the iterations of two JMH runs, each with a {@link io.expertlane.bench.jmh.TurnProfiler}, take turns: A B, B A,
 * A B ... While one of them is in an iteration the other's fork is stopped, so that threads which spin between
 * iterations do not disturb.
 *
 * <p>A round begins when both runs would begin an iteration; a run that has ended is not waited for.
 *
 * <p>Threading: thread-safe; a daemon thread for each run.
 */
final class Turns implements AutoCloseable {
    private static final int RUNS = 2;
    private static final int ANY_PORT = 0;
    /** Both are there, one has had its turn, both have had it. */
    private static final int PHASES = 3;

    private final Phaser phaser = new Phaser(RUNS);
    private final List<ServerSocket> servers;

    Turns() throws IOException {
        servers = List.of(listen(), listen());
        for (int run = 0; run < RUNS; run++) {
            final int self = run;
            Thread.ofPlatform().daemon().name("turns-" + run).start(() -> serve(self));
        }
    }

    private static ServerSocket listen() throws IOException {
        return new ServerSocket(ANY_PORT, 0, InetAddress.getLoopbackAddress());
    }

    /** Where the forks of {@code run}, 0 or 1, ask for their turns. */
    int port(final int run) {
        return servers.get(run).getLocalPort();
    }

    /** The run has ended: the other is on its own. */
    void leave(final int run) {
        try {
            servers.get(run).close();
        } catch (final IOException _) {
            // Closed all the same.
        }
    }

    /** Gives no more turns. */
    @Override
    public void close() {
        leave(0);
        leave(1);
    }

    private void serve(final int run) {
        final ServerSocket server = servers.get(run);
        while (!server.isClosed()) {
            try (Socket fork = server.accept()) {
                fork.setTcpNoDelay(true);
                serve(run, fork);
            } catch (final IOException _) {
                // The fork died, which its run tells, or the run has left.
            }
        }
        phaser.arriveAndDeregister();
    }

    private void serve(final int run, final Socket fork) throws IOException {
        final long processId = new DataInputStream(fork.getInputStream()).readLong();
        boolean asks = fork.getInputStream().read() >= 0;
        stopIf(asks, processId);
        while (asks) {
            final int round = phaser.arriveAndAwaitAdvance() / PHASES;
            final boolean leads = round % RUNS == run;
            if (!leads) {
                phaser.arriveAndAwaitAdvance();
            }
            Signals.resume(processId);
            asks = asksAfterTurn(fork);
            stopIf(asks, processId);
            if (leads) {
                phaser.arriveAndAwaitAdvance();
            }
            phaser.arriveAndAwaitAdvance();
        }
    }

    /** A fork that asks waits, stopped, before anybody is told that its turn is over. */
    private static void stopIf(final boolean asks, final long processId) {
        if (asks) {
            Signals.stop(processId);
        }
    }

    /** Gives the turn and awaits its end; whether the fork asks for another. */
    private static boolean asksAfterTurn(final Socket fork) {
        try {
            fork.getOutputStream().write(0);
            return fork.getInputStream().read() >= 0;
        } catch (final IOException _) {
            return false;
        }
    }
}

package io.expertlane.bench.jmh;

import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.util.Collection;
import java.util.List;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;

/**
 * JMH profiler that begins no iteration, warm-up or measured, before it is told to: it lets two forks run their
 * iterations in turn. Reports nothing.
 *
 * <p>Protocol, over a loopback connection to {@link #PORT} for each fork: the fork's process id as a big-endian long,
 * then before each iteration a byte from the fork (it would begin) and a byte back (it may). A turn lasts until the
 * fork's next byte or the end of the connection.
 *
 * <p>It must need no other class of the suite: it is also put before the classes of other JMH jars.
 *
 * <p>Failure: {@link UncheckedIOException}, which ends the fork, where nobody answers.
 */
public final class TurnProfiler implements InternalProfiler {
    /** Environment variable: the port at which turns are given. */
    public static final String PORT = "EXPERTLANE_TURN_PORT";

    private Socket turns;

    @Override
    public String getDescription() {
        return "Iterations in turn with those of another fork";
    }

    @Override
    public void beforeIteration(final BenchmarkParams benchmarkParams, final IterationParams iterationParams) {
        try {
            if (turns == null) {
                turns = new Socket(InetAddress.getLoopbackAddress(), Integer.parseInt(System.getenv(PORT)));
                turns.setTcpNoDelay(true);
                new DataOutputStream(turns.getOutputStream()).writeLong(ProcessHandle.current().pid());
            }
            turns.getOutputStream().write(0);
            if (turns.getInputStream().read() < 0) {
                throw new IOException("no turn is given any more");
            }
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public Collection<? extends Result<?>> afterIteration(final BenchmarkParams benchmarkParams,
        final IterationParams iterationParams, final IterationResult result) {
        return List.of();
    }
}

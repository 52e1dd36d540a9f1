package io.expertlane.bench.cli;

import io.expertlane.kernel.bootstrap.RankEnvironment;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;

/**
 * The processes of a job on this machine: all started together, with the variables that torchrun sets and a secret of the job. When one fails, the others
 * are ended; so they are when this process is.
 *
 * <p>Output: either everything goes where this process's goes, or only what rank 0 says, and of a job that failed what the first rank said that did.
 */
final class RankProcesses implements AutoCloseable {
    private static final int SECRET_BYTES = 24;
    private static final long GRACE_SECONDS = 3;
    private static final String PREFIX = "expertlane: ";
    private static final String JVM_PREFACE = "WARNING: Using incubator modules";

    private final List<Process> processes = new ArrayList<>();
    private final List<Thread> readers = new ArrayList<>();
    private final List<StringBuilder> held = new ArrayList<>();
    private final Thread atExit = new Thread(this::endAll, "end-rank-processes");

    private RankProcesses() {
        Runtime.getRuntime().addShutdownHook(atExit);
    }

    /**
     * Starts them with all streams inherited, and waits for their end.
     *
     * @return 0, or the exit code of the first that failed
     */
    static int run(final int ranks, final List<String> command) throws IOException, InterruptedException {
        try (RankProcesses job = new RankProcesses()) {
            job.start(ranks, command, true);
            final int failed = job.awaitFirstFailure();
            return failed < 0 ? 0 : job.processes.get(failed).exitValue();
        }
    }

    /** The same with rank 0's words on {@code out} and {@code err}, and one line of the rank that failed. */
    static int run(final int ranks, final List<String> command, final PrintWriter out, final PrintWriter err) throws IOException, InterruptedException {
        try (RankProcesses job = new RankProcesses()) {
            job.start(ranks, command, false);
            for (int rank = 0; rank < ranks; rank++) {
                job.read(rank, rank == 0 ? out : null, rank == 0 ? err : null);
            }
            final int failed = job.awaitFirstFailure();
            job.endAll();
            for (final Thread reader : job.readers) {
                reader.join();
            }
            out.flush();
            return failed < 0 ? 0 : job.report(failed, err);
        }
    }

    private void start(final int ranks, final List<String> command, final boolean inherits) throws IOException {
        final byte[] secret = new byte[SECRET_BYTES];
        new SecureRandom().nextBytes(secret);
        final Map<String, String> variables = Map.of("WORLD_SIZE", Integer.toString(ranks), "LOCAL_WORLD_SIZE", Integer.toString(ranks),
            "MASTER_ADDR", "127.0.0.1", "MASTER_PORT", Integer.toString(freePort()), RankEnvironment.SECRET, HexFormat.of().formatHex(secret));
        for (int rank = 0; rank < ranks; rank++) {
            final ProcessBuilder builder = new ProcessBuilder(command);
            builder.environment().putAll(variables);
            builder.environment().put("RANK", Integer.toString(rank));
            builder.environment().put("LOCAL_RANK", Integer.toString(rank));
            builder.environment().remove(RankEnvironment.PORT);
            builder.environment().remove("TORCHELASTIC_USE_AGENT_STORE");
            builder.redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")));
            if (inherits) {
                builder.redirectOutput(ProcessBuilder.Redirect.INHERIT).redirectError(ProcessBuilder.Redirect.INHERIT);
            }
            try {
                processes.add(builder.start());
            } catch (final IOException e) {
                throw new UsageException("CMD", command.getFirst(), "cannot be started (" + e.getMessage() + ")");
            }
            held.add(new StringBuilder());
        }
    }

    private static int freePort() throws IOException {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private void read(final int rank, final PrintWriter out, final PrintWriter err) {
        final Process process = processes.get(rank);
        readers.add(Thread.ofVirtual().start(() -> copy(process.inputReader(StandardCharsets.UTF_8), out, null)));
        readers.add(Thread.ofVirtual().start(() -> copy(process.errorReader(StandardCharsets.UTF_8), err, held.get(rank))));
    }

    /** What a rank says of its failure is kept until it is known who failed first. */
    private static void copy(final BufferedReader from, final PrintWriter to, final StringBuilder kept) {
        try (from) {
            for (String line = from.readLine(); line != null; line = from.readLine()) {
                if (line.startsWith(JVM_PREFACE)) {
                    continue;
                }
                if (kept != null && (to == null || line.startsWith(PREFIX) || !kept.isEmpty())) {
                    kept.append(line).append(System.lineSeparator());
                } else if (to != null) {
                    to.println(line);
                }
            }
        } catch (final IOException _) {
            // The process was ended.
        }
    }

    private int report(final int rank, final PrintWriter err) {
        final int code = processes.get(rank).exitValue();
        if (held.get(rank).toString().contains(PREFIX)) {
            err.print(held.get(rank).substring(held.get(rank).indexOf(PREFIX)));
        } else {
            err.print(held.get(rank));
            err.println(PREFIX + "rank " + rank + ": ended with exit code " + code);
        }
        err.flush();
        return code == 2 ? 2 : 1;
    }

    /** The rank that failed first, or -1 when all have ended well. */
    private int awaitFirstFailure() throws InterruptedException {
        final CompletableFuture<Integer> failed = new CompletableFuture<>();
        final List<CompletableFuture<?>> ends = new ArrayList<>();
        for (int rank = 0; rank < processes.size(); rank++) {
            final int self = rank;
            ends.add(processes.get(rank).onExit().thenAccept(process -> {
                if (process.exitValue() != 0) {
                    failed.complete(self);
                }
            }));
        }
        CompletableFuture.allOf(ends.toArray(CompletableFuture[]::new)).thenRun(() -> failed.complete(-1));
        try {
            return failed.get();
        } catch (final ExecutionException e) {
            throw new IllegalStateException(e);
        }
    }

    private void endAll() {
        processes.forEach(Process::destroy);
        try {
            for (final Process process : processes) {
                if (!process.waitFor(GRACE_SECONDS, TimeUnit.SECONDS)) {
                    process.destroyForcibly().waitFor();
                }
            }
        } catch (final InterruptedException e) {
            processes.forEach(Process::destroyForcibly);
            Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() {
        endAll();
        try {
            Runtime.getRuntime().removeShutdownHook(atExit);
        } catch (final IllegalStateException _) {
            // The hook runs: it ends them, too.
        }
    }
}

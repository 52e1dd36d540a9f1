package io.expertlane.kernel.exchange;

import io.expertlane.kernel.memory.SharedHeap;
import io.expertlane.kernel.verbs.DirectTransport;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * The process of one rank: runs cases that its parent names, a line each, on memory that it shares with the processes of the other ranks. Everything that
 * arrives is compared with the case. Answers each line with {@code done}.
 */
final class RankProcess {
    private static final int CALLS = 6;
    private static final int COMPLETION_QUEUE_DEPTH = 1024;
    private static final long TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(100);
    private static final int RANKS_ARGUMENT = 2;

    private RankProcess() {
    }

    /** Arguments: folder, rank, ranks. Lines: {@code mode path seed job}. */
    public static void main(final String[] args) throws IOException {
        final Path folder = Path.of(args[0]);
        final int rank = Integer.parseInt(args[1]);
        final int ranks = Integer.parseInt(args[RANKS_ARGUMENT]);
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                final String[] words = line.split(" ");
                final TransferPath path = TransferPath.valueOf(words[1]);
                final long seed = Long.parseLong(words[2]);
                final long job = Long.parseUnsignedLong(words[3]);
                if (words[0].equals("LL")) {
                    lowLatency(folder, job, rank, ranks, path, seed, lines);
                } else {
                    highThroughput(folder, job, rank, ranks, path, seed, lines);
                }
            }
        }
    }

    private static void lowLatency(final Path folder, final long job, final int rank, final int ranks, final TransferPath path, final long seed,
                                   final BufferedReader lines) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            final boolean mapped = seed % 3 != 0;
            final ExchangeCase input = ExchangeCase.random(seed, arena, mapped, config -> config.shape().ranks() == ranks && config.path() == path);
            final LowLatencyConfig config = input.config.withTimeoutNanos(TIMEOUT_NANOS);
            try (SharedHeap shared = SharedHeap.open(new SharedHeap.Job(folder, job, ranks, LowLatencyExchange.heapBytes(config), words(seed)), rank, TIMEOUT_NANOS);
                DirectTransport transport = new DirectTransport(shared.heap(), mapped ? DirectTransport.Mapping.ALL : DirectTransport.Mapping.SELF,
                    COMPLETION_QUEUE_DEPTH)) {
                final CaseProgram program = new CaseProgram(input, new LowLatencyExchange(config, transport, rank, WorkMeter.NONE, System::nanoTime), CALLS,
                    arena);
                while (!program.isDone()) {
                    idle(program.doWork());
                }
                finish(config.path() + " " + config.combine(), lines);
            }
        }
    }

    private static void highThroughput(final Path folder, final long job, final int rank, final int ranks, final TransferPath path, final long seed,
                                       final BufferedReader lines) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            final HighThroughputCase input = HighThroughputCase.random(seed, arena,
                config -> config.shape().ranks() == ranks && config.path() == path);
            final HighThroughputConfig config = input.config.withTimeoutNanos(TIMEOUT_NANOS);
            try (SharedHeap shared = SharedHeap.open(new SharedHeap.Job(folder, job, ranks, HighThroughputExchange.heapBytes(config), words(seed)), rank,
                     TIMEOUT_NANOS);
                DirectTransport transport = new DirectTransport(shared.heap(), input.mapping, config.shape().ranksPerNode(), COMPLETION_QUEUE_DEPTH)) {
                final HighThroughputProgram program = new HighThroughputProgram(input,
                    new HighThroughputExchange(config, transport, rank, WorkMeter.NONE, System::nanoTime), CALLS, arena);
                while (!program.isDone()) {
                    idle(program.doWork());
                }
                finish(config.path() + " " + config.combine(), lines);
            }
        }
    }

    private static String words(final long seed) {
        return "seed=" + seed;
    }

    private static void idle(final int work) {
        if (work == 0) {
            // More processes than cores: whoever has work is to have the core.
            Thread.yield();
        }
    }

    /** Nobody takes its memory away before all are through. */
    private static void finish(final String what, final BufferedReader lines) throws IOException {
        System.out.println("done " + what);
        lines.readLine();
    }
}

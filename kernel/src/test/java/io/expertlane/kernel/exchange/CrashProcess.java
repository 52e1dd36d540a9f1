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
import java.util.function.BooleanSupplier;
import java.util.function.IntPredicate;

/**
 * The process of one rank in a schedule of crashes: makes calls, clears masks and joins as its parent says, a line each, and answers each with a line. What
 * arrives and is summed is compared with the case; ranks that may fail may be missing, and nothing else.
 */
final class CrashProcess {
    private static final int COMPLETION_QUEUE_DEPTH = 1024;
    private static final long MEETING_NANOS = TimeUnit.SECONDS.toNanos(100);

    /** One rank's exchange in either mode. */
    private interface Member {
        FailureRun.Program call(IntPredicate mayFail, Arena arena);

        boolean clearMask(int peer);

        boolean rejoin();

        int queryMask(int[] mask);
    }

    private CrashProcess() {
    }

    /** Arguments: folder, job, rank, mode, path, ranks, seed, time-out. Lines: {@code call FAILING}, {@code clear PEER}, {@code rejoin}. */
    public static void main(final String[] args) throws IOException {
        final int rank = Integer.parseInt(args[2]);
        final TransferPath path = TransferPath.valueOf(args[4]);
        final int ranks = Integer.parseInt(args[5]);
        final long seed = Long.parseLong(args[6]);
        final long timeoutNanos = Long.parseLong(args[7]);
        try (Arena arena = Arena.ofConfined()) {
            if (args[3].equals("LL")) {
                final ExchangeCase input = ExchangeCase.random(seed, arena, true, config -> config.shape().ranks() == ranks && config.path() == path);
                final LowLatencyConfig config = input.config.withTimeoutNanos(timeoutNanos);
                try (SharedHeap shared = open(args, rank, ranks, LowLatencyExchange.heapBytes(config));
                    DirectTransport transport = new DirectTransport(shared.heap(), DirectTransport.Mapping.ALL, COMPLETION_QUEUE_DEPTH)) {
                    serve(lowLatency(input, new LowLatencyExchange(config, transport, rank, WorkMeter.NONE, System::nanoTime)),
                        shared.isTakenOver(), ranks, arena);
                }
            } else {
                final HighThroughputCase input = HighThroughputCase.random(seed, arena,
                    config -> config.shape().ranks() == ranks && config.shape().nodes() == 1 && config.path() == path);
                final HighThroughputConfig config = input.config.withTimeoutNanos(timeoutNanos);
                try (SharedHeap shared = open(args, rank, ranks, HighThroughputExchange.heapBytes(config));
                    DirectTransport transport = new DirectTransport(shared.heap(), input.mapping, ranks, COMPLETION_QUEUE_DEPTH)) {
                    serve(highThroughput(input, new HighThroughputExchange(config, transport, rank, WorkMeter.NONE, System::nanoTime)),
                        shared.isTakenOver(), ranks, arena);
                }
            }
        }
    }

    private static SharedHeap open(final String[] args, final int rank, final int ranks, final long bytes) throws IOException {
        final SharedHeap.Job job = new SharedHeap.Job(Path.of(args[0]), Long.parseLong(args[1]), ranks, bytes, args[3] + " " + args[4] + " " + args[6]);
        return SharedHeap.open(job, rank, MEETING_NANOS);
    }

    private static Member lowLatency(final ExchangeCase input, final LowLatencyExchange exchange) {
        return new Member() {
            @Override
            public FailureRun.Program call(final IntPredicate mayFail, final Arena arena) {
                return new CaseProgram(input, exchange, 1, arena, mayFail);
            }

            @Override
            public boolean clearMask(final int peer) {
                return exchange.clearMask(peer);
            }

            @Override
            public boolean rejoin() {
                return exchange.rejoin();
            }

            @Override
            public int queryMask(final int[] mask) {
                return exchange.queryMask(mask);
            }
        };
    }

    private static Member highThroughput(final HighThroughputCase input, final HighThroughputExchange exchange) {
        return new Member() {
            @Override
            public FailureRun.Program call(final IntPredicate mayFail, final Arena arena) {
                return new HighThroughputProgram(input, exchange, 1, arena, mayFail);
            }

            @Override
            public boolean clearMask(final int peer) {
                return exchange.clearMask(peer);
            }

            @Override
            public boolean rejoin() {
                return exchange.rejoin();
            }

            @Override
            public int queryMask(final int[] mask) {
                return exchange.queryMask(mask);
            }
        };
    }

    /** A rank that has started again may not call before it has joined. */
    private static boolean isRefused(final Member member, final Arena arena) {
        try {
            member.call(rank -> true, arena).doWork();
            return false;
        } catch (final IllegalStateException e) {
            return e.getMessage().contains("has started again on a heap in use, rejoin() until it is a member");
        }
    }

    private static void serve(final Member member, final boolean isTakenOver, final int ranks, final Arena arena) throws IOException {
        System.out.println("open " + (isTakenOver ? isRefused(member, arena) ? "again" : "without joining" : "first"));
        final BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            final String[] words = line.split(" ");
            switch (words[0]) {
                case "call" -> call(member, Long.parseLong(words[1]), ranks, arena);
                case "clear" -> {
                    final int peer = Integer.parseInt(words[1]);
                    await(() -> member.clearMask(peer));
                    System.out.println("cleared " + peer);
                }
                default -> {
                    await(member::rejoin);
                    System.out.println("joined");
                }
            }
        }
    }

    private static void call(final Member member, final long failing, final int ranks, final Arena arena) {
        final FailureRun.Program program = member.call(rank -> (failing >>> rank & 1) != 0, arena);
        await(() -> {
            program.doWork();
            return program.isDone();
        });
        final int[] mask = new int[ranks];
        member.queryMask(mask);
        long bits = 0;
        for (int rank = 0; rank < ranks; rank++) {
            bits |= (long) mask[rank] << rank;
        }
        System.out.println("done " + bits);
    }

    private static void await(final BooleanSupplier step) {
        while (!step.getAsBoolean()) {
            // More processes than cores: whoever has work is to have the core.
            Thread.yield();
        }
    }
}

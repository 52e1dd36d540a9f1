package io.expertlane.bench.suite;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class TurnsTest {
    private static final boolean LINUX = System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("linux");
    /** As Linux calls it. */
    private static final char STOPPED = 'T';

    private final List<String> order = new CopyOnWriteArrayList<>();
    private final Map<String, Long> waiting = new ConcurrentHashMap<>();

    @Test
    void leadersAlternateAndOnlyOneRuns() throws IOException {
        try (Turns turns = new Turns()) {
            CompletableFuture.allOf(run(turns, 0, "A", 4), run(turns, 1, "B", 4)).join();
        }
        assertThat(order).containsExactly("A", "B", "B", "A", "A", "B", "B", "A");
    }

    @Test
    void whoIsLeftGoesOnAlone() throws IOException {
        try (Turns turns = new Turns()) {
            CompletableFuture.allOf(run(turns, 0, "A", 1), run(turns, 1, "B", 3, 2)).join();
        }
        assertThat(order).containsExactly("A", "B", "B", "B", "B", "B");
    }

    @Test
    void aRunWithoutIterationsIsNotWaitedFor() throws IOException {
        try (Turns turns = new Turns()) {
            turns.leave(0);
            run(turns, 1, "B", 2).join();
        }
        assertThat(order).containsExactly("B", "B");
    }

    /** A run of several forks, one after the other. */
    private CompletableFuture<Void> run(final Turns turns, final int run, final String name, final int... iterations) {
        return CompletableFuture.runAsync(() -> {
            for (final int count : iterations) {
                fork(turns.port(run), name, count);
            }
            turns.leave(run);
        }, command -> Thread.ofPlatform().start(command));
    }

    /** A signal takes a moment to arrive. */
    private static void requireStopped(final String name, final long processId) {
        final long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
        while (LINUX && state(processId) != STOPPED) {
            assertThat(System.nanoTime()).as("%s runs while another has its turn, state %s", name, state(processId))
                .isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    private static char state(final long processId) {
        try {
            final String stat = Files.readString(Path.of("/proc", Long.toString(processId), "stat"));
            return stat.charAt(stat.lastIndexOf(')') + 2);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Speaks as a fork does; the process that is stopped and resumed in its name waits for its input. */
    private void fork(final int port, final String name, final int iterations) {
        try (Socket turns = new Socket(InetAddress.getLoopbackAddress(), port)) {
            final Process process = new ProcessBuilder("cat").start();
            try {
                new DataOutputStream(turns.getOutputStream()).writeLong(process.pid());
                for (int i = 0; i < iterations; i++) {
                    waiting.put(name, process.pid());
                    turns.getOutputStream().write(0);
                    assertThat(turns.getInputStream().read()).isZero();
                    waiting.remove(name);
                    waiting.forEach(TurnsTest::requireStopped);
                    order.add(name);
                }
            } finally {
                process.destroyForcibly();
            }
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

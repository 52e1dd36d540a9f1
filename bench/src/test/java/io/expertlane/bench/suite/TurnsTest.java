package io.expertlane.bench.suite;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 60, unit = TimeUnit.SECONDS)
class TurnsTest {
    private final List<String> order = new CopyOnWriteArrayList<>();
    private final AtomicInteger inTurn = new AtomicInteger();

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

    /** Speaks as a fork does; the process that is stopped and resumed in its name waits for its input. */
    private void fork(final int port, final String name, final int iterations) {
        try (Socket turns = new Socket(InetAddress.getLoopbackAddress(), port)) {
            final Process process = new ProcessBuilder("cat").start();
            try {
                new DataOutputStream(turns.getOutputStream()).writeLong(process.pid());
                for (int i = 0; i < iterations; i++) {
                    turns.getOutputStream().write(0);
                    assertThat(turns.getInputStream().read()).isZero();
                    assertThat(inTurn.incrementAndGet()).as("forks in their turn").isEqualTo(1);
                    order.add(name);
                    inTurn.decrementAndGet();
                }
            } finally {
                process.destroyForcibly();
            }
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

package io.expertlane.kernel.bootstrap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Ranks that meet, and what does not belong to them. Time-outs that are waited for are short; those that must not come are far too long. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class RendezvousTest {
    private static final String SECRET = "a secret of the job";
    private static final long LONG_NANOS = TimeUnit.SECONDS.toNanos(100);
    private static final long SHORT_NANOS = TimeUnit.MILLISECONDS.toNanos(300);
    private static final int MUTATIONS = 100_000;

    private final int port = freePort();

    private static int freePort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (final IOException e) {
            throw new AssertionError(e);
        }
    }

    private RankEnvironment rank(final int rank, final int ranks) {
        return new RankEnvironment(rank, ranks, "127.0.0.1", port, SECRET);
    }

    private static CompletableFuture<Rendezvous> join(final RankEnvironment environment, final String layout, final long timeoutNanos) {
        return CompletableFuture.supplyAsync(() -> {
            try {
                return Rendezvous.join(environment, layout, timeoutNanos);
            } catch (final IOException e) {
                throw new CompletionException(e);
            }
        }, task -> Thread.ofPlatform().daemon().start(task));
    }

    private List<CompletableFuture<Rendezvous>> joinAll(final int ranks) {
        final List<CompletableFuture<Rendezvous>> all = new ArrayList<>();
        // Rank 0 last.
        for (int rank = ranks - 1; rank >= 0; rank--) {
            all.addFirst(join(rank(rank, ranks), "layout", LONG_NANOS));
        }
        return all;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 5, 40})
    void allMeetAndGather(final int ranks) {
        final List<CompletableFuture<Object>> results = new ArrayList<>();
        for (final CompletableFuture<Rendezvous> joined : joinAll(ranks)) {
            results.add(joined.thenApplyAsync(rendezvous -> {
                try (rendezvous) {
                    final int rank = rendezvous.environment().rank();
                    assertThat(rendezvous.agree(rank == 0 ? 77 : rank, LONG_NANOS)).isEqualTo(77);
                    final byte[][] parts = rendezvous.gather(("part " + rank).repeat(rank).getBytes(StandardCharsets.UTF_8), 1000, LONG_NANOS);
                    assertThat(parts == null).isEqualTo(rank != 0);
                    for (int peer = 0; rank == 0 && peer < ranks; peer++) {
                        assertThat(parts[peer]).asString(StandardCharsets.UTF_8).isEqualTo(("part " + peer).repeat(peer));
                    }
                    return rendezvous.job();
                } catch (final IOException e) {
                    throw new CompletionException(e);
                }
            }, task -> Thread.ofPlatform().daemon().start(task)));
        }
        assertThat(results.stream().map(CompletableFuture::join).distinct()).hasSize(1);
    }

    /** Who is refused has a line that says why; the others meet all the same. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "1|3|another secret|layout|EXPERTLANE_SECRET=(hidden): not that of the job at 127.0.0.1:",
        "1|4|a secret of the job|layout|ranks=4: 3, as rank 0 has",
        "1|3|a secret of the job|other|layout=other: layout, as rank 0 has",
        "2|3|a secret of the job|layout|rank=2: has come already, it is started twice"})
    void othersAreRefused(final int rank, final int ranks, final String secret, final String layout, final String message) throws Exception {
        final CompletableFuture<Rendezvous> first = join(rank(0, 3), "layout", LONG_NANOS);
        final CompletableFuture<Rendezvous> third = join(rank(2, 3), "layout", LONG_NANOS);
        awaitHost();
        final RankEnvironment wrong = new RankEnvironment(rank, ranks, "127.0.0.1", port, secret);
        if (rank == 2) {
            // Whichever of the two comes second is refused.
            final CompletableFuture<Rendezvous> twin = join(wrong, layout, LONG_NANOS);
            CompletableFuture.anyOf(third.handle((_, e) -> e), twin.handle((_, e) -> e)).join();
            assertThat(third.isCompletedExceptionally() || twin.isCompletedExceptionally()).isTrue();
            assertThatThrownBy((third.isCompletedExceptionally() ? third : twin)::join).cause().isInstanceOf(IllegalArgumentException.class).hasMessage(message);
        } else {
            assertThatThrownBy(() -> Rendezvous.join(wrong, layout, LONG_NANOS)).isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith(message);
        }
        final Rendezvous second = Rendezvous.join(rank(1, 3), "layout", LONG_NANOS);
        assertThat(first.join().job()).isEqualTo(second.job());
        second.close();
        first.join().close();
    }

    private void awaitHost() throws InterruptedException {
        while (true) {
            try (Socket _ = new Socket("127.0.0.1", port)) {
                return;
            } catch (final IOException _) {
                Thread.sleep(5);
            }
        }
    }

    @Test
    void whoDoesNotComeIsNamedToAll() {
        final CompletableFuture<Rendezvous> host = join(rank(0, 4), "layout", SHORT_NANOS);
        final CompletableFuture<Rendezvous> guest = join(rank(2, 4), "layout", LONG_NANOS);
        assertThatThrownBy(host::join).cause().isInstanceOf(IllegalArgumentException.class)
            .hasMessageMatching("ranks=\\[(1, 3|1, 2, 3)]: not come to 127.0.0.1:" + port + " within 0.3 s");
        if (!guest.isDone()) {
            guest.cancel(true);
        }
    }

    @Test
    void aGuestDoesNotWaitForEverForRankZero() {
        assertThatThrownBy(() -> Rendezvous.join(rank(1, 2), "layout", SHORT_NANOS)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageStartingWith("rendezvous rank 1 of 2 at 127.0.0.1:" + port + ": cannot be reached");
    }

    @Test
    void whatIsNoRendezvousIsNotTakenForOne() throws Exception {
        try (ServerSocket server = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            Thread.ofPlatform().daemon().start(() -> {
                try (Socket socket = server.accept()) {
                    socket.getOutputStream().write("HTTP/1.1 400 Bad Request\r\n\r\n and so on".getBytes(StandardCharsets.UTF_8));
                    socket.getInputStream().read();
                } catch (final IOException _) {
                    // The guest has gone.
                }
            });
            assertThatThrownBy(() -> Rendezvous.join(rank(1, 2), "layout", LONG_NANOS)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("not a rendezvous of ranks");
        }
    }

    @Test
    void strangersDisturbNobody() throws Exception {
        final CompletableFuture<Rendezvous> host = join(rank(0, 2), "layout", LONG_NANOS);
        awaitHost();
        final List<Socket> strangers = new ArrayList<>();
        final SplittableRandom random = new SplittableRandom();
        for (int stranger = 0; stranger < 50; stranger++) {
            final Socket socket = new Socket("127.0.0.1", port);
            final byte[] garbage = new byte[random.nextInt(600)];
            random.nextBytes(garbage);
            socket.getOutputStream().write(garbage);
            strangers.add(socket);
        }
        final Rendezvous guest = Rendezvous.join(rank(1, 2), "layout", LONG_NANOS);
        assertThat(host.join().job()).isEqualTo(guest.job());
        for (final Socket stranger : strangers) {
            stranger.close();
        }
        guest.close();
        assertThatThrownBy(() -> host.join().agree(1, LONG_NANOS)).isInstanceOf(IOException.class).hasMessageStartingWith("rank 1 does not go on with step 1");
        host.join().close();
    }

    @Test
    void theSecretIsNotSent() throws Exception {
        try (ServerSocket server = new ServerSocket(port, 1, InetAddress.getLoopbackAddress())) {
            final CompletableFuture<Rendezvous> guest = join(rank(1, 2), "layout", LONG_NANOS);
            try (Socket socket = server.accept(); InputStream in = socket.getInputStream()) {
                socket.getOutputStream().write(Records.greeting(Records.nonce()));
                final byte[] hello = in.readNBytes(Records.HELLO_BYTES);
                assertThat(new String(hello, StandardCharsets.ISO_8859_1)).contains("layout").doesNotContain(SECRET);
                socket.getOutputStream().write(Records.answer(new Records.Answer(Records.ACCEPTED, 1, ""), "not the secret", Records.hello(hello).nonce()));
            }
            assertThatThrownBy(guest::join).cause().hasMessageStartingWith("EXPERTLANE_SECRET=(hidden): not that of the job");
        }
    }

    @Test
    void anAddressOfAllInterfacesIsRefused() {
        assertThatThrownBy(() -> Rendezvous.join(new RankEnvironment(0, 2, "0.0.0.0", port, SECRET), "layout", SHORT_NANOS))
            .hasMessage("MASTER_ADDR=0.0.0.0: the address of one interface, not of all");
    }

    /** No change of a record is taken for a record of the job, and none makes a reader do anything but refuse. */
    @Test
    void mutatedRecordsAreRefused() {
        final long seed = new SplittableRandom().nextLong();
        final SplittableRandom random = new SplittableRandom(seed);
        final byte[] nonce = Records.nonce();
        final List<byte[]> good = List.of(Records.greeting(nonce), Records.hello(new Records.Hello(1, 2, "layout", nonce), SECRET, nonce),
            Records.answer(new Records.Answer(Records.REFUSED, 3, "text"), SECRET, nonce), Records.part(4, 5), Records.release(4, 6));
        for (int mutation = 0; mutation < MUTATIONS; mutation++) {
            final int kind = random.nextInt(good.size());
            final byte[] record = good.get(kind).clone();
            for (int change = 0; change <= random.nextInt(4); change++) {
                final int at = random.nextInt(random.nextBoolean() ? Math.min(record.length, 28) : record.length);
                record[at] ^= (byte) (1 << random.nextInt(8));
            }
            if (Arrays.equals(record, good.get(kind))) {
                continue;
            }
            try {
                read(kind, record, nonce);
            } catch (final IllegalArgumentException e) {
                assertThat(e.getMessage()).as("seed %s mutation %s", seed, mutation).isNotBlank().doesNotContain("\n");
            }
        }
    }

    private static void read(final int kind, final byte[] record, final byte[] nonce) {
        switch (kind) {
            case 0 -> assertThat(Records.nonceOfGreeting(record)).hasSize(Records.NONCE_BYTES);
            case 1 -> {
                assertThat(Records.isProven(record, SECRET, nonce)).isFalse();
                assertThat(Records.hello(record).layout().length()).isLessThanOrEqualTo(Records.MAX_LAYOUT_BYTES);
            }
            case 2 -> {
                assertThat(Records.isProven(record, SECRET, nonce)).isFalse();
                assertThat(Records.answer(record).text().length()).isLessThanOrEqualTo(1000);
            }
            case 3 -> assertThat(Records.lengthOfPart(record, 4, 1000)).isBetween(0, 1000);
            default -> assertThat(Records.valueOfRelease(record, 4)).isNotEqualTo(6);
        }
    }
}

package io.expertlane.kernel.fuzz;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Calls a target with many mutated inputs. Case {@code n} of a seed is the same input whatever ran before it.
 *
 * <p>Failure: {@link AssertionError} with the input, made as short as it will go, and the properties that repeat the case.
 *
 * <p>Threading: cases run on a thread of their own, so that one which does not end can be reported.
 */
final class FuzzRun {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    /** No input takes a thousandth of this, even on a machine under load. */
    private static final long HANG_SECONDS = 120;
    private static final int MAX_SHRINKS = 3000;
    private static final int MAX_LINE_CHARS = 1000;
    private static final int MAX_SHOWN_BYTES = 2000;
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    private final FuzzTarget target;
    private final long seed;
    private final long first;
    private final long cases;
    private final AtomicLong done = new AtomicLong();
    private long accepted;
    private AssertionError failure;

    FuzzRun(final FuzzTarget target, final long seed, final long first, final long cases) {
        this.target = target;
        this.seed = seed;
        this.first = first;
        this.cases = cases;
    }

    /** What it came to. */
    record Outcome(String name, long cases, long accepted, long nanos) {
        @Override
        public String toString() {
            return String.format("fuzz %s: %d cases, %d accepted, %d refused, %d cases/s", name, cases, accepted, cases - accepted,
                cases * NANOS_PER_SECOND / Math.max(1, nanos));
        }
    }

    Outcome run() throws InterruptedException {
        final long start = System.nanoTime();
        final Thread worker = Thread.ofPlatform().daemon().name("fuzz-" + target.name()).start(this::runCases);
        long before = -1;
        while (!worker.join(Duration.ofSeconds(HANG_SECONDS))) {
            if (done.get() == before) {
                throw failed(before, "does not end within " + TimeUnit.SECONDS.toMinutes(HANG_SECONDS) + " minutes at\n"
                    + String.join("\n", Arrays.stream(worker.getStackTrace()).map(Object::toString).toList()), null);
            }
            before = done.get();
        }
        if (failure != null) {
            throw failure;
        }
        return new Outcome(target.name(), cases, accepted, System.nanoTime() - start);
    }

    private void runCases() {
        try {
            // Loads classes and fills caches, which no input is to be charged with.
            for (final byte[] good : target.mutator().seeds()) {
                target.reader().read(good.clone());
                target.reader().read(good.clone());
            }
        } catch (final Throwable e) {
            failure = new AssertionError("fuzz " + target.name() + ": a seed is refused: " + e, e);
            return;
        }
        for (long number = first; number < first + cases; number++) {
            done.set(number);
            final byte[] input = input(number);
            final String fault = fault(input.clone());
            if (fault != null) {
                final byte[] shrunk = shrunk(input, fault);
                failure = failed(number, Objects.requireNonNullElse(fault(shrunk.clone()), fault) + "\n  input " + shown(shrunk), thrown);
                return;
            }
        }
    }

    private byte[] input(final long number) {
        return target.mutator().next(new SplittableRandom(seed ^ number * 0x9E3779B97F4A7C15L));
    }

    private Throwable thrown;

    /** What is wrong with how {@code input} is read, or null. */
    private String fault(final byte[] input) {
        thrown = null;
        final long before = THREADS.getCurrentThreadAllocatedBytes();
        String fault = null;
        try {
            target.reader().read(input);
            accepted++;
        } catch (final Throwable e) {
            thrown = e;
            fault = refusalFault(e);
        }
        final long allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
        final long limit = target.limits().of(input.length);
        return fault != null || allocated <= limit ? fault : "allocates more than " + limit + " bytes for an input of this length: " + allocated;
    }

    private String refusalFault(final Throwable e) {
        if (!target.refusal().isInstance(e)) {
            return "throws " + e;
        }
        final String line = e.getMessage();
        if (line == null || line.isBlank()) {
            return "refuses without a word: " + e.getClass();
        }
        if (line.length() > MAX_LINE_CHARS) {
            return "refuses in more than a line: " + line.length() + " characters: " + line.substring(0, MAX_LINE_CHARS);
        }
        if (line.chars().anyMatch(c -> Character.isISOControl(c) || c == '\u2028' || c == '\u2029')) {
            return "refuses in more than a line: " + shown(line.getBytes(StandardCharsets.UTF_8));
        }
        return null;
    }

    /** A shorter input with a fault of the same kind. */
    private byte[] shrunk(final byte[] input, final String fault) {
        byte[] best = input;
        int tries = 0;
        for (int length = Math.max(1, best.length / 2); length > 0; length /= 2) {
            for (int at = 0; at + length <= best.length && tries < MAX_SHRINKS; tries++) {
                final byte[] shorter = Mutator.splice(best, at, at + length, best, 0, 0);
                if (kind(fault(shorter.clone())).equals(kind(fault))) {
                    best = shorter;
                } else {
                    at += length;
                }
            }
        }
        return best;
    }

    private static String kind(final String fault) {
        return fault == null ? "" : fault.split(":", 2)[0];
    }

    private AssertionError failed(final long number, final String what, final Throwable cause) {
        return new AssertionError("fuzz " + target.name() + " " + what + "\n  again: -Dfuzz.target=" + target.name() + " -Dfuzz.seed=" + seed
            + " -Dfuzz.first=" + number + " -Dfuzz.cases=1", cause);
    }

    /** Bytes as text with what is not plain ASCII escaped. */
    private static String shown(final byte[] bytes) {
        final StringBuilder text = new StringBuilder();
        for (int i = 0; i < Math.min(bytes.length, MAX_SHOWN_BYTES); i++) {
            final char c = (char) (bytes[i] & 0xFF);
            text.append(c >= ' ' && c < 0x7F && c != '\\' ? String.valueOf(c) : String.format("\\x%02x", (int) c));
        }
        return (bytes.length > MAX_SHOWN_BYTES ? text.append("... (").append(bytes.length).append(" bytes)") : text).toString();
    }
}

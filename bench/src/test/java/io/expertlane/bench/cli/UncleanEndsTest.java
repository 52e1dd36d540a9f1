package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.expertlane.bench.cli.ChildCommand.Signal;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Commands that are killed, interrupted, started twice at once, or given too little disk or memory. What they leave is whole or not there; the same
 * command again works, writes the same bytes, and clears up; what they say is one line.
 *
 * <p>Properties: {@code unclean.seed} instead of a fresh one, {@code unclean.tries}.
 */
class UncleanEndsTest {
    private static final long SEED = Long.getLong("unclean.seed", ThreadLocalRandom.current().nextLong());
    /** One a signal. */
    private static final int TRIES = Integer.getInteger("unclean.tries", Signal.values().length);
    private static final int SLOW_TRIES = Integer.getInteger("unclean.tries", 200);
    private static final long CHILD_ENDS_SECONDS = 300;
    /** Blocks of 512 bytes that a shell lets a process write to a file: the least of what the commands write is less, the most is more. */
    private static final int MAX_FILE_BLOCKS = 400;
    private static final int MAX_DISK_KIB = 400;
    private static final int HEAPS = 10;
    private static final int LEAST_HEAP_MIB = 6;
    private static final int MOST_HEAP_MIB = 40;

    /** What a command leaves that comes to its end, and how long it takes: measured once. */
    private record Reference(Map<String, String> contents, long nanos) {
    }

    private static final Map<KilledCase, Reference> REFERENCES = new EnumMap<>(KilledCase.class);

    @TempDir
    private Path folder;
    private final SplittableRandom random = new SplittableRandom(SEED);
    private int count;

    /** A folder for one try, with all that the command reads. */
    private Path prepared(final KilledCase command) throws IOException {
        final Path fresh = Files.createDirectories(folder.resolve("try-" + count++));
        Files.createDirectory(fresh.resolve("work"));
        command.prepare(fresh);
        return fresh;
    }

    private static ChildCommand start(final KilledCase command, final Path at) throws IOException {
        return ChildCommand.start(at, List.of(), List.of(), command.arguments());
    }

    private Reference reference(final KilledCase command) throws IOException, InterruptedException {
        if (!REFERENCES.containsKey(command)) {
            final Path at = prepared(command);
            final long begun = System.nanoTime();
            start(command, at).succeeded();
            final Reference reference = new Reference(KilledCase.contents(at.resolve("work")), System.nanoTime() - begun);
            assertThat(reference.contents()).isNotEmpty();
            command.checkFinished(at, reference.contents());
            KilledCase.checkNothingLeft(at);
            REFERENCES.put(command, reference);
        }
        return REFERENCES.get(command);
    }

    @ParameterizedTest
    @EnumSource
    void endedByAnySignal(final KilledCase command) throws IOException, InterruptedException {
        end(command, TRIES);
    }

    @ParameterizedTest
    @EnumSource
    @Tag("slow")
    void endedByAnySignalTwoHundredTimes(final KilledCase command) throws IOException, InterruptedException {
        end(command, SLOW_TRIES);
    }

    private void end(final KilledCase command, final int tries) throws IOException, InterruptedException {
        final Reference reference = reference(command);
        int stopped = 0;
        for (int i = 0; i < tries; i++) {
            final Signal signal = Signal.values()[i % Signal.values().length];
            stopped += end(command, signal, reference) ? 1 : 0;
        }
        System.out.printf("unclean ends: %s stopped by signals %d times of %d, -Dunclean.seed=%d%n", command, stopped, tries, SEED);
    }

    /** One try; gives whether the signal came before the end. */
    private boolean end(final KilledCase command, final Signal signal, final Reference reference) throws IOException, InterruptedException {
        final Path at = prepared(command);
        final ChildCommand child = start(command, at);
        if (random.nextBoolean()) {
            TimeUnit.NANOSECONDS.sleep(random.nextLong(reference.nanos() * 11 / 10));
        } else {
            awaitWork(child, at.resolve("work"));
            TimeUnit.NANOSECONDS.sleep(random.nextLong(reference.nanos() / 5));
        }
        final List<ProcessHandle> children = child.children();
        final boolean isStopped = child.isAlive();
        child.signal(signal);
        child.endedBy(signal);
        for (final ProcessHandle grandchild : children) {
            assertThat(grandchild.onExit().completeOnTimeout(null, CHILD_ENDS_SECONDS, TimeUnit.SECONDS).join()).as("a JVM that was started lives on").isNotNull();
        }
        if (signal != Signal.KILL) {
            KilledCase.checkNothingLeft(at);
        }
        command.checkUnfinished(at, reference.contents());
        if (!command.isFinal(at)) {
            start(command, at).succeeded();
        }
        command.checkFinished(at, reference.contents());
        KilledCase.checkNothingLeft(at);
        return isStopped;
    }

    /** Waits until something is written, or the command ends. */
    private static void awaitWork(final ChildCommand child, final Path work) throws IOException, InterruptedException {
        while (child.isAlive()) {
            try (Stream<Path> entries = Files.list(work)) {
                if (entries.findAny().isPresent()) {
                    return;
                }
            }
            TimeUnit.MILLISECONDS.sleep(1);
        }
    }

    /** One of them at least comes to its end; the other does, too, or is refused; nothing of either is lost or mixed. */
    @ParameterizedTest
    @EnumSource
    void twoAtOnce(final KilledCase command) throws IOException, InterruptedException {
        final Reference reference = reference(command);
        final Path at = prepared(command);
        final List<ChildCommand> both = List.of(start(command, at), start(command, at));
        int succeeded = 0;
        for (final ChildCommand each : both) {
            succeeded += each.succeededOrRefused() ? 1 : 0;
        }
        assertThat(succeeded).isPositive();
        command.checkFinished(at, reference.contents());
        KilledCase.checkNothingLeft(at);
    }

    /** No file may grow beyond a limit, as where a quota ends: refused in one line, nothing half; without the limit it works. */
    @ParameterizedTest
    @EnumSource
    void filesMayNotGrow(final KilledCase command) throws IOException, InterruptedException {
        final String limit = "ulimit -f " + random.nextInt(1, MAX_FILE_BLOCKS) + "; exec \"$@\"";
        starve(command, List.of("sh", "-c", limit, "sh"), List.of());
    }

    @ParameterizedTest
    @EnumSource
    @Tag("slow")
    void smallHeaps(final KilledCase command) throws IOException, InterruptedException {
        for (int i = 0; i < HEAPS; i++) {
            starve(command, List.of(), List.of("-Xmx" + random.nextInt(LEAST_HEAP_MIB, MOST_HEAP_MIB) + "m"));
        }
    }

    private void starve(final KilledCase command, final List<String> prefix, final List<String> jvmFlags) throws IOException, InterruptedException {
        final Path at = prepared(command);
        final boolean isDone = ChildCommand.start(at, prefix, jvmFlags, command.arguments()).succeededOrRefused();
        againAfter(isDone, command, at);
    }

    private void againAfter(final boolean isDone, final KilledCase command, final Path at) throws IOException, InterruptedException {
        final Reference reference = reference(command);
        command.checkUnfinished(at, reference.contents());
        if (!isDone) {
            start(command, at).succeeded();
        }
        command.checkFinished(at, reference.contents());
        KilledCase.checkNothingLeft(at);
    }

    /** A file system in memory that is full before the command ends; only root may mount one. */
    @ParameterizedTest
    @EnumSource
    void fullDisk(final KilledCase command) throws IOException, InterruptedException {
        reference(command);
        final Path at = prepared(command);
        final Path work = at.resolve("work");
        assumeTrue(runs("mount", "-t", "tmpfs", "-o", "size=" + random.nextInt(1, MAX_DISK_KIB) + "k", "none", work), "a file system may be mounted: root only");
        try {
            final boolean isDone = start(command, at).succeededOrRefused();
            command.checkUnfinished(at, reference(command).contents());
            assertThat(runs("mount", "-o", "remount,size=64m", work)).isTrue();
            againAfter(isDone, command, at);
        } finally {
            assertThat(runs("umount", work)).isTrue();
        }
    }

    @ParameterizedTest
    @EnumSource
    void readOnlyFolder(final KilledCase command) throws IOException, InterruptedException {
        reference(command);
        final Path at = prepared(command);
        final Path work = at.resolve("work");
        final boolean isMounted = runs("mount", "-t", "tmpfs", "-o", "ro", "none", work);
        assumeTrue(isMounted || work.toFile().setWritable(false) && !Files.isWritable(work), "a folder can be made read-only");
        try {
            assertThat(start(command, at).succeededOrRefused()).as("done").isFalse();
            assertThat(KilledCase.contents(work)).isEmpty();
        } finally {
            assertThat(isMounted ? runs("umount", work) : work.toFile().setWritable(true)).isTrue();
        }
        againAfter(false, command, at);
    }

    private static boolean runs(final Object... command) throws IOException, InterruptedException {
        final List<String> words = Stream.of(command).map(Object::toString).toList();
        try {
            return new ProcessBuilder(words).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start().waitFor() == 0;
        } catch (final IOException _) {
            // No such program on this system.
            return false;
        }
    }
}

package io.expertlane.bench.sweep;

import io.expertlane.bench.scenario.LayerSimulation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletionService;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.IntConsumer;

/**
 * Runs a sweep. Points run side by side on threads; each is in the journal before the next is begun in its place, so
 * that a run that is killed loses what it had begun and nothing else, and the same call goes on from there.
 *
 * <p>Failure: a point that cannot be simulated ends the run with an {@link IllegalArgumentException} that names it;
 * what was done stays in the journal.
 */
public final class Sweep {
    private final SweepDefinition definition;
    private final SweepInputs inputs;
    private final Shard shard;
    private final Path folder;
    private final PointRunner runner;

    /** Simulates one point. */
    @FunctionalInterface
    public interface PointRunner {
        /** Runs {@code simulate} with {@code arguments}. */
        LayerSimulation.Result run(List<String> arguments) throws IOException;
    }

    private record Done(int index, LayerSimulation.Result result) {
    }

    /**
     * A sweep whose results go to {@code folder}.
     *
     * @throws IllegalArgumentException if a file that the definition names cannot be read
     */
    public Sweep(final SweepDefinition definition, final Shard shard, final Path folder, final PointRunner runner)
        throws IOException {
        this.definition = definition;
        this.inputs = SweepInputs.of(definition);
        this.shard = shard;
        this.folder = folder;
        this.runner = runner;
    }

    /** The points of this shard. */
    public List<Integer> points() {
        final List<Integer> points = new ArrayList<>();
        for (int index = 0; index < definition.size(); index++) {
            if (shard.has(index)) {
                points.add(index);
            }
        }
        return points;
    }

    /**
     * Runs what is left to be run.
     *
     * @param progress called with the number of points done, from the start and after each
     * @return the number of points that were run, 0 if all were there
     */
    public int run(final int threads, final IntConsumer progress) throws IOException {
        final String header = SweepFolder.header(definition, inputs, shard);
        if (SweepFolder.isComplete(folder)) {
            if (!SweepFolder.readHeader(folder).equals(header)) {
                throw new IllegalArgumentException("out=" + folder
                    + ": holds another sweep or shard, or one of other contents of the files it names; choose another");
            }
            Files.deleteIfExists(folder.resolve(SweepFolder.JOURNAL));
            return 0;
        }
        Files.createDirectories(folder);
        final Path journalFile = folder.resolve(SweepFolder.JOURNAL);
        final int ran;
        try (Journal journal = Journal.open(journalFile, header, definition)) {
            final List<Integer> left = new ArrayList<>(points());
            left.removeAll(journal.lines().keySet());
            ran = left.size();
            progress.accept(journal.lines().size());
            run(left, threads, journal, progress);
            SweepFolder.write(folder, definition, inputs, shard, journal.lines());
        }
        Files.delete(journalFile);
        return ran;
    }

    private void run(final List<Integer> points, final int threads, final Journal journal, final IntConsumer progress)
        throws IOException {
        final ExecutorService executor = Executors.newFixedThreadPool(threads,
            Thread.ofPlatform().daemon().name("sweep-", 0).factory());
        try {
            final CompletionService<Done> completed = new ExecutorCompletionService<>(executor);
            int begun = 0;
            for (int done = 0; done < points.size(); done++) {
                while (begun < points.size() && begun < done + threads) {
                    final int index = points.get(begun++);
                    completed.submit(() -> new Done(index, runner.run(definition.arguments(index))));
                }
                final Done point = result(completed.take());
                inputs.requireUnchanged(definition);
                journal.add(point.index(), line(point));
                progress.accept(journal.lines().size());
            }
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        } finally {
            executor.shutdownNow();
        }
    }

    private static Done result(final Future<Done> future) throws InterruptedException, IOException {
        try {
            return future.get();
        } catch (final ExecutionException e) {
            if (e.getCause() instanceof final IOException failure) {
                throw failure;
            }
            if (e.getCause() instanceof final UncheckedIOException failure) {
                throw failure.getCause();
            }
            if (e.getCause() instanceof final RuntimeException failure) {
                throw failure;
            }
            throw new IllegalStateException(e.getCause());
        }
    }

    private String line(final Done point) {
        return SweepPoint.line(point.index(), definition.parameters(point.index()), SweepValues.of(point.result()));
    }

    /**
     * Puts the folders of all shards of a sweep together.
     *
     * @throws IllegalArgumentException if they are not the shards of one sweep, each once
     */
    public static void merge(final List<Path> shards, final Path target) throws IOException {
        final SortedMap<Integer, String> lines = new TreeMap<>();
        final SweepDefinition definition = SweepFolder.readDefinition(shards.getFirst());
        final SweepInputs inputs = SweepFolder.readInputs(shards.getFirst());
        for (final Path shard : shards) {
            if (!SweepFolder.readDefinition(shard).equals(definition)) {
                throw new IllegalArgumentException("shard=" + shard + ": is of another sweep than "
                    + shards.getFirst());
            }
            if (!SweepFolder.readInputs(shard).equals(inputs)) {
                throw new IllegalArgumentException("shard=" + shard + ": the files that the sweep names had other "
                    + "contents than for " + shards.getFirst());
            }
            int number = 0;
            for (final String line : SweepFolder.readPoints(shard)) {
                number++;
                final String place = "shard=" + shard + ": line " + number + " of its points";
                if (!line.isEmpty() && lines.put(SweepPoint.index(place, line, definition), line) != null) {
                    throw new IllegalArgumentException("shard=" + shard + ": has points that another one has");
                }
            }
        }
        if (lines.size() != definition.size()) {
            throw new IllegalArgumentException("points=" + lines.size() + ": the shards must have all "
                + definition.size());
        }
        Files.createDirectories(target);
        SweepFolder.write(target, definition, inputs, Shard.WHOLE, lines);
    }
}

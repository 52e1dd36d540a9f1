package io.expertlane.kernel.memory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What ranks have in a folder for shared memory, and what crashed ones left.
 *
 * <p>Threading: any thread. Failure: what cannot be read is listed as {@link State#REFUSED}; it is never mapped as a
 * rank's memory, nor removed.
 */
public final class RankFiles {
    private static final Pattern NAME = Pattern.compile("expertlane-([0-9a-f]{16})-(\\d{1,4})");
    private static final Pattern TEMPORARY =
        Pattern.compile("\\.expertlane-[0-9a-f]{16}-\\d{1,4}\\.([0-9a-f]{8})-(\\d{1,18})-(\\d{1,18})\\.tmp");
    private static final int HEX = 16;

    /** What became of the process that has a file. */
    public enum State {
        /** It lives. */
        LIVE,
        /** It has ended. */
        DEAD,
        /** It is of another container, machine or boot: nothing is known of it. */
        ELSEWHERE,
        /** The file is no rank's memory, or another user's. */
        REFUSED
    }

    /**
     * A file.
     *
     * @param job    the job's number
     * @param state  what is known of its process
     * @param pid    that process's number
     * @param detail its sizes and last heartbeat, or why it was refused
     */
    public record Entry(Path path, long job, int rank, State state, long pid, String detail) {
    }

    private RankFiles() {
    }

    /** The files of ranks in {@code folder}, by name. */
    public static List<Entry> list(final Path folder) throws IOException {
        final List<Entry> entries = new ArrayList<>();
        try (DirectoryStream<Path> paths = Files.newDirectoryStream(folder)) {
            for (final Path path : paths) {
                final Matcher name = NAME.matcher(path.getFileName().toString());
                if (name.matches()) {
                    final Entry entry = entry(path, Long.parseUnsignedLong(name.group(1), HEX),
                        Integer.parseInt(name.group(2)));
                    if (entry != null) {
                        entries.add(entry);
                    }
                }
            }
        } catch (final UncheckedIOException e) {
            throw e.getCause();
        }
        entries.sort(Comparator.comparing(Entry::job).thenComparing(Entry::rank));
        return entries;
    }

    /** Null: it has just been removed. */
    private static Entry entry(final Path path, final long job, final int rank) {
        try {
            final RankFile file = RankFile.open(path);
            try {
                return entry(file, job, rank);
            } finally {
                file.unmap();
            }
        } catch (final NoSuchFileException _) {
            return null;
        } catch (final IllegalArgumentException | IOException e) {
            return new Entry(path, job, rank, State.REFUSED, 0, e.getMessage());
        }
    }

    private static Entry entry(final RankFile file, final long job, final int rank) {
        if (file.job() != job || file.rank() != rank) {
            return new Entry(file.path(), job, rank, State.REFUSED, 0, file.path() + ": was renamed");
        }
        final ProcessIdentity owner = file.owner();
        final State state = !owner.place().equals(ProcessIdentity.current().place()) ? State.ELSEWHERE
            : owner.hasEnded() ? State.DEAD : State.LIVE;
        final long silentMillis = Math.max(0, System.currentTimeMillis() - file.heartbeatMillis());
        return new Entry(file.path(), job, rank, state, owner.pid(),
            String.format("%d ranks, %.1f MB, lives %d, heartbeat %.1f s ago", file.ranks(),
            file.regionBytes() / 1e6, file.lives(), silentMillis / 1e3));
    }

    /**
     * Removes the files of jobs of which no process lives, and what was left unfinished. The file of a rank that has
     * crashed stays as long as others of its job live: the rank that is started again takes it over.
     *
     * @return the files that were removed
     */
    public static List<Path> clean(final Path folder) throws IOException {
        return clean(folder, new HashSet<>());
    }

    /** As {@link #clean(Path)}, but a job that begins keeps what it has. */
    static List<Path> cleanBefore(final long job, final Path folder) throws IOException {
        return clean(folder, new HashSet<>(Set.of(job)));
    }

    private static List<Path> clean(final Path folder, final Set<Long> kept) throws IOException {
        final List<Entry> entries = list(folder);
        for (final Entry entry : entries) {
            if (entry.state() != State.DEAD) {
                kept.add(entry.job());
            }
        }
        final List<Path> removed = new ArrayList<>();
        for (final Entry entry : entries) {
            if (entry.state() == State.DEAD && !kept.contains(entry.job()) && Files.deleteIfExists(entry.path())) {
                removed.add(entry.path());
            }
        }
        removeUnfinished(folder, removed);
        return removed;
    }

    private static void removeUnfinished(final Path folder, final List<Path> removed) throws IOException {
        try (DirectoryStream<Path> paths = Files.newDirectoryStream(folder)) {
            for (final Path path : paths) {
                final Matcher name = TEMPORARY.matcher(path.getFileName().toString());
                if (name.matches() && new ProcessIdentity(name.group(1), Long.parseLong(name.group(2)),
                    Long.parseLong(name.group(3))).hasEnded()
                    && RankFile.isOfThisUser(path) && Files.deleteIfExists(path)) {
                    removed.add(path);
                }
            }
        }
    }
}

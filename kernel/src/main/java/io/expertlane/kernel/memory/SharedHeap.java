package io.expertlane.kernel.memory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * The symmetric heap of ranks that live in a process each, on one machine: a file a rank, mapped by all. Whatever works
 * on a {@link SymmetricHeap} works on {@link #heap()}: mapped paths, queue pairs of {@code DirectTransport}, pulled
 * combine, masks, joins.
 *
 * <pre>{@code
 * SharedHeap.Job job = new SharedHeap.Job(SharedHeap.DEFAULT_FOLDER, jobId, ranks,
 *     LowLatencyExchange.heapBytes(config), config.toString());
 * try (SharedHeap shared = SharedHeap.open(job, rank, TimeUnit.SECONDS.toNanos(30));
 *      DirectTransport transport = new DirectTransport(shared.heap(), Mapping.ALL, 1024)) {
 *     LowLatencyExchange exchange = new LowLatencyExchange(config, transport, rank, WorkMeter.NONE, System::nanoTime);
 *     ...
 * }
 * }</pre>
 *
 * <p>A process that is started again for a rank of the same job takes its file over, once the process before has ended:
 * what peers have mapped stays what it is, and an exchange on it begins with {@code rejoin()}. A job that is started
 * again as a whole has another number.
 *
 * <p>Threading: as {@link SymmetricHeap}; {@link #close()} by one thread, when no rank is driven any more.
 *
 * <p>Failure: a file that is not what it should be is refused with {@link IllegalArgumentException}, before any other
 * change. The file's name goes with {@link #close()}, at the latest when the JVM ends; what a killed process leaves,
 * {@link RankFiles} shows and removes, and so does the next job. The protocol is in {@code docs/ranks.md}.
 */
public final class SharedHeap implements AutoCloseable {
    /** The folder for files in memory on Linux. */
    public static final Path DEFAULT_FOLDER = Path.of("/dev/shm");
    private static final long POLL_MILLIS = 2;

    private final RankFile own;
    private final RankFile[] files;
    private final SymmetricHeap heap;
    private final Thread removal;

    /**
     * What all ranks agree on.
     *
     * @param folder       where the files are: on a file system in memory
     * @param id           the job's number, drawn at random when it starts
     * @param ranks        number of ranks, 1 to 4096
     * @param bytesPerRank size of one rank's region; its blocks are allocated at once
     * @param layout       what must be alike in all ranks, such as the text of the configuration: at most 400 bytes
     */
    public record Job(Path folder, long id, int ranks, long bytesPerRank, String layout) {
        /**
         * Checks the sizes.
         *
         * @throws IllegalArgumentException if a value is out of its range
         */
        public Job {
            new RankFile.Identity(id, 0, ranks, bytesPerRank, layout);
        }
    }

    private SharedHeap(final RankFile[] files, final int rank, final long bytesPerRank) {
        this.files = files;
        this.own = files[rank];
        this.heap = new SymmetricHeap(files, bytesPerRank, rank);
        this.removal = new Thread(this::removeName, "remove-rank-memory");
        Runtime.getRuntime().addShutdownHook(removal);
    }

    /**
     * Makes this rank's file, or takes it over, and maps those of all others, which may be started later.
     *
     * @param timeoutNanos how long to wait for the others
     * @throws IllegalArgumentException if a rank's file is not of this job, or this rank is live in another process, or
     *                                  there is no room, or a rank has not come in time
     * @throws IOException              if files cannot be made in the folder
     */
    public static SharedHeap open(final Job job, final int rank, final long timeoutNanos) throws IOException {
        final RankFile.Identity identity = new RankFile.Identity(job.id(), rank, job.ranks(), job.bytesPerRank(),
            job.layout());
        if (!Files.isDirectory(job.folder())) {
            throw new IllegalArgumentException("folder=" + job.folder() + ": no folder");
        }
        RankFiles.cleanBefore(job.id(), job.folder());
        final RankFile[] files = new RankFile[job.ranks()];
        files[rank] = RankFile.own(job.folder(), identity);
        try {
            final long start = System.nanoTime();
            for (int peer = 0; peer < files.length; peer++) {
                if (peer != rank) {
                    files[peer] = await(job, identity.ofRank(peer), start, timeoutNanos);
                }
            }
            return new SharedHeap(files, rank, job.bytesPerRank());
        } catch (final IOException | RuntimeException e) {
            if (!files[rank].isTakenOver()) {
                // What peers may have mapped stays for the next try.
                files[rank].deleteName();
            }
            for (final RankFile file : files) {
                if (file != null) {
                    file.unmap();
                }
            }
            throw e;
        }
    }

    private static RankFile await(final Job job, final RankFile.Identity identity, final long start,
        final long timeoutNanos) throws IOException {
        final Path path = job.folder().resolve(RankFile.name(job.id(), identity.rank()));
        while (true) {
            try {
                return RankFile.open(path, identity);
            } catch (final NoSuchFileException e) {
                if (System.nanoTime() - start > timeoutNanos) {
                    throw new IllegalArgumentException("rank=" + identity.rank() + ": has not come within "
                        + TimeUnit.NANOSECONDS.toMillis(timeoutNanos) + " ms, " + path + " is missing", e);
                }
                pause();
            }
        }
    }

    private static void pause() throws IOException {
        try {
            Thread.sleep(POLL_MILLIS);
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    /** The memory of all ranks. Closed with this object, not before. */
    public SymmetricHeap heap() {
        return heap;
    }

    /** Whether an earlier process had this rank's region. */
    public boolean isTakenOver() {
        return own.isTakenOver();
    }

    /** Says that this rank's process goes on, for people who look at {@link RankFiles#list}. */
    public void beat() {
        own.beat();
    }

    private void removeName() {
        try {
            own.deleteName();
        } catch (final UncheckedIOException _) {
            // Somebody else's to find: the JVM ends.
        }
    }

    /** Takes the file's name away and unmaps the memory. Peers that have it mapped keep it until they end. */
    @Override
    public void close() {
        try {
            Runtime.getRuntime().removeShutdownHook(removal);
        } catch (final IllegalStateException _) {
            // The JVM ends: the hook removes the name, too.
        }
        own.deleteName();
        heap.close();
        for (final RankFile file : files) {
            file.unmap();
        }
    }
}

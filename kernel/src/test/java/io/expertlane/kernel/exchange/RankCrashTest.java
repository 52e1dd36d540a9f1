package io.expertlane.kernel.exchange;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.memory.RankFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/**
 * Real processes that are killed, stopped and started again, at random moments of random calls: masks and sums are right, nobody waits for ever, and
 * nothing is left. The time-out is far above what a loaded machine takes to run a process.
 */
@EnabledOnOs(OS.LINUX)
class RankCrashTest {
    private static final long TIMEOUT_NANOS = TimeUnit.SECONDS.toNanos(6);
    /** Six time-outs, and what a loaded machine takes to start a JVM. */
    private static final long HANG_SECONDS = 6 * 6 + 120;
    private static final String[] COMBINATIONS = {"LL ZERO", "LL RING", "HT ZERO", "HT RING"};
    private static final int SLOW_SCHEDULES = 200;
    private static final int SCHEDULES_OF_A_JOB = 5;
    private static final int MOST_CALLS_TO_A_MASK = 3;

    @TempDir
    private Path folder;

    /** What befalls a rank. */
    private enum Fault { KILL, STOP }

    @Test
    void lowLatencyGoesOnWithoutAKilledRankAndTakesItInAgain() throws Exception {
        run(fresh(), "LL ZERO", List.of(List.of(Fault.KILL)));
    }

    @Test
    void highThroughputGoesOnWithoutAKilledRankAndTakesItInAgain() throws Exception {
        run(fresh(), "HT RING", List.of(List.of(Fault.KILL)));
    }

    @Test
    void aStoppedRankIsMaskedAndJoinsAgain() throws Exception {
        run(fresh(), "LL RING", List.of(List.of(Fault.STOP)));
    }

    @Test
    void twoFailAtOnce() throws Exception {
        run(fresh(), "LL ZERO", List.of(List.of(Fault.KILL, Fault.STOP)));
    }

    /** Property {@code crash.schedules}: how many. */
    @Tag("slow")
    @Test
    void twoHundredSchedules() throws Exception {
        final int schedules = Integer.getInteger("crash.schedules", SLOW_SCHEDULES);
        for (int first = 0; first < schedules; first += SCHEDULES_OF_A_JOB) {
            final long seed = fresh();
            final SplittableRandom random = new SplittableRandom(seed);
            final List<List<Fault>> rounds = new ArrayList<>();
            for (int round = first; round < Math.min(schedules, first + SCHEDULES_OF_A_JOB); round++) {
                final List<Fault> faults = new ArrayList<>();
                for (int fault = 0; fault <= random.nextInt(3) / 2; fault++) {
                    faults.add(Fault.values()[random.nextInt(2)]);
                }
                rounds.add(faults);
            }
            run(seed, COMBINATIONS[first / SCHEDULES_OF_A_JOB % COMBINATIONS.length], rounds);
        }
    }

    private static long fresh() {
        return new SplittableRandom().nextLong(1L << 40);
    }

    private void run(final long seed, final String combination, final List<List<Fault>> rounds) throws Exception {
        System.out.println("RankCrashTest seed=" + seed + " " + combination + " " + rounds);
        final int ranks = 4;
        try (Job job = new Job(folder, seed, combination, ranks)) {
            job.startAll();
            job.callOfAll(0);
            for (final List<Fault> faults : rounds) {
                job.fail(faults);
                job.restore();
                job.callOfAll(0);
            }
            job.endAll();
        }
        assertThat(RankFiles.clean(folder)).as("left by an orderly end, seed %s", seed).isEmpty();
        try (Job job = new Job(folder, seed, combination, ranks)) {
            job.startAll();
        }
        // All of them were killed.
        assertThat(RankFiles.list(folder)).hasSize(ranks).extracting(RankFiles.Entry::state).containsOnly(RankFiles.State.DEAD);
        assertThat(RankFiles.clean(folder)).hasSize(ranks);
        assertThat(folder).isEmptyDirectory();
    }

    /** The processes of a job, some of which fail. */
    private static final class Job implements AutoCloseable {
        private final Path folder;
        private final long seed;
        private final String combination;
        private final Process[] processes;
        private final SplittableRandom random;
        private final List<Integer> failed = new ArrayList<>();
        private final List<Integer> stopped = new ArrayList<>();

        Job(final Path folder, final long seed, final String combination, final int ranks) {
            this.folder = folder;
            this.seed = seed;
            this.combination = combination;
            this.processes = new Process[ranks];
            this.random = new SplittableRandom(~seed);
        }

        private void start(final int rank) throws IOException {
            final String[] words = combination.split(" ");
            processes[rank] = new ProcessBuilder(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1", "-Xmx256m", "--add-modules", "jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-cp",
                System.getProperty("java.class.path"), CrashProcess.class.getName(), folder.toString(), Long.toString(seed), Integer.toString(rank), words[0],
                words[1], Integer.toString(processes.length), Long.toString(seed), Long.toString(TIMEOUT_NANOS))
                .redirectError(ProcessBuilder.Redirect.INHERIT).start();
        }

        void startAll() throws Exception {
            for (int rank = 0; rank < processes.length; rank++) {
                start(rank);
            }
            for (int rank = 0; rank < processes.length; rank++) {
                assertThat(answer(rank)).isEqualTo("open first");
            }
        }

        private void tell(final int rank, final String line) {
            final PrintWriter writer = new PrintWriter(processes[rank].outputWriter(StandardCharsets.UTF_8), true);
            writer.println(line);
        }

        private String answer(final int rank) throws Exception {
            final CompletableFuture<String> line = CompletableFuture.supplyAsync(() -> {
                try {
                    return String.valueOf(processes[rank].inputReader(StandardCharsets.UTF_8).readLine());
                } catch (final IOException e) {
                    return e.toString();
                }
            }, task -> Thread.ofPlatform().daemon().start(task));
            return line.get(HANG_SECONDS, TimeUnit.SECONDS);
        }

        private long failedBits() {
            return failed.stream().mapToLong(rank -> 1L << rank).sum();
        }

        private List<Integer> survivors() {
            final List<Integer> survivors = new ArrayList<>();
            for (int rank = 0; rank < processes.length; rank++) {
                if (!failed.contains(rank)) {
                    survivors.add(rank);
                }
            }
            return survivors;
        }

        /** Every rank that has not failed makes a call; those masked afterwards are among the failed ones. Returns whether all of these are. */
        boolean callOfAll(final long failing) throws Exception {
            for (final int rank : survivors()) {
                tell(rank, "call " + failing);
            }
            return answersOfCall();
        }

        private boolean answersOfCall() throws Exception {
            boolean all = true;
            for (final int rank : survivors()) {
                final String answer = answer(rank);
                assertThat(answer).as("rank %s, seed %s %s", rank, seed, combination).startsWith("done ");
                final long mask = Long.parseLong(answer.substring("done ".length()));
                assertThat(mask & ~failedBits()).as("healthy ranks masked at rank %s, seed %s %s", rank, seed, combination).isZero();
                all &= mask == failedBits();
            }
            return all;
        }

        /** Ranks fail in a call; the others go on until they have masked them, and make one more call. */
        void fail(final List<Fault> faults) throws Exception {
            final List<Integer> victims = new ArrayList<>();
            while (victims.size() < faults.size()) {
                final int victim = random.nextInt(processes.length);
                if (!victims.contains(victim)) {
                    victims.add(victim);
                }
            }
            final long bits = victims.stream().mapToLong(rank -> 1L << rank).sum();
            for (int rank = 0; rank < processes.length; rank++) {
                // A victim that goes on later finds everybody else's keys revoked.
                tell(rank, "call " + (victims.contains(rank) ? -1 : bits));
            }
            TimeUnit.MICROSECONDS.sleep(random.nextInt(20_000));
            for (int fault = 0; fault < faults.size(); fault++) {
                final int victim = victims.get(fault);
                if (faults.get(fault) == Fault.KILL) {
                    processes[victim].destroyForcibly().waitFor();
                } else {
                    signal("STOP", victim);
                    stopped.add(victim);
                }
            }
            failed.addAll(victims);
            boolean all = answersOfCall();
            for (int call = 1; !all; call++) {
                assertThat(call).as("calls until the failed ranks %s are masked, seed %s", failed, seed).isLessThan(MOST_CALLS_TO_A_MASK);
                all = callOfAll(bits);
            }
            callOfAll(bits);
        }

        private void signal(final String name, final int rank) throws Exception {
            assertThat(new ProcessBuilder("kill", "-" + name, Long.toString(processes[rank].pid())).start().waitFor()).isZero();
        }

        /** Failed ranks go on, or start again, and join, one after another. */
        void restore() throws Exception {
            for (final int rank : failed) {
                if (stopped.contains(rank)) {
                    signal("CONT", rank);
                    assertThat(answer(rank)).startsWith("done ");
                } else {
                    start(rank);
                    assertThat(answer(rank)).isEqualTo("open again");
                }
            }
            for (int rank = 0; rank < processes.length; rank++) {
                final int place = failed.indexOf(rank);
                if (place >= 0) {
                    tell(rank, "rejoin");
                }
                for (int later = place + 1; later < failed.size(); later++) {
                    tell(rank, "clear " + failed.get(later));
                }
            }
            for (int rank = 0; rank < processes.length; rank++) {
                final int place = failed.indexOf(rank);
                if (place >= 0) {
                    assertThat(answer(rank)).as("rank %s, seed %s %s", rank, seed, combination).isEqualTo("joined");
                }
                for (int later = place + 1; later < failed.size(); later++) {
                    assertThat(answer(rank)).as("rank %s, seed %s %s", rank, seed, combination).isEqualTo("cleared " + failed.get(later));
                }
            }
            failed.clear();
            stopped.clear();
        }

        void endAll() throws Exception {
            for (final Process process : processes) {
                process.outputWriter().close();
                assertThat(process.waitFor(HANG_SECONDS, TimeUnit.SECONDS)).isTrue();
                assertThat(process.exitValue()).isZero();
            }
        }

        @Override
        public void close() {
            for (final Process process : processes) {
                if (process != null) {
                    process.destroyForcibly().onExit().join();
                }
            }
        }
    }
}

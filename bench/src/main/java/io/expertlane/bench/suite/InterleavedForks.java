package io.expertlane.bench.suite;

import io.expertlane.bench.jmh.BenchmarkMain;
import io.expertlane.bench.jmh.TurnProfiler;
import io.expertlane.nic.files.TemporaryFiles;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Measures what two JMH runs name on one machine, in pairs of forks: both live at the same time and run their
 * iterations in turn, A B, B A, A B ... Iterations of the two that belong together are a fraction of a second apart, so
 * that what disturbs the machine for longer disturbs both. Which run comes first changes from pair to pair, so that
 * where a fork comes to lie does not tell the runs apart. Jars are copied first: whatever is built meanwhile, all forks
 * measure what was there.
 *
 * <p>Failure: {@link IOException} with benchmark and reason where a fork fails. Interrupted, it ends the forks that
 * run.
 */
public final class InterleavedForks {
    private static final String PROFILER_FILE = TurnProfiler.class.getName().replace('.', '/') + ".class";

    private static final int MAX_WAIT_SECONDS = 10;

    private final List<ForkRun> runs;
    private final Path folder;

    /**
     * One of the two runs.
     *
     * @param name what messages call it
     * @param classPath of JMH's own JVM
     * @param mainClass JMH's, or one that takes JMH's arguments
     * @param include what is measured: a regular expression
     * @param arguments JMH's other arguments; not -f, -rf, -rff and -foe
     */
    public record ForkRun(String name, String classPath, String mainClass, String include, List<String> arguments) {
        /** Benchmarks of a JMH jar. */
        public static ForkRun ofJar(final Path jar, final String include, final List<String> arguments)
            throws IOException {
            return new ForkRun("jar=" + jar, jar.toString(), mainClassOf(jar), include, arguments);
        }

        /** This with a copy of its jar; what is no jar, or needs others beside it, stays. */
        private ForkRun withCopies(final Path copies) throws IOException {
            final Path jar = Path.of(classPath);
            if (!Files.isRegularFile(jar) || needsOthers(jar)) {
                return this;
            }
            final Path copy = Files.createDirectory(copies).resolve(jar.getFileName());
            Files.copy(jar, copy);
            return new ForkRun(name, copy.toString(), mainClass, include, arguments);
        }

        private static boolean needsOthers(final Path jar) throws IOException {
            final String others = attribute(jar, Attributes.Name.CLASS_PATH);
            return others != null && Stream.of(others.strip().split(" +")).anyMatch(entry -> !entry.contains(":"));
        }

        /** A trial of this suite. */
        static ForkRun ofTrial(final Trial trial, final List<String> timing) {
            final List<String> arguments = new ArrayList<>(timing);
            trial.params().forEach((name, value) -> arguments.addAll(List.of("-p", name + "=" + value)));
            return new ForkRun(trial.row().benchmark(), System.getProperty("java.class.path"),
                BenchmarkMain.class.getName(), "^" + Pattern.quote(trial.benchmark()) + "$", arguments);
        }
    }

    /** Makes something of JMH's result files: those of the first run, and those of the forks that ran beside them. */
    @FunctionalInterface
    public interface ResultsReader<T> {
        /** Reads as many files of the second run as of the first. */
        T read(List<Path> first, List<Path> second) throws IOException;
    }

    private InterleavedForks(final List<ForkRun> runs, final Path folder) throws IOException {
        this.folder = folder;
        this.runs = new ArrayList<>();
        for (final ForkRun run : runs) {
            this.runs.add(run.withCopies(folder.resolve("jar-" + this.runs.size())));
        }
        final Path profiler = folder.resolve(PROFILER_FILE);
        Files.createDirectories(profiler.getParent());
        try (InputStream in = TurnProfiler.class.getResourceAsStream("/" + PROFILER_FILE)) {
            Files.copy(in, profiler);
        }
    }

    /**
     * Measures.
     *
     * @param first one run
     * @param second the other
     * @param pairs JVMs for each
     * @param reader is given the results, which are deleted then
     * @param progress takes a line for each pair
     */
    public static <T> T measure(final ForkRun first, final ForkRun second, final int pairs,
        final ResultsReader<T> reader, final PrintWriter progress)
        throws IOException, InterruptedException {
        final Path folder = TemporaryFiles.newFolder("expertlane-forks");
        TemporaryFiles.removeAtExit(folder);
        try {
            final InterleavedForks forks = new InterleavedForks(List.of(first, second), folder);
            final List<List<Path>> files = List.of(new ArrayList<>(), new ArrayList<>());
            for (int pair = 0; pair < pairs; pair++) {
                progress.printf("[pair %d/%d] %s, %s%n", pair + 1, pairs, first.name(), second.name());
                progress.flush();
                forks.measurePair(pair);
                for (int run = 0; run < files.size(); run++) {
                    files.get(run).add(forks.json(pair, run));
                }
            }
            return reader.read(files.get(0), files.get(1));
        } finally {
            delete(folder);
            TemporaryFiles.forget(folder);
        }
    }

    private static String mainClassOf(final Path jar) throws IOException {
        final String name = attribute(jar, Attributes.Name.MAIN_CLASS);
        if (name == null) {
            throw new IOException("jar=" + jar + ": no Main-Class in its manifest, a JMH jar has one");
        }
        return name;
    }

    private static String attribute(final Path jar, final Attributes.Name name) throws IOException {
        try (JarFile file = new JarFile(jar.toFile())) {
            final Manifest manifest = file.getManifest();
            return manifest == null ? null : manifest.getMainAttributes().getValue(name);
        } catch (final IOException e) {
            throw new IOException("jar=" + jar + ": " + e.getMessage(), e);
        }
    }

    private static void delete(final Path folder) throws IOException {
        final List<Path> left;
        try (Stream<Path> files = Files.walk(folder)) {
            left = files.sorted(Comparator.reverseOrder()).toList();
        }
        for (final Path file : left) {
            Files.delete(file);
        }
    }

    private Path json(final int pair, final int run) {
        return folder.resolve(pair + "-" + run + ".json");
    }

    private void measurePair(final int pair) throws IOException, InterruptedException {
        final List<Process> processes = new CopyOnWriteArrayList<>();
        final Thread onInterrupt = new Thread(() -> processes.forEach(InterleavedForks::end), "end-forks");
        Runtime.getRuntime().addShutdownHook(onInterrupt);
        try (Turns turns = new Turns()) {
            for (int place = 0; place < runs.size(); place++) {
                final int self = place;
                final Process process = start(pair, run(pair, place), place == 0, turns.port(place));
                processes.add(process);
                process.onExit().thenRun(() -> turns.leave(self));
            }
            // One that fails is reported at once, not when the other has run to its end.
            final Process first = (Process) CompletableFuture.anyOf(processes.get(0).onExit(),
                processes.get(1).onExit()).join();
            final int place = processes.indexOf(first);
            requireDone(pair, run(pair, place), first.exitValue());
            requireDone(pair, run(pair, 1 - place), processes.get(1 - place).waitFor());
        } finally {
            processes.forEach(InterleavedForks::end);
            for (final Process process : processes) {
                awaitEnd(process);
            }
            forget(onInterrupt);
        }
    }

    private void requireDone(final int pair, final int run, final int exitCode) throws IOException {
        if (exitCode != 0 || Files.notExists(json(pair, run))) {
            throw new IOException(runs.get(run).name() + ": JMH ended with " + exitCode + ": "
                + ForkLog.reason(Files.readString(log(pair, run), StandardCharsets.UTF_8)));
        }
    }

    /** Which run comes first or second. */
    private static int run(final int pair, final int place) {
        return (pair + place) % 2;
    }

    private Path log(final int pair, final int run) {
        return folder.resolve(pair + "-" + run + ".log");
    }

    private Process start(final int pair, final int index, final boolean first, final int turnPort) throws IOException {
        final ForkRun run = runs.get(index);
        final List<String> command = new ArrayList<>(List.of(ProcessHandle.current().info().command().orElse("java")));
        // JMH lets one run at a time on a machine: the first of a pair asks for both.
        if (!first || Boolean.getBoolean("jmh.ignoreLock")) {
            command.add("-Djmh.ignoreLock=true");
        }
        command.addAll(List.of("-cp", folder + File.pathSeparator + run.classPath(), run.mainClass(), run.include(),
            "-f", "1", "-foe", "true",
            "-rf", "json", "-rff", json(pair, index).toString(), "-prof", TurnProfiler.class.getName()));
        command.addAll(run.arguments());
        final ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true)
            .redirectOutput(log(pair, index).toFile());
        builder.environment().put(TurnProfiler.PORT, Integer.toString(turnPort));
        return builder.start();
    }

    /** JMH's own fork does not end with JMH, nor, while it is stopped, for a polite signal. */
    private static void end(final Process process) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroy();
    }

    /** Until then it may still write files. */
    private static void awaitEnd(final Process process) throws InterruptedException {
        if (!process.waitFor(MAX_WAIT_SECONDS, TimeUnit.SECONDS)) {
            process.destroyForcibly().waitFor();
        }
    }

    private static void forget(final Thread onInterrupt) {
        try {
            Runtime.getRuntime().removeShutdownHook(onInterrupt);
        } catch (final IllegalStateException _) {
            // The JVM shuts down, and the hook does what end() does.
        }
    }
}

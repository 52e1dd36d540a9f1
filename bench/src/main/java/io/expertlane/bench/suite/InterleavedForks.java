package io.expertlane.bench.suite;

import io.expertlane.bench.jmh.TurnProfiler;
import io.expertlane.bench.results.ForkPairs;
import io.expertlane.bench.results.JmhFile;
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
import java.util.jar.Attributes;
import java.util.jar.JarFile;
import java.util.jar.Manifest;
import java.util.stream.Stream;

/**
 * Measures the same benchmarks of two JMH jars on one machine, in pairs of forks: both live at the same time and run their iterations in turn, A B,
 * B A, A B ... Iterations of the two that belong together are a fraction of a second apart, so that what disturbs the machine for longer disturbs both.
 * Which jar comes first changes from pair to pair, so that where a fork comes to lie does not tell the jars apart.
 *
 * <p>Failure: {@link IOException} with the last line of JMH's output where a fork fails. Interrupted, it ends the forks that run.
 */
public final class InterleavedForks {
    private static final String PROFILER_FILE = TurnProfiler.class.getName().replace('.', '/') + ".class";

    private final List<Path> jars;
    private final List<String> mainClasses = new ArrayList<>();
    private final String include;
    private final List<String> arguments;
    private final Path folder;

    private InterleavedForks(final List<Path> jars, final String include, final List<String> arguments, final Path folder) throws IOException {
        this.jars = jars;
        this.include = include;
        this.arguments = arguments;
        this.folder = folder;
        for (final Path jar : jars) {
            mainClasses.add(mainClass(jar));
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
     * @param jars two JMH jars
     * @param include what JMH measures: a regular expression
     * @param pairs JVMs for each jar
     * @param arguments JMH's other arguments; not -f, -rf, -rff and -foe
     * @param progress takes a line for each pair
     */
    public static List<ForkPairs> measure(final List<Path> jars, final String include, final int pairs, final List<String> arguments,
                                          final PrintWriter progress) throws IOException, InterruptedException {
        final Path folder = Files.createTempDirectory("expertlane-forks-");
        try {
            final InterleavedForks forks = new InterleavedForks(jars, include, arguments, folder);
            final List<List<Path>> files = List.of(new ArrayList<>(), new ArrayList<>());
            for (int pair = 0; pair < pairs; pair++) {
                progress.printf("[pair %d/%d] %s, %s%n", pair + 1, pairs, jars.get(0), jars.get(1));
                progress.flush();
                forks.measurePair(pair);
                for (int jar = 0; jar < jars.size(); jar++) {
                    files.get(jar).add(forks.json(pair, jar));
                }
            }
            return JmhFile.pairs(files.get(0), files.get(1));
        } finally {
            delete(folder);
        }
    }

    private static String mainClass(final Path jar) throws IOException {
        final String name;
        try (JarFile file = new JarFile(jar.toFile())) {
            final Manifest manifest = file.getManifest();
            name = manifest == null ? null : manifest.getMainAttributes().getValue(Attributes.Name.MAIN_CLASS);
        } catch (final IOException e) {
            throw new IOException("jar=" + jar + ": " + e.getMessage(), e);
        }
        if (name == null) {
            throw new IOException("jar=" + jar + ": no Main-Class in its manifest, a JMH jar has one");
        }
        return name;
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

    private Path json(final int pair, final int jar) {
        return folder.resolve(pair + "-" + jar + ".json");
    }

    private void measurePair(final int pair) throws IOException, InterruptedException {
        final List<Process> processes = new ArrayList<>();
        final Thread onInterrupt = new Thread(() -> processes.forEach(InterleavedForks::end), "end-forks");
        Runtime.getRuntime().addShutdownHook(onInterrupt);
        try (Turns turns = new Turns()) {
            for (int run = 0; run < jars.size(); run++) {
                final int self = run;
                final Process process = start(pair, jar(pair, run), run == 0, turns.port(run));
                processes.add(process);
                process.onExit().thenRun(() -> turns.leave(self));
            }
            for (int run = 0; run < jars.size(); run++) {
                final int jar = jar(pair, run);
                final int exitCode = processes.get(run).waitFor();
                if (exitCode != 0 || Files.notExists(json(pair, jar))) {
                    throw new IOException("jar=" + jars.get(jar) + ": JMH ended with " + exitCode + ": " + lastLine(log(pair, jar)));
                }
            }
        } finally {
            processes.forEach(InterleavedForks::end);
            forget(onInterrupt);
        }
    }

    private static int jar(final int pair, final int run) {
        return (pair + run) % 2;
    }

    private Path log(final int pair, final int jar) {
        return folder.resolve(pair + "-" + jar + ".log");
    }

    private static String lastLine(final Path log) throws IOException {
        return Files.readString(log, StandardCharsets.UTF_8).lines().filter(line -> !line.isBlank()).reduce((a, b) -> b).orElse("no output").strip();
    }

    private Process start(final int pair, final int jar, final boolean first, final int turnPort) throws IOException {
        final List<String> command = new ArrayList<>(List.of(ProcessHandle.current().info().command().orElse("java")));
        // JMH lets one run at a time on a machine: the first of a pair asks for both.
        if (!first || Boolean.getBoolean("jmh.ignoreLock")) {
            command.add("-Djmh.ignoreLock=true");
        }
        command.addAll(List.of("-cp", folder + File.pathSeparator + jars.get(jar), mainClasses.get(jar), include, "-f", "1", "-foe", "true",
            "-rf", "json", "-rff", json(pair, jar).toString(), "-prof", TurnProfiler.class.getName()));
        command.addAll(arguments);
        final ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log(pair, jar).toFile());
        builder.environment().put(TurnProfiler.PORT, Integer.toString(turnPort));
        return builder.start();
    }

    /** JMH's own fork does not end with JMH, nor, while it is stopped, for a polite signal. */
    private static void end(final Process process) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroy();
    }

    private static void forget(final Thread onInterrupt) {
        try {
            Runtime.getRuntime().removeShutdownHook(onInterrupt);
        } catch (final IllegalStateException _) {
            // The JVM shuts down, and the hook does what end() does.
        }
    }
}

package io.expertlane.bench.suite;

import io.expertlane.bench.results.JmhFile;
import io.expertlane.bench.results.Measurement;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * Measures the same benchmarks of two JMH jars on one machine, fork by fork in turn: A B, B A, A B ... What drifts in the machine meanwhile, drifts
 * for both.
 *
 * <p>Failure: {@link IOException} with the last line of JMH's output where a fork fails. Interrupted, it ends the fork that runs.
 *
 * @param first measurements of the first jar, all its forks
 * @param second measurements of the second jar
 */
public record InterleavedForks(List<Measurement> first, List<Measurement> second) {
    /**
     * Measures.
     *
     * @param jars two JMH jars
     * @param include what JMH measures: a regular expression
     * @param forks JVMs for each jar
     * @param arguments JMH's other arguments; not -f, -rf, -rff and -foe
     * @param progress takes a line for each fork
     */
    public static InterleavedForks measure(final List<Path> jars, final String include, final int forks, final List<String> arguments,
                                           final PrintWriter progress) throws IOException, InterruptedException {
        final Path folder = Files.createTempDirectory("expertlane-forks-");
        try {
            final List<List<Path>> files = List.of(new ArrayList<>(), new ArrayList<>());
            for (int fork = 0; fork < forks; fork++) {
                for (int turn = 0; turn < 2; turn++) {
                    final int jar = (fork + turn) % 2;
                    progress.printf("[fork %d/%d] %s%n", fork + 1, forks, jars.get(jar));
                    progress.flush();
                    files.get(jar).add(measure(jars.get(jar), include, arguments, folder.resolve(jar + "-" + fork)));
                }
            }
            return new InterleavedForks(JmhFile.forks(files.get(0)), JmhFile.forks(files.get(1)));
        } finally {
            try (Stream<Path> left = Files.list(folder)) {
                for (final Path file : (Iterable<Path>) left::iterator) {
                    Files.delete(file);
                }
            }
            Files.delete(folder);
        }
    }

    private static Path measure(final Path jar, final String include, final List<String> arguments, final Path name) throws IOException,
        InterruptedException {
        final Path json = name.resolveSibling(name.getFileName() + ".json");
        final Path log = name.resolveSibling(name.getFileName() + ".log");
        final List<String> command = new ArrayList<>(List.of(ProcessHandle.current().info().command().orElse("java")));
        if (Boolean.getBoolean("jmh.ignoreLock")) {
            command.add("-Djmh.ignoreLock=true");
        }
        command.addAll(List.of("-jar", jar.toString(), include, "-f", "1", "-foe", "true", "-rf", "json", "-rff", json.toString()));
        command.addAll(arguments);
        final Process process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
        final Thread onInterrupt = new Thread(() -> end(process), "end-fork");
        Runtime.getRuntime().addShutdownHook(onInterrupt);
        try {
            final int exitCode = process.waitFor();
            if (exitCode != 0 || Files.notExists(json)) {
                final String last = Files.readString(log, StandardCharsets.UTF_8).lines().filter(line -> !line.isBlank()).reduce((a, b) -> b).orElse("no output");
                throw new IOException("jar=" + jar + ": JMH ended with " + exitCode + ": " + last.strip());
            }
            return json;
        } finally {
            end(process);
            forget(onInterrupt);
        }
    }

    /** JMH's own fork does not end with JMH. */
    private static void end(final Process process) {
        process.descendants().forEach(ProcessHandle::destroy);
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

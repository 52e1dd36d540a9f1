package io.expertlane.bench.jmh;

import io.expertlane.bench.results.StandardOutput;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import org.openjdk.jmh.profile.Profiler;
import org.openjdk.jmh.runner.NoBenchmarksException;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/**
 * Entry point of {@code benchmarks.jar}: JMH's own, with the JDK flags of the parent pom given to every fork, and the
 * suite's own profilers.
 */
public final class BenchmarkMain {
    private static final int EXIT_FAILED = 1;
    private static final int EXIT_BAD_INPUT = 2;

    private BenchmarkMain() {
    }

    /**
     * Runs JMH with {@code args}; exit code 2 for bad input or output that cannot be written, 1 for a failed benchmark,
     * each with one line.
     */
    public static void main(final String[] args) {
        Locale.setDefault(Locale.ROOT);
        StandardOutput.install();
        try {
            run(args);
            StandardOutput.requireWritten(StandardOutput.writer());
        } catch (final IllegalArgumentException | IOException e) {
            fail(e, EXIT_BAD_INPUT);
        } catch (final RunnerException e) {
            fail(e, EXIT_FAILED);
        }
    }

    private static void fail(final Exception failure, final int exitCode) {
        System.err.println("expertlane: jmh: " + failure.getMessage());
        System.exit(exitCode);
    }

    /**
     * Runs JMH with {@code args}.
     *
     * @throws IllegalArgumentException if JMH does not know an option, or the jar has no such benchmark
     * @throws RunnerException if a benchmark failed
     * @throws IOException if JMH could not write its result file
     */
    public static void run(final String[] args) throws IOException, RunnerException {
        final CommandLineOptions commandLine = parse(withProfilerClasses(args));
        final Options options = new OptionsBuilder().parent(commandLine).jvmArgsPrepend(jvmFlags()).build();
        final Runner runner = new Runner(options);
        if (commandLine.shouldHelp()) {
            commandLine.showHelp();
        } else if (commandLine.shouldList()) {
            runner.list();
        } else if (commandLine.shouldListWithParams()) {
            runner.listWithParams(commandLine);
        } else if (commandLine.shouldListProfilers()) {
            commandLine.listProfilers();
        } else if (commandLine.shouldListResultFormats()) {
            commandLine.listResultFormats();
        } else {
            measure(runner, commandLine);
        }
    }

    private static CommandLineOptions parse(final String[] args) {
        try {
            return new CommandLineOptions(args);
        } catch (final CommandLineOptionException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
    }

    private static void measure(final Runner runner, final CommandLineOptions commandLine) throws RunnerException,
        IOException {
        try {
            ResultFile.requireWhole(commandLine, runner.run());
        } catch (final NoBenchmarksException e) {
            throw new IllegalArgumentException("benchmarks=" + commandLine.getIncludes()
                + ": none in the jar (-l lists them)", e);
        }
    }

    private static String[] withProfilerClasses(final String[] args) {
        final String[] replaced = args.clone();
        for (int i = 1; i < args.length; i++) {
            if (args[i - 1].equals("-prof")) {
                replaced[i] = Profilers.resolve(args[i]);
            }
        }
        return replaced;
    }

    /** The suite's own profilers by the names that {@code -prof} calls them. */
    public static Map<String, Class<? extends Profiler>> profilers() {
        return Profilers.byName();
    }

    /** The JDK flags that the build was made with, in order. */
    public static String[] jvmFlags() throws IOException {
        try (InputStream in = BenchmarkMain.class.getResourceAsStream("/io/expertlane/bench/jvm.flags")) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip().split(" ");
        }
    }
}

package io.expertlane.bench.jmh;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.openjdk.jmh.profile.Profiler;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.CommandLineOptionException;
import org.openjdk.jmh.runner.options.CommandLineOptions;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;

/** Entry point of {@code benchmarks.jar}: JMH's own, with the JDK flags of the parent pom given to every fork, and the suite's own profilers. */
public final class BenchmarkMain {
    private BenchmarkMain() {
    }

    /** Runs JMH with {@code args}. */
    public static void main(final String[] args) throws IOException, RunnerException, CommandLineOptionException {
        final CommandLineOptions commandLine = new CommandLineOptions(withProfilerClasses(args));
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
            runner.run();
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

package io.expertlane.bench.cli;

import io.expertlane.bench.jmh.BenchmarkMain;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.openjdk.jmh.runner.RunnerException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Unmatched;

/** JMH's own command line, with the JDK and the flags that the benchmarks need. */
@Command(
    name = "jmh",
    description = {
        "Passes all arguments to JMH's own command line: expertlane jmh -h lists its options, -l the benchmarks."
    },
    footerHeading = "%nExample:%n",
    footer = "  expertlane jmh LowLatencyBenchmark.dispatch -p tokens=8,32,128 -f 1 -prof gc")
final class JmhCommand implements Callable<Integer> {
    private static final int EXIT_FAILED = 1;

    @Spec
    private CommandSpec spec;

    @Unmatched
    private final List<String> arguments = new ArrayList<>();

    @Override
    public Integer call() throws Exception {
        try {
            BenchmarkMain.run(arguments.toArray(String[]::new));
            return 0;
        } catch (final IllegalArgumentException e) {
            throw new IllegalArgumentException("jmh: " + e.getMessage(), e);
        } catch (final RunnerException e) {
            spec.commandLine().getErr().println("expertlane: jmh: " + e.getMessage());
            return EXIT_FAILED;
        }
    }
}

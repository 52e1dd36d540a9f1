package io.expertlane.bench.cli;

import io.expertlane.nic.trace.TraceFile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** What can be done with traces of simulated runs. */
@Command(
    name = "trace",
    description = "Works on traces that simulate --trace has written.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = TraceCommand.Convert.class)
final class TraceCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "COMMAND is missing, expected one of "
            + spec.subcommands().keySet());
    }

    /** Turns a binary trace into a timeline. */
    @Command(
        name = "convert",
        description = "Turns a binary trace into a timeline that ui.perfetto.dev and chrome://tracing load.",
        mixinStandardHelpOptions = true,
        footerHeading = "%nExample:%n",
        footer = "  expertlane trace convert run.xltrace run.json")
    static final class Convert implements Callable<Integer> {
        @Spec
        private CommandSpec spec;

        @Parameters(index = "0", paramLabel = "FILE.xltrace", description = "What simulate --trace has written.")
        private Path from;

        @Parameters(index = "1", paramLabel = "FILE.json",
            description = "Where the timeline goes; replaced if it is there.")
        private Path to;

        @Override
        public Integer call() throws IOException {
            final long records = TraceFile.convert(from, to);
            spec.commandLine().getOut().println(to + ": " + records + " records converted");
            return 0;
        }
    }
}

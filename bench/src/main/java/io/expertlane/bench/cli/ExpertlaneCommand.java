package io.expertlane.bench.cli;

import io.expertlane.bench.results.Environment;
import io.expertlane.bench.results.StandardOutput;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** The command {@code expertlane}. Exit codes: 0 done, 1 failed, 2 bad input, 3 a regression. */
@Command(
    name = "expertlane",
    description = "Dispatch and combine of mixture-of-experts models: measured on this machine, simulated on modelled NICs.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    subcommands = {BenchCommand.class, FiguresCommand.class, ExchangeCommand.class, LaunchCommand.class, RanksCommand.class, PingCommand.class, SimulateCommand.class, SweepCommand.class, TuneCommand.class, ReproduceCommand.class, StudyCommand.class,
        ProfileCommand.class, TraceCommand.class, CompareCommand.class, HistoryCommand.class, ReportCommand.class, ExportCommand.class, JmhCommand.class},
    synopsisSubcommandLabel = "COMMAND",
    footerHeading = "%nExamples:%n",
    footer = {
        "  expertlane bench                     measure this machine, about 3 minutes",
        "  expertlane bench --include Memory    only what has Memory in its name",
        "  expertlane COMMAND --help            options and examples of a command",
        "",
        "Exit codes: 0 done, 1 failed, 2 bad input (one line on the error stream), 3 a regression."
    })
public final class ExpertlaneCommand implements Runnable {
    /** Columns of the help where the terminal does not say how many it has. */
    private static final int HELP_WIDTH = 120;

    @Spec
    private CommandSpec spec;

    /** Runs the command line and exits. */
    public static void main(final String[] args) {
        Locale.setDefault(Locale.ROOT);
        StandardOutput.install();
        System.exit(commandLine().execute(args));
    }

    /** The command line with its error policy; tests set its output streams. */
    static CommandLine commandLine() {
        // What picocli warns of (a quote without another) is refused, or taken as it is; its own lines would be second ones.
        CommandLine.tracer().setLevel(CommandLine.TraceLevel.OFF);
        final CommandLine commandLine = new CommandLine(new ExpertlaneCommand());
        commandLine.setOut(StandardOutput.writer());
        commandLine.registerConverter(Path.class, new PathConverter());
        commandLine.setUsageHelpWidth(HELP_WIDTH);
        commandLine.setUsageHelpAutoWidth(true);
        commandLine.setCaseInsensitiveEnumValuesAllowed(true);
        // What comes behind the command that is launched is that command's.
        commandLine.getSubcommands().get("launch").setStopAtPositional(true);
        ErrorPolicy.install(commandLine);
        return commandLine;
    }

    /** Root of the source tree, told by the launcher; empty where the jar was started by hand. */
    static Optional<Path> home() {
        return Optional.ofNullable(System.getenv("EXPERTLANE_HOME")).map(Path::of);
    }

    /** State of the source tree that the jar was made from, as the launcher saw it; empty where the jar was started by hand. */
    static Optional<Environment.Git> git() {
        return Optional.ofNullable(System.getenv("EXPERTLANE_COMMIT")).filter(commit -> !commit.isEmpty())
            .map(commit -> new Environment.Git(commit, Boolean.valueOf(System.getenv("EXPERTLANE_DIRTY"))));
    }

    /** Whether the error stream is a terminal, told by the launcher: then progress is one line that is overwritten. */
    static boolean errorStreamIsTerminal() {
        return Boolean.parseBoolean(System.getenv("EXPERTLANE_TERMINAL"));
    }

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "COMMAND is missing, expected one of " + spec.subcommands().keySet());
    }
}

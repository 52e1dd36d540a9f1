package io.expertlane.bench.cli;

import io.expertlane.bench.jmh.BenchmarkMain;
import io.expertlane.kernel.bootstrap.RankEnvironment;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Starts a command once for each rank of a job. */
@Command(
    name = "launch",
    description = {
        "Starts CMD once for each rank, on this machine, with the variables RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE,",
        "MASTER_ADDR and MASTER_PORT, as torchrun does, and EXPERTLANE_SECRET, by which ranks of one job know each other. CMD is",
        "a program, or a command of expertlane. If one fails, the others are ended."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footerHeading = "%nExamples:%n",
    footer = {
        "  expertlane launch -n 2 -- exchange --routing uniform --hidden 256 --experts 16 --out run1",
        "  expertlane launch -n 4 -- ./my-server --some-option"
    })
final class LaunchCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(names = {"-n", "--ranks"}, paramLabel = "N", required = true, description = "Ranks: 1 to 4096.")
    private int ranks;

    @Parameters(paramLabel = "CMD", arity = "1..*", description = "The command and its arguments.")
    private List<String> command;

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (ranks < 1 || ranks > RankEnvironment.MAX_RANKS) {
            throw new UsageException("-n", ranks, "1 to " + RankEnvironment.MAX_RANKS);
        }
        if (!spec.root().subcommands().containsKey(command.getFirst())) {
            return RankProcesses.run(ranks, command);
        }
        return RankProcesses.run(ranks, ownCommand(command), spec.commandLine().getOut(), spec.commandLine().getErr());
    }

    /** What runs this program with {@code arguments} in another JVM. */
    static List<String> ownCommand(final List<String> arguments) throws IOException {
        final List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(List.of(BenchmarkMain.jvmFlags()));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), ExpertlaneCommand.class.getName()));
        command.addAll(arguments);
        return command;
    }
}

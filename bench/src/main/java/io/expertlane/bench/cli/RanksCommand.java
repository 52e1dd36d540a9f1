package io.expertlane.bench.cli;

import io.expertlane.bench.results.Json;
import io.expertlane.kernel.memory.RankFiles;
import io.expertlane.kernel.memory.SharedHeap;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** What ranks in processes of their own have in shared memory, and what crashed ones left. */
@Command(
    name = "ranks",
    description = "Shows the memory that ranks in processes of their own share, and removes what crashed jobs left.",
    mixinStandardHelpOptions = true,
    synopsisSubcommandLabel = "COMMAND",
    subcommands = {RanksCommand.Show.class, RanksCommand.Clean.class})
final class RanksCommand implements Runnable {
    @Spec
    private CommandSpec spec;

    @Override
    public void run() {
        throw new ParameterException(spec.commandLine(), "COMMAND is missing, expected one of " + spec.subcommands().keySet());
    }

    private static Path folder(final Path given) {
        final Path folder = given == null ? SharedHeap.DEFAULT_FOLDER : given;
        if (!Files.isDirectory(folder)) {
            throw new UsageException("--shared-folder", folder, "no folder");
        }
        return folder;
    }

    /** Shows. */
    @Command(name = "list", description = "Shows the files of ranks: live, dead (their process has ended), elsewhere (of another container or machine), or "
        + "refused (no rank's memory, or another user's).", mixinStandardHelpOptions = true)
    static final class Show implements Callable<Integer> {
        @Spec
        private CommandSpec spec;

        @Option(names = "--shared-folder", paramLabel = "DIR", description = "Where the files are. Default: /dev/shm.")
        private Path sharedFolder;

        @Option(names = "--json", description = "Print as JSON.")
        private boolean json;

        /** A file, as JSON has it. */
        private record Line(String file, String job, int rank, String state, long pid, String detail) {
        }

        @Override
        public Integer call() throws IOException {
            final List<Line> lines = RankFiles.list(folder(sharedFolder)).stream().map(entry -> new Line(entry.path().toString(),
                String.format("%016x", entry.job()), entry.rank(), entry.state().name().toLowerCase(Locale.ROOT), entry.pid(), entry.detail())).toList();
            final PrintWriter out = spec.commandLine().getOut();
            if (json) {
                out.println(Json.text(lines));
            } else {
                for (final Line line : lines) {
                    out.printf("job %s rank %4d  %-9s pid %-8d %s%n", line.job(), line.rank(), line.state(), line.pid(), line.detail());
                }
                out.printf("%d files%n", lines.size());
            }
            out.flush();
            return 0;
        }
    }

    /** Removes. */
    @Command(name = "clean", description = "Removes the files of jobs of which no process lives. What a crashed rank left stays as long as others of its job "
        + "live: the rank that is started again takes it over.", mixinStandardHelpOptions = true)
    static final class Clean implements Callable<Integer> {
        @Spec
        private CommandSpec spec;

        @Option(names = "--shared-folder", paramLabel = "DIR", description = "Where the files are. Default: /dev/shm.")
        private Path sharedFolder;

        @Override
        public Integer call() throws IOException {
            final List<Path> removed = RankFiles.clean(folder(sharedFolder));
            final PrintWriter out = spec.commandLine().getOut();
            removed.forEach(path -> out.println("removed " + path));
            out.printf("%d files removed%n", removed.size());
            out.flush();
            return 0;
        }
    }
}

package io.expertlane.bench.cli;

import io.expertlane.bench.results.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import picocli.CommandLine.Option;

/** Where runs are found: a folder of its own, or a run's name in the results folder. */
final class RunOptions {
    static final String LATEST = "latest";

    @Option(names = "--results", paramLabel = "DIR",
        description = "Folder of the runs. Default: results in the source tree.")
    private Path folder;

    /** The results folder. */
    Path folder() {
        return folder != null ? folder : ExpertlaneCommand.home().orElse(Path.of("")).resolve("results");
    }

    /** All runs, oldest first. */
    List<Run> all() throws IOException {
        final List<Run> runs = Run.readAll(folder());
        if (runs.isEmpty()) {
            throw new UsageException("--results", folder(), "has no runs");
        }
        return runs;
    }

    /** The run that {@code text} names: its folder, its name in the results folder, or {@value #LATEST}. */
    Run run(final String text) throws IOException {
        if (LATEST.equals(text)) {
            return all().getLast();
        }
        final Path inResults = folder().resolve(text);
        return Run.read(Files.isDirectory(inResults) ? inResults : Path.of(text));
    }
}

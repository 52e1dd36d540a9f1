package io.expertlane.bench.cli;

import io.expertlane.bench.report.History;
import io.expertlane.bench.results.ChangesFile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The runs of a results folder as a history, with what is known of its changes. */
final class HistoryOptions {
    @Mixin
    private RunOptions runs;

    @Option(names = "--changes", paramLabel = "FILE",
        description = "Known changes and muted series. Default: changes.json in the results folder.")
    private Path changes;

    History read() throws IOException {
        if (changes != null && Files.notExists(changes)) {
            throw new UsageException("--changes", changes, "no such file");
        }
        final ChangesFile known = ChangesFile.read(changes != null ? changes : runs.folder().resolve(ChangesFile.NAME));
        return History.of(runs.all(), known, LocalDate.now(ZoneOffset.UTC));
    }

    Path folder() {
        return runs.folder();
    }
}

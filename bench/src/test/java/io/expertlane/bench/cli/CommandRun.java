package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.results.Json;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import tools.jackson.databind.JsonNode;

/** One run of the command line in this JVM, and what it printed. */
record CommandRun(int exitCode, String out, String err) {
    /** Where recorded routings may be found, seen from a checkout of the project. */
    private static final String ESFT = "shared/data/esft";

    static CommandRun of(final Object... arguments) {
        final StringWriter out = new StringWriter();
        final StringWriter err = new StringWriter();
        final String[] texts = new String[arguments.length];
        for (int i = 0; i < texts.length; i++) {
            texts[i] = arguments[i].toString();
        }
        final int exitCode = ExpertlaneCommand.commandLine().setOut(new PrintWriter(out, true))
            .setErr(new PrintWriter(err, true)).execute(texts);
        return new CommandRun(exitCode, out.toString(), err.toString());
    }

    /** The run went well. */
    CommandRun succeeded() {
        assertThat(exitCode).as(err).isZero();
        return this;
    }

    /** The run was refused with one line that contains all of {@code parts}, and nothing else was said. */
    void refused(final String... parts) {
        assertThat(err).startsWith("expertlane: ").endsWith("\n").hasLineCount(1).contains(parts);
        assertThat(out).isEmpty();
        assertThat(exitCode).as(err).isEqualTo(2);
    }

    JsonNode json() {
        return Json.mapper().readTree(out);
    }

    /** The folder of recorded routings beside the project, or null. */
    static Path recordedRoutings() {
        for (Path folder = Path.of("").toAbsolutePath(); folder != null; folder = folder.getParent()) {
            if (Files.isDirectory(folder.resolve(ESFT))) {
                return folder.resolve(ESFT);
            }
        }
        return null;
    }
}

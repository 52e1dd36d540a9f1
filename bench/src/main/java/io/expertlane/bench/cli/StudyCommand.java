package io.expertlane.bench.cli;

import io.expertlane.bench.results.OutputDirectory;
import io.expertlane.bench.study.Study;
import io.expertlane.bench.study.StudyPage;
import io.expertlane.bench.study.StudyRuns;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Answers a question by many simulations. */
@Command(
    name = "study",
    description = {
        "Answers a question by many simulations: tables and charts, each with the command line of simulate that gives "
            + "one of its points.",
        "  scaling      what grows from EP8 to EP256, and rings against final places, even and under a burst",
        "  congestion   a hot rank with and without pause (PFC), marking (ECN) and rate control (DCQCN): who is "
        + "paused, who suffers"
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footerHeading = "%nExamples:%n",
    footer = {
        "  expertlane study scaling                    the page as text",
        "  expertlane study congestion --out docs      docs/congestion.md and its charts in docs/images, as SVG and PNG"
    })
final class StudyCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "NAME", description = "scaling or congestion.")
    private String name;

    @Option(names = "--out", paramLabel = "DIR",
        description = "Write the page and its charts there. Default: print the page.")
    private Path out;

    @Override
    public Integer call() throws IOException {
        final Study study = Study.ofName(Choice.of("NAME", name, Study.names().toArray(String[]::new)));
        if (out != null) {
            OutputDirectory.makeShared("--out", out);
        }
        final StudyPage page;
        try (ProgressLine progress = new ProgressLine(spec.commandLine().getErr(),
            ExpertlaneCommand.errorStreamIsTerminal(), System::nanoTime)) {
            page = study.page(new StudyRuns(arguments -> SimulateCommand.parse(arguments).run(),
                text -> progress.tick(() -> text)));
        }
        if (out != null) {
            page.write(out);
        } else {
            final PrintWriter text = spec.commandLine().getOut();
            text.print(page.markdown());
            text.flush();
        }
        return 0;
    }
}

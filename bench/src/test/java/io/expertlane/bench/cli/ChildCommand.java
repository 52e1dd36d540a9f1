package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/** A command in a JVM of its own, which can be killed, interrupted and starved. */
final class ChildCommand {
    /** Nothing here takes a hundredth of it, even on a machine under load. */
    private static final long FAR_TOO_LONG_SECONDS = 600;
    private static final int KILLED = 137;
    private static final int TERMINATED = 143;
    private static final int INTERRUPTED = 130;
    private static final int REFUSED = 2;

    private static final AtomicInteger COUNT = new AtomicInteger();

    private final Process process;
    private final Path err;

    private ChildCommand(final Process process, final Path err) {
        this.process = process;
        this.err = err;
    }

    /** What a signal does. */
    enum Signal { KILL, INT, TERM }

    /**
     * Starts {@code arguments} in {@code folder}, where its temporary files and its error stream go, too.
     *
     * @param prefix   what runs the JVM, such as a shell that sets a limit first; empty for nothing
     * @param jvmFlags beside those of the build
     */
    static ChildCommand start(final Path folder, final List<String> prefix, final List<String> jvmFlags, final List<String> arguments) throws IOException {
        final Path temporary = Files.createDirectories(folder.resolve("tmp"));
        final Path err = folder.resolve("err-" + COUNT.incrementAndGet() + ".txt");
        final List<String> command = new ArrayList<>(prefix);
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(List.of(flags().split(" ")));
        command.addAll(List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Djmh.ignoreLock=true", "-Djava.io.tmpdir=" + temporary));
        command.addAll(jvmFlags);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), ExpertlaneCommand.class.getName()));
        command.addAll(arguments);
        final ProcessBuilder builder = new ProcessBuilder(command).directory(folder.toFile()).redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(err.toFile());
        builder.environment().keySet().removeIf(name -> name.startsWith("EXPERTLANE_") || name.startsWith("JAVA_TOOL") || name.startsWith("JDK_JAVA"));
        return new ChildCommand(builder.start(), err);
    }

    private static String flags() throws IOException {
        try (InputStream in = Objects.requireNonNull(ChildCommand.class.getResourceAsStream("/io/expertlane/bench/jvm.flags"))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8).strip();
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    void signal(final Signal signal) throws IOException, InterruptedException {
        if (process.isAlive()) {
            new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid())).redirectErrorStream(true).start().waitFor();
        }
    }

    /** JVMs that it has started and that live. */
    List<ProcessHandle> children() {
        return process.descendants().toList();
    }

    /** Waits for its end, and gives its exit code. */
    int await() throws InterruptedException {
        if (!process.waitFor(FAR_TOO_LONG_SECONDS, TimeUnit.SECONDS)) {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly().waitFor();
            throw new AssertionError("does not end");
        }
        return process.exitValue();
    }

    /** What it said, but for what the JVM says of incubator modules. */
    List<String> said() throws IOException {
        try (Stream<String> lines = Files.lines(err, StandardCharsets.UTF_8)) {
            return lines.filter(line -> !line.startsWith("WARNING: Using incubator modules")).toList();
        }
    }

    /** It ended well. */
    void succeeded() throws IOException, InterruptedException {
        final int exitCode = await();
        assertThat(exitCode).as(() -> "exit code; it said " + saidOrNothing()).isZero();
    }

    /** It ended well, or by the signal, or saying that it was interrupted; never in a stack trace. */
    void endedBy(final Signal signal) throws IOException, InterruptedException {
        final Integer[] codes = switch (signal) {
            case KILL -> new Integer[] {0, KILLED};
            case INT -> new Integer[] {0, REFUSED, INTERRUPTED};
            case TERM -> new Integer[] {0, REFUSED, TERMINATED};
        };
        assertThat(await()).as(() -> "exit code; it said " + saidOrNothing()).isIn((Object[]) codes);
        assertThat(said()).noneMatch(ChildCommand::isStackTrace);
    }

    /** It ended well, or was refused in one line. */
    boolean succeededOrRefused() throws IOException, InterruptedException {
        final int exitCode = await();
        assertThat(exitCode).as(() -> "exit code; it said " + saidOrNothing()).isIn(0, REFUSED);
        assertThat(said()).noneMatch(ChildCommand::isStackTrace);
        if (exitCode == REFUSED) {
            assertThat(said().stream().filter(line -> line.startsWith("expertlane: "))).as("lines").hasSize(1);
        }
        return exitCode == 0;
    }

    private static boolean isStackTrace(final String line) {
        return line.startsWith("\tat ") || line.startsWith("Exception in thread") || line.startsWith("Caused by: ");
    }

    private String saidOrNothing() {
        try {
            return String.join("\n", said());
        } catch (final IOException e) {
            return e.toString();
        }
    }
}

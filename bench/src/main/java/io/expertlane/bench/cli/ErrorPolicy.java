package io.expertlane.bench.cli;

import io.expertlane.bench.results.OneLine;
import io.expertlane.bench.results.StandardOutput;
import io.expertlane.nic.files.TemporaryFiles;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Objects;
import picocli.CommandLine;
import picocli.CommandLine.ParameterException;

/**
 * What the user sees when a command fails. Bad input, refused by the command line, the readers or the kernel
 * ({@link IllegalArgumentException}), and files that cannot be read or written ({@link IOException}), the standard
 * output among them, are one line and exit code 2; anything else is a fault of ours: a stack trace and exit code 1.
 */
final class ErrorPolicy {
    private static final String PREFIX = "expertlane: ";
    private static final int MAX_CAUSES = 20;

    private ErrorPolicy() {
    }

    /** Makes {@code commandLine} and its subcommands follow the policy. */
    static void install(final CommandLine commandLine) {
        commandLine.setParameterExceptionHandler((failure, _) -> badParameter(failure));
        commandLine.setExecutionStrategy(ErrorPolicy::run);
        commandLine.setExecutionExceptionHandler((failure, command, _) -> failed(failure, command));
    }

    private static int run(final CommandLine.ParseResult parsed) {
        final int exitCode = execute(parsed);
        final CommandLine root = parsed.commandSpec().commandLine();
        try {
            StandardOutput.requireWritten(root.getOut());
            return exitCode;
        } catch (final IOException e) {
            root.getErr().println(PREFIX + oneLine(e));
            return exitCode == CommandLine.ExitCode.OK ? CommandLine.ExitCode.USAGE : exitCode;
        }
    }

    /** Errors pass picocli by; one of them is a matter of the input's size. */
    private static int execute(final CommandLine.ParseResult parsed) {
        try {
            return new CommandLine.RunLast().execute(parsed);
        } catch (final OutOfMemoryError e) {
            return outOfMemory(e, parsed.commandSpec().commandLine());
        }
    }

    private static int outOfMemory(final OutOfMemoryError failure, final CommandLine command) {
        command.getErr().println(PREFIX + "memory=" + Runtime.getRuntime().maxMemory()
            + ": too little for input of this size (" + oneLine(failure) + ")");
        return CommandLine.ExitCode.USAGE;
    }

    /** The error that other threads and libraries have wrapped. */
    private static OutOfMemoryError outOfMemory(final Throwable failure) {
        Throwable cause = failure;
        for (int depth = 0; cause != null && depth < MAX_CAUSES; depth++) {
            if (cause instanceof final OutOfMemoryError error) {
                return error;
            }
            cause = cause.getCause();
        }
        return null;
    }

    private static int badParameter(final ParameterException failure) {
        final CommandLine command = failure.getCommandLine();
        command.getErr().println(PREFIX + parameterMessage(failure) + " (see "
            + command.getCommandSpec().qualifiedName() + " --help)");
        return CommandLine.ExitCode.USAGE;
    }

    /** Picocli's first line, in the form {@code field=value: limit} where it blames a value. */
    static String parameterMessage(final ParameterException failure) {
        final String line = oneLine(failure);
        final String blamed = "Invalid value for option '";
        if (failure.getValue() == null || !line.startsWith(blamed)) {
            return line;
        }
        final int nameEnd = line.indexOf('\'', blamed.length());
        return line.substring(blamed.length(), nameEnd) + "=" + failure.getValue()
            + line.substring(line.indexOf(": ", nameEnd));
    }

    private static int failed(final Exception failure, final CommandLine command) {
        final OutOfMemoryError outOfMemory = outOfMemory(failure);
        if (outOfMemory != null) {
            return outOfMemory(outOfMemory, command);
        }
        if (failure instanceof IllegalArgumentException) {
            final String line = oneLine(failure);
            command.getErr().println(PREFIX + (command.getCommandSpec().userObject() instanceof OptionNames names
                ? names.named(line) : line));
            return CommandLine.ExitCode.USAGE;
        }
        if (failure instanceof IOException || failure instanceof UncheckedIOException) {
            final Throwable cause = failure instanceof UncheckedIOException ? failure.getCause() : failure;
            command.getErr().println(PREFIX + cause.getClass().getSimpleName() + ": "
                + TemporaryFiles.withTargets(oneLine(cause)));
            return CommandLine.ExitCode.USAGE;
        }
        failure.printStackTrace(command.getErr());
        return CommandLine.ExitCode.SOFTWARE;
    }

    /** What a failure says, on one line. */
    static String oneLine(final Throwable failure) {
        return OneLine.of(Objects.toString(failure.getMessage(), failure.getClass().getName()));
    }
}

package io.expertlane.bench.jmh;

import io.expertlane.nic.files.TemporaryFiles;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/**
 * What JMH's {@code -prof async} needs to be told: where the native library is, and what to sample by. The library
 * comes out of the jar.
 */
public final class FlameGraphs {
    /** What {@code -prof} calls it. */
    public static final String NAME = "async";
    private static final String LIBRARY = "libasyncProfiler.so";
    private static final Path PARANOIA = Path.of("/proc/sys/kernel/perf_event_paranoid");
    private static final int MIN_FORBIDDING_PARANOIA = 2;

    private FlameGraphs() {
    }

    /**
     * JMH's options for flame graphs: {@code options}, and where these do not say, the library of the jar, and hardware
     * sampling where the machine allows it, else timers.
     *
     * @throws IllegalStateException where there is no library for this machine
     */
    public static String options(final String options) {
        final StringBuilder all = new StringBuilder(options);
        if (!options.contains("libPath=")) {
            append(all, "libPath=" + library());
        }
        if (!options.contains("event=")) {
            append(all, "event=" + event());
        }
        if (!options.contains("output=")) {
            append(all, "output=flamegraph");
        }
        return all.toString();
    }

    private static void append(final StringBuilder all, final String option) {
        all.append(all.isEmpty() ? "" : ";").append(option);
    }

    /** Linux lets others than root sample by hardware counters where this is less than 2. */
    private static String event() {
        try {
            return Integer.parseInt(Files.readString(PARANOIA).strip()) < MIN_FORBIDDING_PARANOIA ? "cpu" : "itimer";
        } catch (final IOException | NumberFormatException _) {
            return "itimer";
        }
    }

    /** The library in a file of its own, which is deleted when this JVM ends. */
    private static Path library() {
        final String name = "/" + platform() + "/" + LIBRARY;
        try (InputStream in = FlameGraphs.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IllegalStateException("-prof async: no async-profiler for " + platform()
                    + " in the jar; name one with libPath=");
            }
            final Path folder = TemporaryFiles.newFolder("expertlane-async-profiler");
            TemporaryFiles.removeAtExit(folder);
            final Path file = folder.resolve(LIBRARY);
            Files.copy(in, file);
            return file;
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static String platform() {
        final String os = System.getProperty("os.name").toLowerCase(Locale.ROOT);
        if (os.startsWith("mac")) {
            return "macos";
        }
        return (os.startsWith("linux") ? "linux" : os) + "-"
            + (System.getProperty("os.arch").equals("aarch64") ? "arm64" : "x64");
    }
}

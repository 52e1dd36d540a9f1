package io.expertlane.bench.suite;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.Locale;

/**
 * Stops and resumes processes on Linux by POSIX signals; elsewhere, and where the JVM denies native access, does
 * nothing. Threading: thread-safe.
 */
final class Signals {
    private static final int SIGCONT = 18;
    private static final int SIGSTOP = 19;
    private static final boolean LINUX = System.getProperty("os.name").toLowerCase(Locale.ROOT).startsWith("linux");

    private Signals() {
    }

    /** No thread of the process runs until it is resumed. */
    static void stop(final long processId) {
        send(processId, SIGSTOP);
    }

    /** The process runs again. */
    static void resume(final long processId) {
        send(processId, SIGCONT);
    }

    /** A process that has ended meanwhile is no failure. */
    private static void send(final long processId, final int signal) {
        if (LINUX && Posix.KILL != null) {
            try {
                final int _ = (int) Posix.KILL.invokeExact((int) processId, signal);
            } catch (final Throwable e) {
                throw new IllegalStateException("kill(" + processId + ", " + signal + ")", e);
            }
        }
    }

    /** Looked up where it exists only. */
    @SuppressWarnings("restricted")
    private static final class Posix {
        private static final MethodHandle KILL = kill();

        private static MethodHandle kill() {
            try {
                return Linker.nativeLinker().downcallHandle(Linker.nativeLinker().defaultLookup().findOrThrow("kill"),
                    FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_INT, ValueLayout.JAVA_INT));
            } catch (final IllegalCallerException _) {
                System.err.println("expertlane: native access is denied: the fork whose turn it is not is not stopped "
                    + "meanwhile; "
                    + "java --enable-native-access=ALL-UNNAMED allows it");
                return null;
            }
        }
    }
}

package io.expertlane.kernel.memory;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Set;
import java.util.UUID;
import java.util.zip.CRC32;

/**
 * What tells a process from every other: where it runs, its number there, and when it began, since numbers are used
 * again.
 *
 * <p>On Linux a place is one boot of a machine and one namespace of process numbers, so that containers and hosts that
 * share a folder are told apart, and the beginning is counted from the boot, so that a clock that is set does not
 * change it.
 *
 * @param place where it runs: 8 hexadecimal digits
 * @param pid   its number
 * @param start when it began
 */
public record ProcessIdentity(String place, long pid, long start) {
    private static final Path PROC = Path.of("/proc");
    private static final boolean HAS_PROC = Files.isReadable(PROC.resolve("self/stat"));
    /** Of {@code /proc/PID/stat}, counted from the field behind the name. */
    private static final int START_FIELD = 19;
    private static final Set<String> ENDED_STATES = Set.of("Z", "X");
    private static final long NONE = -1;
    private static final long UNKNOWN = -2;
    private static final String HERE = here();

    /** This process. */
    public static ProcessIdentity current() {
        final long pid = ProcessHandle.current().pid();
        return new ProcessIdentity(HERE, pid, Math.max(0, start(pid)));
    }

    /** Whether it is known to have ended; of processes elsewhere nothing is known. */
    public boolean hasEnded() {
        if (!place.equals(HERE)) {
            return false;
        }
        final long found = start(pid);
        return found != UNKNOWN && found != start;
    }

    /** When the process of that number began, {@link #NONE} if there is none. */
    private static long start(final long pid) {
        if (!HAS_PROC) {
            return ProcessHandle.of(pid)
                .map(process -> process.info().startInstant().map(Instant::toEpochMilli).orElse(UNKNOWN)).orElse(NONE);
        }
        try {
            final String stat = Files.readString(PROC.resolve(Long.toString(pid)).resolve("stat"),
                StandardCharsets.ISO_8859_1);
            // The name, in brackets, may itself have brackets and blanks.
            final String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
            // One that was killed has a number until its parent asks for its exit code: it writes nothing any more.
            return ENDED_STATES.contains(fields[0]) ? NONE : Long.parseLong(fields[START_FIELD]);
        } catch (final NoSuchFileException _) {
            return NONE;
        } catch (final IOException _) {
            return UNKNOWN;
        }
    }

    private static String here() {
        String machine;
        try {
            machine = HAS_PROC ? Files.readString(PROC.resolve("sys/kernel/random/boot_id"))
                + Files.readSymbolicLink(PROC.resolve("self/ns/pid"))
                : InetAddress.getLocalHost().getHostName();
        } catch (final IOException _) {
            // A place of its own: no other process takes it for one that has ended, nor it others.
            machine = UUID.randomUUID().toString();
        }
        final CRC32 hash = new CRC32();
        hash.update(machine.getBytes(StandardCharsets.UTF_8));
        return String.format("%08x", hash.getValue());
    }
}

package io.expertlane.bench.results;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What a run was made on. A value that this machine does not tell is null; capturing never fails.
 * Linux tells most of it through {@code /proc} and {@code /sys} (proc(5), cgroups(7), the kernel's cpufreq and
 * transhuge documents).
 *
 * @param date when, in UTC, to the second
 * @param commandLine the arguments of the {@code expertlane} command
 * @param cpu processor
 * @param memory memory and page policy
 * @param os operating system
 * @param jdk virtual machine
 * @param container limits of the control group
 * @param git state of the source tree
 */
public record Environment(Instant date, List<String> commandLine, Cpu cpu, Memory memory, Os os, Jdk jdk,
    Container container, Git git) {
    /**
     * Processor.
     *
     * @param model name, as the processor gives it
     * @param cores logical processors of the machine
     * @param availableCores logical processors that the JVM may use
     * @param governor frequency governor of the first core
     */
    public record Cpu(String model, Integer cores, int availableCores, String governor) {
    }

    /**
     * Memory.
     *
     * @param totalBytes physical memory
     * @param transparentHugePages {@code always}, {@code madvise} or {@code never}
     */
    public record Memory(Long totalBytes, String transparentHugePages) {
    }

    /**
     * Operating system.
     *
     * @param name such as Linux
     * @param kernel release
     * @param arch instruction set
     */
    public record Os(String name, String kernel, String arch) {
    }

    /**
     * Virtual machine.
     *
     * @param version such as 25.0.1+8-LTS
     * @param vendor who built it
     * @param vm name of the virtual machine
     * @param flags arguments that it was started with
     */
    public record Jdk(String version, String vendor, String vm, List<String> flags) {
    }

    /**
     * Limits of the control group; null is unlimited or unknown.
     *
     * @param cpus processors' worth of time
     * @param memoryBytes memory
     */
    public record Container(Double cpus, Long memoryBytes) {
    }

    /**
     * State of the source tree.
     *
     * @param commit full hash
     * @param dirty whether files differ from the commit
     */
    public record Git(String commit, Boolean dirty) {
    }

    /** Characters of a commit hash in a folder name. */
    private static final int SHORT_COMMIT_CHARS = 10;
    private static final int GIT_TIMEOUT_SECONDS = 10;
    private static final long KIB = 1024;
    /** What version 1 control groups write for no limit: the largest multiple of a page, near 2^63. */
    private static final long UNLIMITED_BYTES = 1L << 62;

    /**
     * Captures this machine, JVM and source tree.
     *
     * @param clock gives the date
     * @param root {@code /}, or a copy of the parts of it that are read
     * @param sources folder of the source tree; empty if unknown
     */
    public static Environment capture(final Clock clock, final Path root, final Optional<Path> sources,
        final List<String> commandLine) {
        final Os os = new Os(System.getProperty("os.name"), System.getProperty("os.version"),
            System.getProperty("os.arch"));
        final Jdk jdk = new Jdk(Runtime.version().toString(), System.getProperty("java.vendor"),
            System.getProperty("java.vm.name"),
            List.copyOf(ManagementFactory.getRuntimeMXBean().getInputArguments()));
        return new Environment(clock.instant().truncatedTo(ChronoUnit.SECONDS), List.copyOf(commandLine), cpu(root),
            memory(root), os, jdk,
            container(root), sources.map(Environment::git).orElse(new Git(null, null)));
    }

    /** This with another state of the source tree: files may have changed since the jar was made. */
    public Environment with(final Git jar) {
        return new Environment(date, commandLine, cpu, memory, os, jdk, container, jar);
    }

    /** The first characters of the commit, or {@code nocommit}. */
    public String shortCommit() {
        final String commit = git.commit();
        return commit == null ? "nocommit" : commit.substring(0, Math.min(SHORT_COMMIT_CHARS, commit.length()));
    }

    private static Cpu cpu(final Path root) {
        final List<String> lines = lines(root.resolve("proc/cpuinfo"));
        final String model = lines.stream().filter(l -> l.startsWith("model name")).findFirst()
            .map(l -> l.substring(l.indexOf(':') + 1).strip())
            .orElse(null);
        final long cores = lines.stream().filter(l -> l.startsWith("processor")).count();
        return new Cpu(model, cores == 0 ? null : (int) cores, Runtime.getRuntime().availableProcessors(),
            firstLine(root.resolve("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")));
    }

    private static Memory memory(final Path root) {
        final Long total = lines(root.resolve("proc/meminfo")).stream()
            .map(Pattern.compile("MemTotal:\\s+(\\d{1,15}) kB")::matcher)
            .filter(Matcher::matches).findFirst().map(m -> Long.parseLong(m.group(1)) * KIB).orElse(null);
        final String huge = firstLine(root.resolve("sys/kernel/mm/transparent_hugepage/enabled"));
        final Matcher chosen = Pattern.compile(".*\\[(\\w+)].*").matcher(huge == null ? "" : huge);
        return new Memory(total, chosen.matches() ? chosen.group(1) : null);
    }

    /** Version 2 of control groups, else version 1. */
    private static Container container(final Path root) {
        final Path groups = root.resolve("sys/fs/cgroup");
        final String quota = firstLine(groups.resolve("cpu.max"));
        final Double cpus = quota != null ? ratio(quota.split(" "))
            : ratio(firstLine(groups.resolve("cpu/cpu.cfs_quota_us")),
            firstLine(groups.resolve("cpu/cpu.cfs_period_us")));
        final Long version2 = number(firstLine(groups.resolve("memory.max")));
        final Long limit = version2 != null ? version2
            : number(firstLine(groups.resolve("memory/memory.limit_in_bytes")));
        return new Container(cpus, limit == null || limit >= UNLIMITED_BYTES ? null : limit);
    }

    private static Double ratio(final String... quotaAndPeriod) {
        final Long quota = quotaAndPeriod.length == 2 ? number(quotaAndPeriod[0]) : null;
        final Long period = quota == null ? null : number(quotaAndPeriod[1]);
        return period == null || period <= 0 || quota <= 0 ? null : (double) quota / period;
    }

    private static Long number(final String text) {
        try {
            return text == null ? null : Long.valueOf(text);
        } catch (final NumberFormatException _) {
            return null;
        }
    }

    private static Git git(final Path sources) {
        final String commit = git(sources, "rev-parse", "HEAD");
        final String status = commit == null ? null : git(sources, "status", "--porcelain");
        return new Git(commit, status == null ? null : !status.isEmpty());
    }

    /** What git prints, or null if it is missing, fails or hangs. */
    private static String git(final Path sources, final String... arguments) {
        try {
            final List<String> command = Stream.concat(Stream.of("git", "-C", sources.toString()), Stream.of(arguments))
                .toList();
            final Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD).start();
            process.getOutputStream().close();
            final String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
            final boolean ended = process.waitFor(GIT_TIMEOUT_SECONDS, TimeUnit.SECONDS);
            return ended && process.exitValue() == 0 ? output : null;
        } catch (final IOException _) {
            return null;
        } catch (final InterruptedException _) {
            Thread.currentThread().interrupt();
            return null;
        }
    }

    private static String firstLine(final Path file) {
        return lines(file).stream().findFirst().map(String::strip).orElse(null);
    }

    private static List<String> lines(final Path file) {
        try {
            return Files.readAllLines(file, StandardCharsets.ISO_8859_1);
        } catch (final IOException _) {
            return List.of();
        }
    }
}

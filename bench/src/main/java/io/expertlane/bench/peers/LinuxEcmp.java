package io.expertlane.bench.peers;

import io.expertlane.bench.results.StandardOutput;
import io.expertlane.kernel.verbs.ProbingSourcePorts;
import io.expertlane.kernel.verbs.RoceSourcePorts;
import io.expertlane.kernel.verbs.SourcePorts;
import java.io.IOException;
import java.io.PrintWriter;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.function.IntUnaryOperator;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * Compares fixed, hashed and allocated source ports against the Linux kernel's equal-cost multipath routing, whose hash
 * is keyed at random at boot. For each destination the allocated ports are found by probing, then every QP of each kind
 * sends as many datagrams as every other to UDP port 4791, and the transmit counters of the interfaces give the packets
 * per port. To be run where the route to the destinations has one next hop per interface: {@code
 * bench/peers/linux-ecmp/run.sh} makes such a place.
 *
 * <p>Exit code: 0; 1 if the largest ratio with allocated ports exceeds {@code --max-ratio}; 2 for bad input.
 */
@Command(name = "linux-ecmp", mixinStandardHelpOptions = true, sortOptions = false,
    description = "Port ratios of fixed, hashed and allocated UDP source ports over a Linux multipath route.")
public final class LinuxEcmp implements Callable<Integer> {
    /** First QP numbers of the two ends, as a driver that counts up from a low number gives them. */
    private static final int FIRST_LOCAL_QP_NUMBER = 0x100;
    private static final int FIRST_REMOTE_QP_NUMBER = 0x200;
    private static final String ROW = "%-11s %-31s %-31s %-31s %s%n";
    private static final int FIXED = 0;
    private static final int HASHED = 1;
    private static final int ALLOCATED = 2;
    private static final int KINDS = 3;

    @Spec
    private CommandSpec spec;

    @Option(names = "--interfaces", required = true, split = ",", description = "The route's interfaces; 2 or more.")
    private List<String> interfaces;

    @Option(names = "--source", required = true, description = "Source address of the datagrams.")
    private String source;

    @Option(names = "--destinations", required = true, split = ",", description = "Destination addresses.")
    private List<String> destinations;

    @Option(names = "--qps", defaultValue = "16",
        description = "QPs per destination, 2 to 1024 (default: ${DEFAULT-VALUE}).")
    private int queuePairs;

    @Option(names = "--packets", defaultValue = "500",
        description = "Datagrams per QP, 1 to 1000000 (default: ${DEFAULT-VALUE}).")
    private int packetsPerQueuePair;

    @Option(names = "--background-pps", defaultValue = "0",
        description = "Other datagrams per second during probing, all on one port, 0 to 1000000 (default: "
            + "${DEFAULT-VALUE}).")
    private int backgroundPacketsPerSecond;

    @Option(names = "--max-ratio", defaultValue = "1.1",
        description = "Largest port ratio of allocated ports (default: ${DEFAULT-VALUE}).")
    private double maxRatio;

    /** Runs with {@code args}; exits with the code. */
    public static void main(final String[] args) {
        StandardOutput.install();
        System.exit(commandLine().execute(args));
    }

    static CommandLine commandLine() {
        return new CommandLine(new LinuxEcmp()).setOut(StandardOutput.writer())
            .setParameterExceptionHandler((exception, args) -> {
            exception.getCommandLine().getErr().println(exception.getMessage());
            return CommandLine.ExitCode.USAGE;
        }).setExecutionStrategy(parsed -> {
            final int exitCode = new CommandLine.RunLast().execute(parsed);
            try {
                StandardOutput.requireWritten(parsed.commandSpec().commandLine().getOut());
                return exitCode;
            } catch (final IOException e) {
                parsed.commandSpec().commandLine().getErr().println(e.getMessage());
                return CommandLine.ExitCode.USAGE;
            }
        });
    }

    @Override
    public Integer call() throws IOException {
        final List<Path> counters = interfaces.stream().map(LinuxEcmp::counterOf).toList();
        checkInput(counters);
        final PrintWriter out = spec.commandLine().getOut();
        out.printf("%s %s; %d QPs x %d packets per destination, %d ports; ratio = most loaded / least loaded%n",
            System.getProperty("os.name"),
            System.getProperty("os.version"), queuePairs, packetsPerQueuePair, counters.size());
        out.printf(ROW, "destination", "fixed", "hashed", "allocated", "probing");
        final long[][] total = new long[KINDS][counters.size()];
        double worst = 0;
        for (int i = 0; i < destinations.size(); i++) {
            worst = Math.max(worst, compare(out, counters, i, total));
        }
        out.printf(ROW, "all", describe(total[FIXED]), describe(total[HASHED]), describe(total[ALLOCATED]), "");
        out.printf(Locale.ROOT, "allocated: largest ratio %.3f, limit %.3f: %s%n", worst, maxRatio,
            worst <= maxRatio ? "pass" : "FAIL");
        return worst <= maxRatio ? CommandLine.ExitCode.OK : CommandLine.ExitCode.SOFTWARE;
    }

    private void checkInput(final List<Path> counters) {
        checkRange("--qps", queuePairs, 2, 1024);
        checkRange("--packets", packetsPerQueuePair, 1, 1_000_000);
        checkRange("--background-pps", backgroundPacketsPerSecond, 0, 1_000_000);
        checkRange("--interfaces", interfaces.size(), 2, 256);
        check(queuePairs % interfaces.size() == 0,
            "--qps=" + queuePairs + " must be a multiple of the " + interfaces.size()
            + " interfaces, or they cannot be even");
        for (final Path counter : counters) {
            check(Files.isReadable(counter), "--interfaces: " + counter + " cannot be read");
        }
        address("--source", source);
        destinations.forEach(destination -> address("--destinations", destination));
    }

    private void checkRange(final String option, final int value, final int min, final int max) {
        check(value >= min && value <= max, option + "=" + value + " must be " + min + " to " + max);
    }

    private InetAddress address(final String option, final String literal) {
        try {
            return InetAddress.ofLiteral(literal);
        } catch (final IllegalArgumentException e) {
            throw new ParameterException(spec.commandLine(), option + "=" + literal + " must be an IP address", e);
        }
    }

    private void check(final boolean ok, final String message) {
        if (!ok) {
            throw new ParameterException(spec.commandLine(), message);
        }
    }

    private static Path counterOf(final String interfaceName) {
        return Path.of("/sys/class/net", interfaceName, "statistics/tx_packets");
    }

    /** Prints one destination's row and adds it to the total; returns the ratio with allocated ports. */
    private double compare(final PrintWriter out, final List<Path> counters, final int index, final long[][] total)
        throws IOException {
        final String destination = destinations.get(index);
        final UdpPortProbe probe = new UdpPortProbe(InetAddress.ofLiteral(source), InetAddress.ofLiteral(destination),
            counters);
        final ProbingSourcePorts allocator = new ProbingSourcePorts(probe, counters.size(),
            ProbingSourcePorts.Settings.DEFAULT);
        final SourcePorts allocated;
        try (BackgroundTraffic background = new BackgroundTraffic(InetAddress.ofLiteral(source),
            InetAddress.ofLiteral(destination))) {
            background.start(backgroundPacketsPerSecond);
            allocated = allocator.allocate(queuePairs, 0);
        }
        final int firstQueuePair = index * queuePairs;
        final long[] fixed = load(probe, total[FIXED], qp -> RoceSourcePorts.FIRST);
        final long[] hashed = load(probe, total[HASHED],
            qp -> RoceSourcePorts.sourcePort(0, FIRST_LOCAL_QP_NUMBER + firstQueuePair + qp, FIRST_REMOTE_QP_NUMBER
            + qp));
        final long[] even = load(probe, total[ALLOCATED], allocated::sourcePort);
        out.printf(ROW, destination, describe(fixed), describe(hashed), describe(even),
            allocator.rounds() + " rounds, " + allocator.packetsSent() + " packets, " + allocator.skipped()
            + " undecided");
        return ratio(even);
    }

    /** Sends every QP's packets; returns the packets per port and adds them to the total. */
    private long[] load(final UdpPortProbe probe, final long[] total, final IntUnaryOperator sourcePortOf)
        throws IOException {
        final long[] before = new long[total.length];
        final long[] load = new long[total.length];
        probe.readCounters(before);
        for (int qp = 0; qp < queuePairs; qp++) {
            probe.send(sourcePortOf.applyAsInt(qp), packetsPerQueuePair);
        }
        probe.readCounters(load);
        for (int port = 0; port < total.length; port++) {
            load[port] -= before[port];
            total[port] += load[port];
        }
        return load;
    }

    static double ratio(final long[] load) {
        return (double) Arrays.stream(load).max().getAsLong() / Arrays.stream(load).min().getAsLong();
    }

    private static String describe(final long[] load) {
        return String.format(Locale.ROOT, "%s = %.3f",
            Arrays.stream(load).mapToObj(Long::toString).collect(Collectors.joining("/")), ratio(load))
            .replace("Infinity", "inf");
    }
}

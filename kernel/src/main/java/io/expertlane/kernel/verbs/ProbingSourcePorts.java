package io.expertlane.kernel.verbs;

import java.io.IOException;
import java.util.Arrays;

/**
 * Source-port pre-allocation for a hash that is not known: sends probes from candidate source ports and learns from the
 * ports' counters which port each goes to. The result is as even as that of {@link SourcePorts#preallocate}: QP i on
 * port {@code (firstPort + i) % ports}.
 *
 * <p>Method: a round is a window with a burst of n packets from one source port and an idle window of the same length,
 * in alternating order. On each port the difference of the two windows should be n for one port and 0 for the others.
 * If all ports are within n/8 of that, the round names the port; otherwise it abstains and the burst doubles, up to a
 * limit. A source port is taken as known when {@link Settings#agreeingRounds} rounds in a row name the same port, and
 * skipped if that does not happen in {@link Settings#maxRounds} rounds.
 *
 * <p>Background traffic: a steady one, of any rate and however uneven over the ports, cancels. Of an irregular one,
 * what matters is how much a port's count differs between two neighbouring windows: with a standard deviation up to
 * n/12 most rounds are right. A round is wrong if the true port counts n too few and another n too many, each within
 * n/8; for normal noise that is likeliest at a deviation of n, with 0.0037, and needed three times in a row. Poisson
 * traffic at r times the probe's rate deviates by sqrt(2 r n), so bursts of 16384 packets cope with r of 50: 5,000
 * seeded allocations without an error. At r of 100 some source ports stay undecided and others are reused.
 *
 * <p>Bounds: at most 16 source ports per port and 4 per QP are tried, at most {@code maxRounds} rounds each. When those
 * give a port fewer source ports than QPs, its source ports are reused.
 *
 * <p>Threading: one thread.
 */
public final class ProbingSourcePorts {
    private static final int CANDIDATES_PER_PORT = 16;
    private static final int CANDIDATES_PER_QUEUE_PAIR = 4;
    /**
     * Odd and near 2^14 / golden ratio: visits every source port once, and any bit of them varies among the first few.
     */
    private static final int STRIDE = 10125;
    /** A port's count may be off by the burst over this. */
    private static final int TOLERANCE_DIVISOR = 8;
    private static final int UNKNOWN = -1;

    private final PortProbe probe;
    private final int ports;
    private final Settings settings;
    private final long[] before;
    private final long[] between;
    private final long[] after;
    private int burstPackets;
    private long rounds;
    private long packetsSent;
    private int skipped;

    /**
     * How hard to probe.
     *
     * @param burstPackets    packets of a round at first, 4 or more (default 16)
     * @param maxBurstPackets packets of a round at most (default 16384)
     * @param agreeingRounds  rounds in a row that must name the same port, 1 or more (default 3)
     * @param maxRounds       rounds per source port, at least {@code agreeingRounds} (default 32)
     * @param unitsPerPacket  what a probe packet adds to a counter: 1 if it counts packets (default), the packet's
     *                        length if bytes
     */
    public record Settings(int burstPackets, int maxBurstPackets, int agreeingRounds, int maxRounds,
        int unitsPerPacket) {
        /** The defaults. */
        public static final Settings DEFAULT = new Settings(16, 16384, 3, 32, 1);

        /** Checks the ranges. */
        public Settings {
            checkAtLeast("burstPackets", burstPackets, 4);
            checkAtLeast("maxBurstPackets", maxBurstPackets, burstPackets);
            checkAtLeast("agreeingRounds", agreeingRounds, 1);
            checkAtLeast("maxRounds", maxRounds, agreeingRounds);
            checkAtLeast("unitsPerPacket", unitsPerPacket, 1);
        }

        private static void checkAtLeast(final String name, final int value, final int min) {
            if (value < min) {
                throw new IllegalArgumentException(name + "=" + value + " must be " + min + " or more");
            }
        }
    }

    /**
     * An allocator for one address pair.
     *
     * @param probe the pair's network
     * @param ports number of ports, 1 to {@link PortSelection#MAX_PORTS}
     */
    public ProbingSourcePorts(final PortProbe probe, final int ports, final Settings settings) {
        this.probe = probe;
        this.ports = PortSelection.checkPorts(ports);
        this.settings = settings;
        this.before = new long[ports];
        this.between = new long[ports];
        this.after = new long[ports];
        this.burstPackets = settings.burstPackets;
    }

    /**
     * Finds source ports for QPs.
     *
     * @param queuePairs number of QPs, 1 or more
     * @param firstPort  port of QP 0, 0 or more, taken modulo the number of ports
     * @throws IllegalStateException if no candidate was seen to reach a port that is to have a QP
     * @throws IOException           if the probe fails
     */
    public SourcePorts allocate(final int queuePairs, final int firstPort) throws IOException {
        final int[] quotas = SourcePorts.quotas(ports, queuePairs, firstPort);
        final int candidates =
            (int) Math.min(RoceSourcePorts.COUNT, (long) CANDIDATES_PER_PORT * ports
            + (long) CANDIDATES_PER_QUEUE_PAIR * queuePairs);
        final int[][] found = new int[ports][candidates];
        final int[] counts = new int[ports];
        int missing = queuePairs;
        for (int i = 0; i < candidates && missing > 0; i++) {
            final int sourcePort = RoceSourcePorts.FIRST + i * STRIDE % RoceSourcePorts.COUNT;
            final int port = classify(sourcePort);
            if (port == UNKNOWN) {
                skipped++;
            } else if (counts[port] < quotas[port]) {
                found[port][counts[port]++] = sourcePort;
                missing--;
            }
        }
        for (int port = 0; port < ports; port++) {
            if (quotas[port] > 0 && counts[port] == 0) {
                throw new IllegalStateException("port=" + port + " of " + ports + " was not reached by any of "
                    + candidates
                    + " source ports in " + rounds + " rounds; " + skipped + " source ports stayed undecided");
            }
            found[port] = Arrays.copyOf(found[port], counts[port]);
        }
        return SourcePorts.of(found, queuePairs, firstPort);
    }

    /** Rounds so far. */
    public long rounds() {
        return rounds;
    }

    /** Probe packets sent so far. */
    public long packetsSent() {
        return packetsSent;
    }

    /** Source ports abandoned because the counters were too noisy. */
    public int skipped() {
        return skipped;
    }

    private int classify(final int sourcePort) throws IOException {
        int named = UNKNOWN;
        int agreeing = 0;
        for (int round = 0; round < settings.maxRounds; round++) {
            final int port = round(sourcePort, (round & 1) == 0);
            if (port == UNKNOWN) {
                burstPackets = Math.min(2 * burstPackets, settings.maxBurstPackets);
            }
            agreeing = port == UNKNOWN ? 0 : port == named ? agreeing + 1 : 1;
            named = port;
            if (agreeing == settings.agreeingRounds) {
                relaxBurst(round + 1);
                return port;
            }
        }
        return UNKNOWN;
    }

    /** A source port known without an abstention or dispute shows that the noise has gone. */
    private void relaxBurst(final int roundsUsed) {
        if (roundsUsed == settings.agreeingRounds) {
            burstPackets = Math.max(burstPackets / 2, settings.burstPackets);
        }
    }

    private int round(final int sourcePort, final boolean idleFirst) throws IOException {
        final int packets = burstPackets;
        probe.readCounters(before);
        window(sourcePort, packets, idleFirst);
        probe.readCounters(between);
        window(sourcePort, packets, !idleFirst);
        probe.readCounters(after);
        rounds++;
        packetsSent += packets;
        return portNamed((long) packets * settings.unitsPerPacket, idleFirst ? 1 : -1);
    }

    private void window(final int sourcePort, final int packets, final boolean idle) throws IOException {
        if (idle) {
            probe.idle(packets);
        } else {
            probe.send(sourcePort, packets);
        }
    }

    private int portNamed(final long burstUnits, final int sign) {
        int named = UNKNOWN;
        for (int port = 0; port < ports; port++) {
            final long excess = sign * (after[port] - between[port] - (between[port] - before[port]));
            if (TOLERANCE_DIVISOR * Math.abs(excess - burstUnits) <= burstUnits && named == UNKNOWN) {
                named = port;
            } else if (TOLERANCE_DIVISOR * Math.abs(excess) > burstUnits) {
                return UNKNOWN;
            }
        }
        return named;
    }
}

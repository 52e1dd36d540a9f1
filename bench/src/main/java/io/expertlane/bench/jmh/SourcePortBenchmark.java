package io.expertlane.bench.jmh;

import io.expertlane.kernel.verbs.FlowHashAlgorithm;
import io.expertlane.kernel.verbs.FlowTuple;
import io.expertlane.kernel.verbs.PortProbe;
import io.expertlane.kernel.verbs.PortSelection;
import io.expertlane.kernel.verbs.ProbingSourcePorts;
import io.expertlane.kernel.verbs.RoceSourcePorts;
import io.expertlane.kernel.verbs.SourcePorts;
import java.io.IOException;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Planning the UDP source ports of a peer's queue pairs, so that a NIC's flow hash spreads them evenly over its ports:
 * {@link #preallocate} with the hash known, {@link #probe} learning it from port counters, here of a network that is a
 * hash function. An operation is one peer. It is set-up work: at EP64 a rank does it 63 times.
 *
 * <p>Baseline: {@link #hash}, one evaluation of the hash, of which pre-allocation needs at least one a queue pair.
 * After each trial both plans must be even to within one queue pair.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class SourcePortBenchmark {
    private static final int ADDRESS = 0x0A00_0001;

    /** Flow hash, by the names of the command line. */
    @Param({"toeplitz", "crc32"})
    public String hash;

    /** Ports of the NIC. */
    @Param({"2", "4"})
    public int ports;

    /** Queue pairs to a peer. */
    @Param({"8", "64"})
    public int queuePairs;

    private FlowHashAlgorithm algorithm;
    private FlowTuple flow;
    private PortSelection selection;
    private int sourcePort;

    /** Looks up the hash. */
    @Setup
    public void setUp() {
        algorithm = FlowHashAlgorithm.ofName(hash);
        flow = FlowTuple.roce(ADDRESS, ADDRESS + 1);
        selection = PortSelection.modulo(ports);
    }

    /** Plans once more in both ways and checks that the plans are even under the hash. */
    @TearDown
    public void tearDown() throws IOException {
        checkEven(preallocate());
        checkEven(probe());
    }

    private void checkEven(final SourcePorts plan) {
        final int[] count = new int[ports];
        for (int queuePair = 0; queuePair < queuePairs; queuePair++) {
            count[selection.portOf(algorithm.hash(flow, plan.sourcePort(queuePair)))]++;
        }
        for (int port = 0; port < ports; port++) {
            if (count[port] < queuePairs / ports || count[port] > Math.ceilDiv(queuePairs, ports)) {
                throw new AssertionError("port " + port + " has " + count[port] + " of " + queuePairs + " queue pairs");
            }
        }
    }

    /** A plan for a known hash. */
    @Benchmark
    public SourcePorts preallocate() {
        return SourcePorts.preallocate(flow, algorithm, selection, queuePairs);
    }

    /** A plan for a hash that only the network knows. */
    @Benchmark
    public SourcePorts probe() throws IOException {
        return new ProbingSourcePorts(new HashingNetwork(), ports, ProbingSourcePorts.Settings.DEFAULT)
            .allocate(queuePairs, 0);
    }

    /** One evaluation of the hash. */
    @Benchmark
    public int hash() {
        sourcePort = sourcePort + 1 & RoceSourcePorts.COUNT - 1;
        return algorithm.hash(flow, RoceSourcePorts.FIRST + sourcePort);
    }

    private final class HashingNetwork implements PortProbe {
        private final long[] packetsSent = new long[ports];

        @Override
        public void send(final int fromSourcePort, final int packets) {
            packetsSent[selection.portOf(algorithm.hash(flow, fromSourcePort))] += packets;
        }

        @Override
        public void idle(final int packets) {
            // Nobody else sends.
        }

        @Override
        public void readCounters(final long[] counters) {
            System.arraycopy(packetsSent, 0, counters, 0, ports);
        }
    }
}

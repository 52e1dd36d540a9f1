package io.expertlane.bench.jmh;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.profile.ClusterProfile;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
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
 * Wall time to simulate a plain all-to-all: every node writes 1 MB to every other, MTU 4096, packet by packet through
 * one switch tier. The yardstick of other network simulators; connecting is not measured.
 *
 * <p>Each NIC has two ports at 200 Gb/s, 400 Gb/s together, as in the default cluster. After each run all bytes must
 * have arrived.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 10)
@Measurement(iterations = 10)
@Fork(3)
public class AllToAllSimulationBenchmark {
    private static final int BYTES = 1 << 20;

    /** Nodes, one NIC each. */
    @Param({"32", "128"})
    public int nodes;

    private SymmetricHeap heap;
    private SimulatedTransport transport;
    private final List<QueuePair> queuePairs = new ArrayList<>();

    /** Connects everybody with everybody, in rotated order, and posts one write on each queue pair. */
    @Setup(Level.Invocation)
    public void connect() {
        heap = new SymmetricHeap(nodes, BYTES);
        transport = new SimulatedTransport(heap, ClusterProfile.h20Cx7Dual(), PortPolicy.EXPLICIT, 1024);
        for (int node = 0; node < nodes; node++) {
            for (int distance = 1; distance < nodes; distance++) {
                final QueuePair queuePair = transport.connect(node, (node + distance) % nodes, 2, distance);
                queuePair.postWrite(0, 0, BYTES, 0);
                queuePairs.add(queuePair);
            }
        }
    }

    /** Rings all doorbells and runs until nothing is pending. */
    @Benchmark
    public long run() {
        for (final QueuePair queuePair : queuePairs) {
            queuePair.ringDoorbell();
        }
        transport.simulation().run();
        return transport.simulation().streamHash();
    }

    /** Checks that everything has arrived. */
    @TearDown(Level.Invocation)
    public void check() {
        final long expected = (long) BYTES * queuePairs.size();
        if (transport.total(NicCounter.RECEIVED_BYTES) != expected) {
            throw new IllegalStateException("receivedBytes=" + transport.total(NicCounter.RECEIVED_BYTES) + ": "
                + expected);
        }
        queuePairs.clear();
        transport.close();
        heap.close();
    }
}

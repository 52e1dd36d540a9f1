package io.expertlane.bench.jmh;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.emulation.EmulatedTransport;
import io.expertlane.nic.emulation.ProxiedTransport;
import io.expertlane.nic.profile.ClusterProfile;
import org.agrona.concurrent.Agent;
import org.agrona.concurrent.AgentRunner;
import org.agrona.concurrent.BackoffIdleStrategy;
import org.agrona.concurrent.IdleStrategy;

/**
 * Two ranks on emulated NICs; rank 0 posts to rank 1, directly or by proxy. For the benchmarks of posting and hand-off.
 */
public final class EmulatedRig implements AutoCloseable {
    /** Entries of send and completion queues: DeepEP's and NVSHMEM's usual QP depth. */
    static final int DEPTH = 1024;

    private static final int SPINS = 100;

    /** Who rings the NIC's doorbells. */
    public enum Issue {
        /** The kernel's thread, as with IBGDA. */
        DIRECT,
        /** A proxy thread that posts for it, as with IBRC. */
        PROXY
    }

    final SymmetricHeap heap;
    final EmulatedTransport network;
    final Transport transport;
    final QueuePair[] queuePairs;
    private final ProxiedTransport proxied;
    private final Agent proxy;
    private final Agent nic;
    private AgentRunner runner;
    private final IdleStrategy idle = idleStrategy();

    EmulatedRig(final Issue issue, final int queuePairCount, final long heapBytes) {
        heap = new SymmetricHeap(2, heapBytes);
        network = new EmulatedTransport(heap, ClusterProfile.h20Cx7Dual().nic(), DEPTH);
        proxied = new ProxiedTransport(network, 1);
        transport = issue == Issue.DIRECT ? network : proxied;
        proxy = issue == Issue.DIRECT ? null : proxied.proxy(0);
        nic = network.nic(0);
        queuePairs = new QueuePair[queuePairCount];
        for (int i = 0; i < queuePairCount; i++) {
            queuePairs[i] = transport.connect(0, 1, DEPTH, i);
        }
        NicProfiler.watch(counter -> network.counter(0, counter));
    }

    /** Spins for some microseconds, then yields: threads may outnumber cores. */
    private static IdleStrategy idleStrategy() {
        return new BackoffIdleStrategy(SPINS, Long.MAX_VALUE, 1, 1);
    }

    /** Takes completions; without any, gives the devices' thread time. */
    void pollOrIdle() {
        idle.idle(transport.completionQueue(0).poll());
    }

    /** Gives the devices' thread time. */
    void idle() {
        idle.idle();
    }

    /** Begins to wait for something else. */
    void resetIdle() {
        idle.reset();
    }

    /** One duty cycle of the proxy, if there is one. */
    int runProxy() throws Exception {
        return proxy == null ? 0 : proxy.doWork();
    }

    /** One duty cycle of the NIC. */
    int runNic() throws Exception {
        return nic.doWork();
    }

    /** Runs NIC and proxy on the caller's thread until all that was rung has completed. */
    void drain() throws Exception {
        int outstanding;
        do {
            runProxy();
            runNic();
            runProxy();
            transport.completionQueue(0).poll();
            outstanding = 0;
            for (final QueuePair queuePair : queuePairs) {
                outstanding += queuePair.outstanding() - queuePair.unpublished();
            }
        } while (outstanding > 0);
    }

    /** Runs NIC and proxy on one thread of their own, which spins and then yields. */
    void start() {
        runner = new AgentRunner(idleStrategy(), Throwable::printStackTrace, null, new Agent() {
            @Override
            public int doWork() throws Exception {
                return runProxy() + runNic();
            }

            @Override
            public String roleName() {
                return "devices";
            }
        });
        AgentRunner.startOnThread(runner);
    }

    /** Throws if the NIC has not executed {@code expected} elements, or one has failed. */
    void check(final long expected) {
        final long executed = network.counter(0, NicCounter.SENT_ELEMENTS);
        if (executed != expected || transport.completionQueue(0).failures() != 0) {
            throw new IllegalStateException("executed=" + executed + ": " + expected + " posted; failures="
                + transport.completionQueue(0).failures());
        }
    }

    @Override
    public void close() {
        if (runner != null) {
            runner.close();
        }
        proxied.close();
        network.close();
        heap.close();
    }
}

package io.expertlane.nic.device;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.ContextCacheProfile;
import io.expertlane.nic.profile.FaultProfile;
import io.expertlane.nic.profile.InNodeProfile;
import io.expertlane.nic.profile.NicProfile;
import io.expertlane.nic.profile.TranslationCacheProfile;
import io.expertlane.nic.time.Simulation;
import java.util.Arrays;

/**
 * The NICs of all ranks: what their parts share, and the wiring of the parts.
 *
 * <pre>
 *   Sender                                             Receiver                     Completer
 *  doorbell -> pipeline -----> arbiter of a port -> wire -> peer's port -> memory -> ACK -> completion entry
 *              per-QP and NIC  deficit round robin  fabric  packets of all
 *              interval, fetch one quantum a turn   latency senders queue            Recovery: only with faults
 *              + payload read
 * </pre>
 *
 * <p>Events an element: one when its pipeline is through, two a packet (turn and arrival), one for the delivery if the
 * receiving port is busy, one for the acknowledgement if the element is signaled; and one a doorbell.
 */
final class Nics {
    /** Kinds of events, counted from {@link #firstEvent}. */
    static final int DOORBELL = 0;
    static final int READY = 1;
    static final int TURN = 2;
    static final int RELEASE = 3;
    static final int ARRIVAL = 4;
    static final int DELIVERY = 5;
    static final int COMPLETION = 6;
    private static final int EVENTS = 7;

    final Simulation simulation;
    final SymmetricHeap heap;
    final NicProfile profile;
    final QueuePairTable table = new QueuePairTable();
    final Ports ports;
    final PcieLinks pcie;
    final NicCache contexts;
    final NicCache translations;
    final int pageShift;
    final int firstEvent;
    final Sender sender;
    final Receiver receiver;
    final Completer completer;
    /** Null without faults. */
    final Recovery recovery;
    /** Null where packets do not queue on their way. */
    final Switches switches;
    /** Null where ranks of a node reach each other through their NICs. */
    final InNodeLinks inNode;
    NicListener[] listeners = {};
    /** Null unless set. */
    NicTracer tracer;

    Nics(final Simulation simulation, final SymmetricHeap heap, final CompletionQueue[] completionQueues,
        final ClusterProfile cluster,
         final FaultProfile faults) {
        this.simulation = simulation;
        this.heap = heap;
        this.profile = cluster.nic();
        this.ports = new Ports(heap.ranks(), profile);
        this.pcie = new PcieLinks(heap.ranks(), profile.pcie());
        final ContextCacheProfile context = profile.contextCache();
        this.contexts = new NicCache(heap.ranks(), context.entries(), context.missNanos(), context.missIntervalNanos(),
            NicCounter.CONTEXT_MISSES, ports);
        final TranslationCacheProfile translation = profile.translationCache();
        this.translations = new NicCache(heap.ranks(), translation.entries(), translation.missNanos(),
            translation.missIntervalNanos(),
            NicCounter.TRANSLATION_MISSES, ports);
        this.pageShift = Integer.numberOfTrailingZeros(translation.pageBytes());
        this.firstEvent = simulation.register(EVENTS, this::onEvent);
        this.completer = new Completer(this, completionQueues);
        this.recovery = faults == null ? null : new Recovery(this, faults);
        this.switches = cluster.fabric().switches().queues() ? new Switches(this, cluster) : null;
        this.receiver = new Receiver(this);
        final RingArbiter arbiter = new RingArbiter(table, ports.count(), profile);
        this.sender = new Sender(this, arbiter);
        this.inNode = cluster.inNode().link() == InNodeProfile.Link.NVLINK
            ? new InNodeLinks(this, cluster.inNode(), cluster.ranksPerNode()) : null;
        simulation.preview(new Prefetcher(this, arbiter));
    }

    private void onEvent(final long now, final int id, final long payload) {
        switch (id - firstEvent) {
            case DOORBELL -> sender.onDoorbell(now, payload);
            case READY -> sender.onReady(now, payload);
            case TURN -> sender.onTurn(now, payload);
            case RELEASE -> sender.onRelease(now, payload);
            case ARRIVAL -> receiver.onArrival(now, payload);
            case DELIVERY -> receiver.onDelivery(now, payload);
            case COMPLETION -> completer.onCompletion(now, payload);
            default -> throw new IllegalArgumentException("id=" + id + ": none of the NICs'");
        }
    }

    static long picos(final double nanos) {
        return Math.round(nanos * 1e3);
    }

    /**
     * The time until the translations of all pages of a payload are in the NIC of {@code rank}: several misses are read
     * one after the other, pipelined.
     */
    long translatePicos(final int rank, final long offset, final int lengthBytes, final int port, final long now) {
        long longest = 0;
        final long last = offset + Math.max(lengthBytes, 1) - 1 >> pageShift;
        for (long page = offset >> pageShift; page <= last; page++) {
            longest = Math.max(longest, translations.usePicos(rank, page, port, now));
        }
        return longest;
    }

    void addListener(final NicListener listener) {
        listeners = Arrays.copyOf(listeners, listeners.length + 1);
        listeners[listeners.length - 1] = listener;
    }

    /** Takes over the state of NICs with the same profile and the same queue pairs. */
    void copyFrom(final Nics other) {
        table.copyFrom(other.table);
        ports.copyFrom(other.ports);
        pcie.copyFrom(other.pcie);
        contexts.copyFrom(other.contexts);
        translations.copyFrom(other.translations);
        sender.copyFrom(other.sender);
        receiver.copyFrom(other.receiver);
        completer.copyFrom(other.completer);
        if (recovery != null) {
            recovery.copyFrom(other.recovery);
        }
        if (switches != null) {
            switches.copyFrom(other.switches);
        }
        if (inNode != null) {
            inNode.copyFrom(other.inNode);
        }
    }
}

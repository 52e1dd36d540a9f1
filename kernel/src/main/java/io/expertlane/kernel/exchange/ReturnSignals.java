package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.CallWord;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.BitSet;

/**
 * The signals by which a rank tells the ranks of its node and of its rail that it has left a call's rows: its outputs are complete, or the
 * call is released. A call is over only when all of them have said so, which makes its buffer free for the next.
 *
 * <p>The signals to the rail say, too, that the transit slots are free: they are sent once all that was posted from there has been carried out.
 */
final class ReturnSignals {
    private static final VarHandle LONG = JAVA_LONG.varHandle();
    private static final int COMBINED = 1;
    private static final int RELEASED = 2;

    private final HighThroughputContext context;
    private final Rails rails;
    private final HighThroughputMemory memory;
    private final MemorySegment region;
    private final boolean[] arrived;
    private final boolean[] out;
    private final DispatchChannel[] dispatchChannels;
    private final CombineChannel[] combineChannels;

    private HighThroughputCall call;
    private int kind;
    private int sent;
    private int missing;

    ReturnSignals(final HighThroughputContext context, final DispatchChannel[] dispatchChannels, final CombineChannel[] combineChannels) {
        this.context = context;
        this.rails = context.rails();
        this.memory = context.memory();
        this.region = context.region();
        this.dispatchChannels = dispatchChannels;
        this.combineChannels = combineChannels;
        this.arrived = new boolean[rails.perNode() + rails.nodes()];
        this.out = new boolean[arrived.length];
    }

    void begin(final HighThroughputCall of) {
        call = of;
        kind = of.isReleased() ? RELEASED : COMBINED;
        sent = 0;
        missing = arrived.length;
        Arrays.fill(arrived, false);
        Arrays.fill(out, false);
    }

    /** Goes on without {@code peer}. */
    void exclude(final int peer) {
        final int index = rails.isInNode(peer) ? peer % rails.perNode() : rails.perNode() + peer / rails.perNode();
        out[index] = true;
        missing -= arrived[index] ? 0 : 1;
        arrived[index] = true;
    }

    boolean isDone() {
        return sent == arrived.length && missing == 0;
    }

    /** Adds the ranks whose signals have not come, and the one to which none can be sent. */
    void addMissing(final BitSet ranks) {
        for (int index = 0; index < arrived.length; index++) {
            if (!arrived[index]) {
                ranks.set(peer(index));
            }
        }
        if (sent < arrived.length && isTransitFree(target(sent))) {
            ranks.set(peer(target(sent)));
        } else if (sent < arrived.length) {
            for (final DispatchChannel channel : dispatchChannels) {
                channel.addForwardingTo(ranks, call.buffer());
            }
        }
    }

    /** Whether the signal to a rank or node may be sent, as far as transit slots go. */
    private boolean isTransitFree(final int index) {
        for (int channel = 0; index >= rails.perNode() && channel < dispatchChannels.length; channel++) {
            if (!dispatchChannels[channel].isForwardingCarriedOut(call.buffer())) {
                return false;
            }
        }
        return true;
    }

    private int peer(final int index) {
        return index < rails.perNode() ? rails.inNode(index) : rails.onRail(index - rails.perNode());
    }

    /** The rank or node that gets the {@code number}-th signal. */
    private int target(final int number) {
        final int perNode = rails.perNode();
        return number < perNode ? (rails.local() + 1 + number) % perNode : perNode + (rails.node() + 1 + number - perNode) % rails.nodes();
    }

    /** First the ranks of the node, then the nodes; signals to the own rank and node are sent like the others. */
    int doWork() {
        if (isDone()) {
            return 0;
        }
        final long from = context.now();
        final int before = sent;
        while (sent < arrived.length && send(target(sent))) {
            sent++;
        }
        int work = sent - before;
        for (int index = 0; missing > 0 && index < arrived.length; index++) {
            if (!arrived[index] && isArrived(index)) {
                arrived[index] = true;
                missing--;
                work++;
                if (index < rails.perNode() && !call.isReleased()) {
                    for (final CombineChannel channel : combineChannels) {
                        channel.outputsReady(index);
                    }
                }
            }
        }
        context.stageTimes().add(Stage.SEND, context.now() - from);
        return work;
    }

    private boolean send(final int index) {
        return out[index] || isTransitFree(index) && context.peers().signal(peer(index),
            index < rails.perNode() ? memory.rankReturnSignal(call.buffer(), rails.local()) : memory.nodeReturnSignal(call.buffer(), rails.node()),
            context.word(peer(index), call.number(), kind));
    }

    /** As over the low-latency path, the other kind is a mistake of one of the callers, and is not held against the peer. */
    private boolean isKind(final int peer, final int found) {
        if (found == kind) {
            return true;
        }
        if (found == COMBINED || found == RELEASED) {
            throw new IllegalStateException("call " + call.number() + ": a peer released what rank " + context.rank()
                + " combines, or the other way round");
        }
        context.errors().refuse(peer, "call " + call.number() + ": return signal=" + found + ": " + COMBINED + " or " + RELEASED);
        return false;
    }

    private boolean isArrived(final int index) {
        final long signal = index < rails.perNode() ? memory.rankReturnSignal(call.buffer(), index)
            : memory.nodeReturnSignal(call.buffer(), index - rails.perNode());
        final long found = (long) LONG.getAcquire(region, signal);
        if (!CallWord.isOf(found, context.members().tag(peer(index)), call.number())) {
            return false;
        }
        return isKind(peer(index), CallWord.value(found));
    }
}

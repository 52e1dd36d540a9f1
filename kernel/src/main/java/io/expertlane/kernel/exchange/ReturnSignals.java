package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.BitSet;

/**
 * The signals by which a rank tells the ranks of its node and of its rail that it has left a call's rows: its outputs are complete, or the
 * call is released. A call is over only when all of them have said so, which makes its buffer free for the next.
 */
final class ReturnSignals {
    private static final VarHandle LONG = JAVA_LONG.varHandle();
    private static final int COMBINED = 1;
    private static final int RELEASED = 2;
    private static final int KIND_BITS = 2;

    private final HighThroughputContext context;
    private final Rails rails;
    private final HighThroughputMemory memory;
    private final MemorySegment region;
    private final boolean[] arrived;
    private final CombineChannel[] channels;

    private HighThroughputCall call;
    private long value;
    private int sent;
    private int missing;

    ReturnSignals(final HighThroughputContext context, final CombineChannel[] channels) {
        this.context = context;
        this.rails = context.rails();
        this.memory = context.memory();
        this.region = context.region();
        this.channels = channels;
        this.arrived = new boolean[rails.perNode() + rails.nodes()];
    }

    void begin(final HighThroughputCall of) {
        call = of;
        value = of.number() << KIND_BITS | (of.isReleased() ? RELEASED : COMBINED);
        sent = 0;
        missing = arrived.length;
        Arrays.fill(arrived, false);
    }

    boolean isDone() {
        return sent == arrived.length && missing == 0;
    }

    /** Adds the ranks whose signals have not come. */
    void addMissing(final BitSet ranks) {
        for (int index = 0; index < arrived.length; index++) {
            if (!arrived[index]) {
                ranks.set(index < rails.perNode() ? rails.inNode(index) : rails.onRail(index - rails.perNode()));
            }
        }
    }

    /** First the ranks of the node, then the nodes; signals to the own rank and node are sent like the others. */
    int doWork() {
        if (isDone()) {
            return 0;
        }
        final long from = context.now();
        final int before = sent;
        while (sent < arrived.length && send(sent)) {
            sent++;
        }
        int work = sent - before;
        for (int index = 0; missing > 0 && index < arrived.length; index++) {
            if (!arrived[index] && isArrived(index)) {
                arrived[index] = true;
                missing--;
                work++;
                if (index < rails.perNode() && !call.isReleased()) {
                    for (final CombineChannel channel : channels) {
                        channel.outputsReady(index);
                    }
                }
            }
        }
        context.stageTimes().add(Stage.SEND, context.now() - from);
        return work;
    }

    private boolean send(final int index) {
        final int buffer = call.buffer();
        if (index < rails.perNode()) {
            final int local = (rails.local() + 1 + index) % rails.perNode();
            return context.peers().signal(rails.inNode(local), memory.rankReturnSignal(buffer, rails.local()), value);
        }
        final int node = (rails.node() + 1 + index - rails.perNode()) % rails.nodes();
        return context.peers().signal(rails.onRail(node), memory.nodeReturnSignal(buffer, rails.node()), value);
    }

    private boolean isArrived(final int index) {
        final long signal = index < rails.perNode() ? memory.rankReturnSignal(call.buffer(), index)
            : memory.nodeReturnSignal(call.buffer(), index - rails.perNode());
        final long found = (long) LONG.getAcquire(region, signal);
        if (found != value && found >>> KIND_BITS == call.number()) {
            throw new IllegalStateException("call " + call.number() + ": a peer released what rank " + context.rank()
                + " combines, or the other way round");
        }
        return found == value;
    }
}

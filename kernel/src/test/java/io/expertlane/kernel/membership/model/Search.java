package io.expertlane.kernel.membership.model;

import io.expertlane.kernel.membership.model.MembershipModel.Kind;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Visits every state that can be reached, breadth first, so that the first violation has a shortest trace; then looks from every state for a way on.
 *
 * <p>A state is known by a 64-bit hash, the same for states that differ by the numbers of ranks only: of n states two are taken for one with a
 * probability of about n² / 2⁶⁵.
 */
final class Search {
    /** What a search found. */
    record Result(int states, long transitions, int depth, int atBound, double seconds, String violation, List<String> trace) {
        boolean isRight() {
            return violation == null;
        }

        @Override
        public String toString() {
            return String.format("%,d states, %,d transitions, depth %d, %,d at the bound of epochs, %.1f s: %s", states, transitions, depth, atBound,
                seconds, isRight() ? "no violation" : violation + " (" + (trace.size() - 1) + " steps)");
        }
    }

    private static final int PAGE_BITS = 20;
    private static final int PAGE = 1 << PAGE_BITS;
    private static final int NOT_FOUND = -1;
    private static final int CALLER_BIT = 1 << 30;
    private static final int FAULT_BIT = 1 << 31;
    private static final int STATE_MASK = CALLER_BIT - 1;

    private final MembershipModel model;
    private final int maxStates;
    private final ByteBuffer buffer = ModelState.buffer();
    private final long startNanos = System.nanoTime();

    // By hash, open addressing: fingerprint, state + 1.
    private long[] fingerprints = new long[1 << 16];
    private int[] slots = new int[1 << 16];
    private int states;

    // By state.
    private int[] parents = new int[1 << 16];
    private short[] labels = new short[1 << 16];
    private byte[] goals = new byte[1 << 16];
    private final List<int[]> edges = new ArrayList<>();
    private long edgeCount;
    private long[] firstEdges = new long[1 << 16];

    private List<byte[]> level = new ArrayList<>();
    private List<byte[]> nextLevel = new ArrayList<>();
    private int expanded;
    private int depth;
    private int atBound;

    private static final int NOBODY_WAITS = 1;
    private static final int HEALED = 2;

    Search(final Bounds bounds, final Rule removed, final int maxStates) {
        this.model = new MembershipModel(bounds, removed);
        this.maxStates = maxStates;
    }

    Result run() {
        add(model.first(), NOT_FOUND, 0);
        while (!nextLevel.isEmpty()) {
            level = nextLevel;
            nextLevel = new ArrayList<>();
            depth++;
            for (final byte[] state : level) {
                try {
                    expand(ModelState.decode(state));
                } catch (final Violation violation) {
                    return result(violation.getMessage(), expanded - 1);
                }
            }
        }
        firstEdges[expanded] = edgeCount;
        final int waiting = firstWithout(NOBODY_WAITS, FAULT_BIT | CALLER_BIT);
        if (waiting >= 0) {
            return result("a healthy rank may wait for ever, unless others do what they need not", waiting);
        }
        final int broken = firstWithout(HEALED, FAULT_BIT);
        return broken >= 0 ? result("the ranks that live never become members of each other again", broken) : result(null, 0);
    }

    private void expand(final ModelState state) {
        final int from = expanded++;
        firstEdges[from] = edgeCount;
        final boolean isAtBound = model.isAtBound(state);
        atBound += isAtBound ? 1 : 0;
        goals[from] = (byte) ((isAtBound || MembershipModel.isHealed(state) ? HEALED : 0)
            | (MembershipModel.isNobodyWaiting(state) ? NOBODY_WAITS : 0));
        MembershipModel.check(state);
        model.steps(state, (next, kind, label) -> addEdge(add(next, from, label), kind));
    }

    private void addEdge(final int to, final Kind kind) {
        if ((edgeCount & PAGE - 1) == 0) {
            edges.add(new int[PAGE]);
        }
        edges.get((int) (edgeCount >>> PAGE_BITS))[(int) edgeCount & PAGE - 1] =
            to | (kind == Kind.FAULT ? FAULT_BIT : kind == Kind.CALLER ? CALLER_BIT : 0);
        edgeCount++;
    }

    private int add(final ModelState state, final int parent, final int label) {
        final long fingerprint = state.fingerprint(buffer);
        int slot = (int) (fingerprint ^ fingerprint >>> 32) & slots.length - 1;
        while (slots[slot] != 0) {
            if (fingerprints[slot] == fingerprint) {
                return slots[slot] - 1;
            }
            slot = slot + 1 & slots.length - 1;
        }
        if (states == maxStates) {
            throw new IllegalStateException("states=" + states + ": more than the search is made for");
        }
        fingerprints[slot] = fingerprint;
        slots[slot] = states + 1;
        if (states + 2 > parents.length) {
            final int size = Math.min(maxStates + 2, 2 * parents.length);
            parents = Arrays.copyOf(parents, size);
            labels = Arrays.copyOf(labels, size);
            goals = Arrays.copyOf(goals, size);
            firstEdges = Arrays.copyOf(firstEdges, size);
        }
        parents[states] = parent;
        labels[states] = (short) label;
        nextLevel.add(state.encode(buffer));
        states++;
        if (states > slots.length / 4 * 3) {
            rehash();
        }
        return states - 1;
    }

    private void rehash() {
        final long[] oldFingerprints = fingerprints;
        final int[] oldSlots = slots;
        fingerprints = new long[2 * oldSlots.length];
        slots = new int[2 * oldSlots.length];
        for (int old = 0; old < oldSlots.length; old++) {
            if (oldSlots[old] != 0) {
                final long fingerprint = oldFingerprints[old];
                int slot = (int) (fingerprint ^ fingerprint >>> 32) & slots.length - 1;
                while (slots[slot] != 0) {
                    slot = slot + 1 & slots.length - 1;
                }
                fingerprints[slot] = fingerprint;
                slots[slot] = oldSlots[old];
            }
        }
    }

    /** The first state from which no state with that goal can be reached, by steps of kinds that are not among those excluded; -1: there is none. */
    private int firstWithout(final int goal, final int excludedKinds) {
        boolean changed = true;
        while (changed) {
            changed = false;
            for (int state = states - 1; state >= 0; state--) {
                if ((goals[state] & goal) == 0 && leads(state, goal, excludedKinds)) {
                    goals[state] |= (byte) goal;
                    changed = true;
                }
            }
        }
        for (int state = 0; state < states; state++) {
            if ((goals[state] & goal) == 0) {
                return state;
            }
        }
        return NOT_FOUND;
    }

    private boolean leads(final int state, final int goal, final int excludedKinds) {
        for (long edge = firstEdges[state]; edge < firstEdges[state + 1]; edge++) {
            final int to = edges.get((int) (edge >>> PAGE_BITS))[(int) edge & PAGE - 1];
            if ((to & excludedKinds) == 0 && (goals[to & STATE_MASK] & goal) != 0) {
                return true;
            }
        }
        return false;
    }

    private Result result(final String violation, final int at) {
        return new Result(states, edgeCount, depth, atBound, (System.nanoTime() - startNanos) / 1e9, violation,
            violation == null ? List.of() : trace(at));
    }

    /** The steps to a state, each with the state after it. */
    private List<String> trace(final int to) {
        final List<Integer> path = new ArrayList<>();
        for (int state = to; state > 0; state = parents[state]) {
            path.addFirst((int) labels[state]);
        }
        final List<String> trace = new ArrayList<>();
        ModelState state = model.first();
        trace.add("begin\n" + state);
        for (final int label : path) {
            final ModelState[] after = new ModelState[1];
            try {
                model.steps(state, (next, kind, other) -> after[0] = after[0] == null && other == label ? next : after[0]);
            } catch (final Violation violation) {
                // Another step from here breaks an invariant, too: the one looked for comes before it.
                trace.add("(" + violation.getMessage() + ")");
            }
            state = after[0];
            trace.add(MembershipModel.text(label) + "\n" + state);
        }
        return trace;
    }

    /** For runs by hand: faults, calls, greatest epoch, whether callers give up, and a rule to remove. */
    static void main(final String[] args) {
        final Bounds bounds = new Bounds(Integer.parseInt(args[0]), Integer.parseInt(args[1]), Integer.parseInt(args[2]), Boolean.parseBoolean(args[3]));
        final Result result = new Search(bounds, args.length > 4 ? Rule.valueOf(args[4]) : null, STATE_MASK / 8).run();
        result.trace().forEach(System.out::println);
        System.out.println(bounds + ": " + result);
    }
}

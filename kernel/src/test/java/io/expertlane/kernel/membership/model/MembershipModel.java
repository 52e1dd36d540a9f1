package io.expertlane.kernel.membership.model;

import static io.expertlane.kernel.membership.model.ModelState.AWAITED;
import static io.expertlane.kernel.membership.model.ModelState.CALL;
import static io.expertlane.kernel.membership.model.ModelState.CLEARED;
import static io.expertlane.kernel.membership.model.ModelState.COUNT_WORD;
import static io.expertlane.kernel.membership.model.ModelState.DEAD;
import static io.expertlane.kernel.membership.model.ModelState.EPOCH;
import static io.expertlane.kernel.membership.model.ModelState.EPOCH_OF;
import static io.expertlane.kernel.membership.model.ModelState.FROZEN;
import static io.expertlane.kernel.membership.model.ModelState.GRANTING;
import static io.expertlane.kernel.membership.model.ModelState.JOINING;
import static io.expertlane.kernel.membership.model.ModelState.LIFE;
import static io.expertlane.kernel.membership.model.ModelState.LIFE_OF;
import static io.expertlane.kernel.membership.model.ModelState.MASKED;
import static io.expertlane.kernel.membership.model.ModelState.MEMBER;
import static io.expertlane.kernel.membership.model.ModelState.NOT_GRANTING;
import static io.expertlane.kernel.membership.model.ModelState.ORDER;
import static io.expertlane.kernel.membership.model.ModelState.PLAN;
import static io.expertlane.kernel.membership.model.ModelState.RANKS;
import static io.expertlane.kernel.membership.model.ModelState.STATUS;
import static io.expertlane.kernel.membership.model.ModelState.TROUBLED;

import java.util.function.IntConsumer;

/**
 * All steps from a state: of ranks, of the network, of callers, of time, and faults.
 *
 * <p>Time: a time-out may pass at any moment for a peer that is dead or frozen. For any other it passes only if nothing else in the whole system can
 * move, that is, steps of healthy ranks and writes in flight take less than a time-out. Then a healthy rank would have waited for a healthy one:
 * a violation. Time-outs that break this (late writes, a busy processor) are faults of their own.
 *
 * <p>Callers: each rank dispatches its calls one by one. A restarted rank joins; so does a rank that a member has masked, if the caller wishes. At
 * some time the callers agree after which call it is let in, the greatest that any has begun; each rank that comes there asks for {@code clearMask}
 * until that is true, in the order agreed on, or until the joining rank is known to be dead, frozen, or in already.
 */
final class MembershipModel {
    /** Who takes a step: a rank, the network or the clock; a caller, a restart or the end of a freeze, which may never come; a fault. */
    enum Kind { OWN, CALLER, FAULT }

    /** A step: takes a copy of the state, and changes it. */
    interface Step {
        void take(ModelState state);
    }

    /** What is done with each step that changes the state. */
    interface Visitor {
        /**
         * Takes the next state.
         *
         * @param next  after the step; the visitor's own
         * @param label of the step: see {@link #text}
         */
        void visit(ModelState next, Kind kind, int label);
    }

    private interface PairVisitor {
        void visit(int rank, int peer);
    }

    private static final String NEEDLESS_WAIT = "a healthy rank waits for the time-out of a healthy one";
    private static final String[] NAMES = {
        "", "write of %1$d lands at %2$d (queue %3$d)", "%d works", "%d dispatches", "%d asks for clearMask(%d)", "%d calls rejoin()",
        "%d calls rejoin(), %d is overdue", "%d times %d out", "%d stops asking for clearMask(%d)", "callers give up letting %d in",
        "callers agree to let %d in", "%d begins to join", "%d starts again", "%d goes on after a freeze", "%d crashes",
        "%d crashes, its memory is gone", "%d freezes", "%d wrongly times %d out", "%d wrongly joins without %d"};
    private static final int LANDS = 1;
    private static final int WORKS = 2;
    private static final int DISPATCHES = 3;
    private static final int CLEARS = 4;
    private static final int JOINS = 5;
    private static final int JOINS_LATE = 6;
    private static final int TIMES_OUT = 7;
    private static final int STOPS_ASKING = 8;
    private static final int GIVES_UP = 9;
    private static final int PLANS = 10;
    private static final int BEGINS = 11;
    private static final int RESTARTS = 12;
    private static final int THAWS = 13;
    private static final int CRASHES = 14;
    private static final int CRASHES_REVOKED = 15;
    private static final int FREEZES = 16;
    private static final int WRONGLY_TIMES_OUT = 17;
    private static final int WRONGLY_JOINS = 18;
    private static final int MAX_PLANS = 2;

    private final Bounds bounds;
    private final Protocol protocol;
    private ModelState from;
    private Visitor visitor;
    private boolean moved;

    MembershipModel(final Bounds bounds, final Rule removed) {
        this.bounds = bounds;
        this.protocol = new Protocol(removed);
    }

    ModelState first() {
        return new ModelState(bounds.faults());
    }

    /** Visits the states after each step that changes {@code state}. Throws {@link Violation} if one breaks an invariant. */
    void steps(final ModelState state, final Visitor next) {
        from = state;
        visitor = next;
        moved = false;
        network();
        for (int rank = 0; rank < RANKS; rank++) {
            if (isRunning(rank)) {
                rank(rank);
            }
        }
        plans();
        if (!moved) {
            patience();
        }
        callers();
        if (state.faultsLeft > 0) {
            faults();
        }
    }

    private boolean isRunning(final int rank) {
        return from.get(rank, STATUS) != DEAD && from.get(rank, FROZEN) == 0;
    }

    private boolean isStopped(final int rank) {
        return !isRunning(rank);
    }

    private boolean isMember(final int rank) {
        return from.get(rank, STATUS) == MEMBER;
    }

    private void step(final Kind kind, final int name, final int rank, final int peer, final Step step) {
        step(kind, name, rank, peer, 0, step);
    }

    private void step(final Kind kind, final int name, final int rank, final int peer, final int queue, final Step step) {
        final ModelState next = from.copy();
        final int label = name << 6 | rank << 4 | Math.max(peer, 0) << 2 | Math.min(queue, 3);
        try {
            step.take(next);
        } catch (final Violation violation) {
            throw new Violation(text(label) + ": " + violation.getMessage());
        }
        dropFinishedPlans(next);
        protocol.forget(next);
        if (!next.isSame(from)) {
            moved |= kind == Kind.OWN;
            visitor.visit(next, kind, label);
        }
    }

    static String text(final int label) {
        return String.format(NAMES[label >>> 6], label >>> 4 & 3, label >>> 2 & 3, label & 3);
    }

    private void network() {
        for (int writer = 0; writer < RANKS; writer++) {
            for (int target = 0; target < RANKS; target++) {
                final int[][] queues = from.queues(writer, target);
                for (int queue = 0; queue < queues.length; queue++) {
                    if (queues[queue].length > 0) {
                        land(writer, target, queue);
                    }
                }
            }
        }
    }

    private void land(final int writer, final int target, final int queue) {
        step(Kind.OWN, LANDS, writer, target, queue, s -> {
            final int message = s.take(writer, target, queue);
            switch (Message.type(message)) {
                case Message.REQUEST -> s.setWord(target, writer, ModelState.REQUEST_WORD, message);
                case Message.WITHDRAWAL -> s.setWord(target, writer, ModelState.GRANT_WORD, Message.NONE);
                case Message.GRANT -> s.setWord(target, writer, ModelState.GRANT_WORD, message);
                case Message.ACCEPTANCE -> s.setWord(target, writer, ModelState.ACCEPTANCE_WORD, message);
                case Message.CONFIRMATION -> s.setWord(target, writer, ModelState.CONFIRMATION_WORD, message);
                default -> s.setWord(target, writer, COUNT_WORD + (Message.call(message) & 1), message);
            }
        });
    }

    private void rank(final int rank) {
        if (!isMember(rank)) {
            step(Kind.OWN, JOINS, rank, -1, s -> protocol.join(s, rank, -1));
            forPeers(rank, peer -> {
                // Callers may begin to let a rank in long after it has begun to join.
                if (isStopped(peer) || !protocol.has(Rule.TIME_FROM_FIRST_GRANT)) {
                    step(Kind.OWN, JOINS_LATE, rank, peer, s -> protocol.join(s, rank, peer));
                }
            });
            return;
        }
        step(Kind.OWN, WORKS, rank, -1, s -> protocol.work(s, rank));
        forPeers(rank, peer -> {
            if (isStopped(peer) && from.is(rank, peer, AWAITED)) {
                step(Kind.OWN, TIMES_OUT, rank, peer, s -> protocol.mask(s, rank, peer));
            }
        });
        final int joining = toClear(from, rank);
        if (joining >= 0) {
            step(Kind.OWN, CLEARS, rank, joining, s -> protocol.clearMask(s, rank, joining));
            if (isMember(joining) && from.get(rank, joining, GRANTING) == NOT_GRANTING && !protocol.isRequested(from, rank, joining)) {
                step(Kind.OWN, STOPS_ASKING, rank, joining, s -> s.set(rank, joining, CLEARED, 1));
            }
        } else if (from.get(rank, CALL) < bounds.calls() && !Protocol.isWaiting(from, rank)) {
            step(Kind.OWN, DISPATCHES, rank, -1, s -> protocol.dispatch(s, rank));
        }
    }

    private static void forPeers(final int rank, final IntConsumer each) {
        for (int peer = 0; peer < RANKS; peer++) {
            if (peer != rank) {
                each.accept(peer);
            }
        }
    }

    /** The rank that {@code rank}'s caller has to let in now, or -1. */
    private static int toClear(final ModelState s, final int rank) {
        int first = -1;
        for (int peer = 0; peer < RANKS && s.get(rank, STATUS) == MEMBER; peer++) {
            if (peer != rank && s.get(peer, PLAN) == s.get(rank, CALL) + 1 && !s.is(rank, peer, CLEARED)
                && (first < 0 || s.get(peer, ORDER) < s.get(first, ORDER))) {
                first = peer;
            }
        }
        return first;
    }

    private void plans() {
        for (int rank = 0; rank < RANKS; rank++) {
            if (from.get(rank, PLAN) != 0) {
                final int joining = rank;
                final boolean isLate = isStopped(joining);
                final boolean isUnanswered = bounds.withdrawn() && !isMember(joining) && !isClearedByAny(joining);
                if (isLate || isUnanswered) {
                    step(isLate ? Kind.OWN : Kind.CALLER, GIVES_UP, joining, -1, s -> dropPlan(s, joining));
                }
            }
        }
    }

    private boolean isClearedByAny(final int joining) {
        for (int rank = 0; rank < RANKS; rank++) {
            if (from.is(rank, joining, CLEARED)) {
                return true;
            }
        }
        return false;
    }

    private static void dropPlan(final ModelState s, final int joining) {
        for (int rank = 0; rank < RANKS; rank++) {
            if (s.get(rank, ORDER) > s.get(joining, ORDER)) {
                s.set(rank, ORDER, s.get(rank, ORDER) - 1);
            }
            s.set(rank, joining, CLEARED, 0);
        }
        s.set(joining, PLAN, 0);
        s.set(joining, ORDER, 0);
    }

    private static void dropFinishedPlans(final ModelState s) {
        for (int joining = 0; joining < RANKS; joining++) {
            if (s.get(joining, PLAN) != 0 && s.get(joining, STATUS) == MEMBER && !isAnyToCome(s, joining)) {
                dropPlan(s, joining);
            }
        }
        for (int rank = 0; rank < RANKS; rank++) {
            for (int peer = 0; peer < RANKS; peer++) {
                if (s.get(peer, PLAN) == 0) {
                    s.set(rank, peer, CLEARED, 0);
                }
            }
        }
    }

    private static boolean isAnyToCome(final ModelState s, final int joining) {
        for (int rank = 0; rank < RANKS; rank++) {
            if (rank != joining && s.get(rank, STATUS) == MEMBER && !s.is(rank, joining, CLEARED) && s.get(rank, CALL) < s.get(joining, PLAN)) {
                return true;
            }
        }
        return false;
    }

    /** Nothing can move: the time comes that a rank waits for others that are healthy. A joining rank has waited longest. */
    private void patience() {
        forPairs((rank, peer) -> {
            if (!isMember(rank)) {
                step(Kind.OWN, JOINS_LATE, rank, peer, s -> {
                    protocol.join(s, rank, peer);
                    // A rank that was frozen, or masked in between, has lost its place: its callers do not ask again.
                    Protocol.require(s.get(rank, STATUS) == JOINING || s.get(rank, TROUBLED) != 0, NEEDLESS_WAIT);
                });
            }
        });
        if (!moved) {
            forPairs((rank, peer) -> Protocol.require(!from.is(rank, peer, AWAITED), "rank " + rank + " times " + peer + " out: " + NEEDLESS_WAIT));
        }
    }

    private void forPairs(final PairVisitor each) {
        for (int rank = 0; rank < RANKS; rank++) {
            for (int peer = 0; peer < RANKS; peer++) {
                if (peer != rank && isRunning(rank) && isRunning(peer)) {
                    each.visit(rank, peer);
                }
            }
        }
    }

    private void callers() {
        for (int rank = 0; rank < RANKS; rank++) {
            final int subject = rank;
            if (from.get(rank, FROZEN) != 0) {
                step(Kind.CALLER, THAWS, rank, -1, s -> s.set(subject, FROZEN, 0));
            } else if (from.get(rank, STATUS) == JOINING && from.get(rank, PLAN) == 0 && isAnyMember(rank) && plansMade() < MAX_PLANS) {
                step(Kind.CALLER, PLANS, rank, -1, s -> plan(s, subject));
            } else if (from.get(rank, EPOCH) < bounds.maxEpoch() && from.get(rank, STATUS) == DEAD) {
                step(Kind.CALLER, RESTARTS, rank, -1, s -> begin(s, subject));
            } else if (from.get(rank, EPOCH) < bounds.maxEpoch() && isMember(rank) && isMaskedByMember(rank)) {
                step(Kind.CALLER, BEGINS, rank, -1, s -> begin(s, subject));
            }
        }
    }

    private void begin(final ModelState s, final int rank) {
        dropPlan(s, rank);
        protocol.beginJoining(s, rank);
    }

    private boolean isAnyMember(final int butRank) {
        for (int rank = 0; rank < RANKS; rank++) {
            if (rank != butRank && isMember(rank)) {
                return true;
            }
        }
        return false;
    }

    private boolean isMaskedByMember(final int masked) {
        for (int rank = 0; rank < RANKS; rank++) {
            if (rank != masked && isMember(rank) && from.is(rank, masked, MASKED)) {
                return true;
            }
        }
        return false;
    }

    private int plansMade() {
        int made = 0;
        for (int rank = 0; rank < RANKS; rank++) {
            made += from.get(rank, PLAN) == 0 ? 0 : 1;
        }
        return made;
    }

    private void plan(final ModelState s, final int joining) {
        int last = 0;
        for (int rank = 0; rank < RANKS; rank++) {
            last = rank != joining && isMember(rank) ? Math.max(last, s.get(rank, CALL)) : last;
            s.set(rank, joining, CLEARED, 0);
        }
        s.set(joining, PLAN, last + 1);
        s.set(joining, ORDER, plansMade() + 1);
    }

    private void faults() {
        for (int rank = 0; rank < RANKS; rank++) {
            final int subject = rank;
            if (from.get(rank, STATUS) != DEAD) {
                fault(CRASHES, rank, -1, s -> protocol.crash(s, subject, false));
                fault(CRASHES_REVOKED, rank, -1, s -> protocol.crash(s, subject, true));
            }
            if (isRunning(rank)) {
                fault(FREEZES, rank, -1, s -> {
                    s.set(subject, FROZEN, 1);
                    s.set(subject, TROUBLED, 1);
                });
                wrongTimeouts(rank);
            }
        }
    }

    private void wrongTimeouts(final int rank) {
        for (int peer = 0; peer < RANKS; peer++) {
            final int target = peer;
            if (peer != rank && isRunning(peer) && isMember(rank) && !from.is(rank, peer, MASKED)) {
                fault(WRONGLY_TIMES_OUT, rank, peer, s -> {
                    s.set(target, TROUBLED, 1);
                    protocol.mask(s, rank, target);
                });
            } else if (peer != rank && isRunning(peer) && !isMember(rank)) {
                fault(WRONGLY_JOINS, rank, peer, s -> {
                    s.set(target, TROUBLED, 1);
                    protocol.join(s, rank, target);
                });
            }
        }
    }

    private void fault(final int name, final int rank, final int peer, final Step step) {
        step(Kind.FAULT, name, rank, peer, s -> {
            s.faultsLeft--;
            step.take(s);
        });
    }

    // Invariants and goals of a state.

    /** Throws {@link Violation} if two members that have each other may never meet in a call. */
    static void check(final ModelState s) {
        for (int rank = 0; rank < RANKS; rank++) {
            for (int peer = rank + 1; peer < RANKS; peer++) {
                if (isMutual(s, rank, peer)) {
                    Protocol.require(Math.abs(s.get(rank, CALL) - s.get(peer, CALL)) <= 1, "members " + rank + " and " + peer + " are calls apart");
                    Protocol.require(s.get(rank, peer, EPOCH_OF) == s.get(peer, EPOCH)
                        && s.get(peer, rank, EPOCH_OF) == s.get(rank, EPOCH), "members " + rank + " and " + peer + " have another epoch of each other");
                }
            }
        }
    }

    private static boolean isMutual(final ModelState s, final int rank, final int peer) {
        return s.get(rank, STATUS) == MEMBER && s.get(peer, STATUS) == MEMBER && !s.is(rank, peer, MASKED) && !s.is(peer, rank, MASKED)
            && s.get(rank, peer, LIFE_OF) == s.get(peer, LIFE) && s.get(peer, rank, LIFE_OF) == s.get(rank, LIFE);
    }

    /** Whether no healthy rank waits, except as the protocol says: for the callers of others to let it in. */
    static boolean isNobodyWaiting(final ModelState s) {
        for (int rank = 0; rank < RANKS; rank++) {
            final boolean runs = s.get(rank, STATUS) != DEAD && s.get(rank, FROZEN) == 0;
            if (runs && (Protocol.isWaiting(s, rank) || toClear(s, rank) >= 0 || s.get(rank, STATUS) == JOINING && isAnyToAnswer(s, rank))) {
                return false;
            }
        }
        return true;
    }

    private static boolean isAnyToAnswer(final ModelState s, final int joining) {
        for (int rank = 0; rank < RANKS; rank++) {
            if (rank != joining && s.get(joining, PLAN) != 0 && s.get(rank, STATUS) == MEMBER && s.get(rank, FROZEN) == 0) {
                return true;
            }
        }
        return false;
    }

    /** Whether all that live are members with each other and between the same two calls, or nobody is left to join. */
    static boolean isHealed(final ModelState s) {
        int members = 0;
        int living = 0;
        boolean isWhole = true;
        for (int rank = 0; rank < RANKS; rank++) {
            members += s.get(rank, STATUS) == MEMBER ? 1 : 0;
            living += s.get(rank, STATUS) == DEAD ? 0 : 1;
            isWhole &= s.get(rank, FROZEN) == 0 && !Protocol.isWaiting(s, rank) && toClear(s, rank) < 0;
            for (int peer = 0; peer < rank; peer++) {
                final boolean isEitherDead = s.get(rank, STATUS) == DEAD || s.get(peer, STATUS) == DEAD;
                isWhole &= isEitherDead || isMutual(s, rank, peer) && s.get(rank, CALL) == s.get(peer, CALL);
            }
        }
        return members == 0 || isWhole && members == living;
    }

    /** Whether the bounds keep a rank from joining again. */
    boolean isAtBound(final ModelState s) {
        for (int rank = 0; rank < RANKS; rank++) {
            if (s.get(rank, EPOCH) >= bounds.maxEpoch() && s.get(rank, STATUS) != JOINING) {
                return true;
            }
        }
        return false;
    }
}

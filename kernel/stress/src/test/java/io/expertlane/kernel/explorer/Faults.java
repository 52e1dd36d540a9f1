package io.expertlane.kernel.explorer;

import java.util.ArrayList;
import java.util.List;

/** The faults of a schedule, and how they end. */
final class Faults {
    private static final long T = Plan.TIMEOUT_NANOS;
    /** A rank that is away for less is healthy. */
    private static final long HARMLESS_NANOS = T / 3;

    private final World world;
    private final Plan plan;
    private final Dice dice;
    private final List<Fault> left;
    private final int[] turns;
    private final long[] quietUntilNanos;
    private long nextNanos = Rank.NEVER;

    Faults(final World world) {
        this.world = world;
        this.plan = world.plan;
        this.dice = world.dice;
        this.left = new ArrayList<>(plan.faults);
        this.turns = new int[Integer.SIZE];
        this.quietUntilNanos = new long[plan.ranks];
    }

    /** A rank is about to be driven. */
    void turn(final Rank rank) {
        if (plan.has(Feature.MASK) && dice.once(400)) {
            maskSomebody(rank);
        }
        for (int at = 0; at < left.size(); at++) {
            final Fault fault = left.get(at);
            if (isMeant(fault, rank) && isAt(rank, fault.moment()) && turns[fault.number()]++ >= fault.turns() && mayFail(rank)) {
                left.remove(at);
                happen(rank, fault);
                return;
            }
        }
    }

    /** Few ranks join: whichever does is meant where that is the moment. */
    private boolean isMeant(final Fault fault, final Rank rank) {
        return fault.moment() == Fault.Moment.JOINING || fault.moment() == Fault.Moment.JOINED || fault.rank() % plan.ranks == rank.id;
    }

    private boolean isAt(final Rank rank, final Fault.Moment moment) {
        final boolean isMember = rank.state == Rank.State.MEMBER;
        return switch (moment) {
            case ANY -> true;
            case DISPATCHING -> isMember && !rank.live.isEmpty() && !rank.live.getFirst().answered;
            case COMBINING -> isMember && !rank.live.isEmpty() && rank.live.getFirst().answered;
            case CLEARING -> isMember && world.supervisor.toClear(rank) != null;
            case JOINING -> rank.state == Rank.State.JOINING;
            case JOINED -> isMember && rank.join != null && rank.join.entered && world.supervisor.isOpen(rank.join.round, rank);
        };
    }

    private boolean mayFail(final Rank rank) {
        if (world.supervisor.isEnding() || world.now() < quietUntilNanos[rank.id] || rank.thawsAtNanos != Rank.NEVER) {
            return false;
        }
        final Join join = rank.join;
        final boolean joins = join != null && join.isPending();
        if (joins && !plan.has(Feature.ABORT) && !(plan.has(Feature.TWICE) && join.entered)) {
            return false;
        }
        int clean = 0;
        for (final Rank other : world.ranks) {
            clean += other.dirty || other == rank ? 0 : 1;
        }
        return clean > 0;
    }

    private void happen(final Rank rank, final Fault fault) {
        quietUntilNanos[rank.id] = world.now() + 2 * T;
        if (fault.kind() == Fault.Kind.KILL) {
            kill(rank);
        } else {
            pause(rank, fault);
        }
        final Rank next = world.ranks[(rank.id + 1) % plan.ranks];
        if (fault.isDouble() && next.state == Rank.State.MEMBER && next.isDriven() && mayFail(next)) {
            quietUntilNanos[next.id] = world.now() + 2 * T;
            kill(next);
        }
    }

    private void kill(final Rank rank) {
        world.kill(rank, dice.once(2));
        if (plan.has(Feature.EARLY) && rank.life < Oracle.MOST_LIVES && dice.once(2)) {
            rank.startsAtNanos = world.now() + dice.below(3 * T);
            nextNanos = Math.min(nextNanos, rank.startsAtNanos);
        }
        world.supervisor.failed(rank, 2 * T);
    }

    private void pause(final Rank rank, final Fault fault) {
        final boolean holds = fault.kind() != Fault.Kind.FREEZE;
        final int to = fault.kind() == Fault.Kind.HOLD_LINK ? (rank.id + 1 + fault.turns() % (plan.ranks - 1)) % plan.ranks : plan.ranks;
        for (int peer = 0; holds && peer < plan.ranks; peer++) {
            if (to == plan.ranks || to == peer) {
                world.wires.hold(rank.id, peer, true);
            }
        }
        rank.held = holds;
        rank.releasedAtNanos = holds ? Rank.NEVER : rank.releasedAtNanos;
        rank.frozen = !holds || fault.turns() % 2 == 1;
        rank.thawsAtNanos = world.now() + fault.nanos();
        nextNanos = Math.min(nextNanos, rank.thawsAtNanos);
        final boolean harmless = fault.nanos() < HARMLESS_NANOS;
        if (world.isTraced()) {
            world.log(rank + (holds ? " is held up" : "") + (rank.frozen ? " freezes" : "") + " for " + fault.nanos() / (double) T + " T"
                + (harmless ? ", healthy" : ""));
        }
        if (!harmless) {
            rank.failures++;
            rank.dirty = true;
            world.supervisor.failed(rank, 3 * T);
        }
    }

    /** When {@link #pass} is due. */
    long nextNanos() {
        return nextNanos;
    }

    /** Ends what is over by now. */
    void pass() {
        nextNanos = Rank.NEVER;
        for (final Rank rank : world.ranks) {
            if (rank.thawsAtNanos <= world.now()) {
                world.log(rank + " goes on");
                release(rank);
                if (rank.join != null) {
                    world.settle(rank.join);
                }
                rank.frozen = false;
                for (final Live live : rank.live) {
                    live.sinceNanos = world.now();
                }
            }
            if (rank.startsAtNanos <= world.now() && rank.state == Rank.State.DEAD) {
                world.start(rank);
            }
            nextNanos = Math.min(nextNanos, rank.thawsAtNanos);
            nextNanos = Math.min(nextNanos, rank.state == Rank.State.DEAD ? rank.startsAtNanos : Rank.NEVER);
        }
    }

    /** Whoever is away returns before long. */
    void thawSoon(final Rank rank) {
        rank.thawsAtNanos = Math.min(rank.thawsAtNanos, world.now() + dice.below(T));
        nextNanos = Math.min(nextNanos, rank.thawsAtNanos);
    }

    /** Lets go what a rank has written. */
    void release(final Rank rank) {
        rank.thawsAtNanos = Rank.NEVER;
        rank.releasedAtNanos = rank.held ? world.now() : rank.releasedAtNanos;
        rank.held = false;
        for (int peer = 0; peer < plan.ranks; peer++) {
            world.wires.hold(rank.id, peer, false);
        }
    }

    /** A caller masks a rank that has failed; where it was joining, that has failed, too. */
    private void maskSomebody(final Rank rank) {
        final Rank other = world.ranks[dice.below(plan.ranks)];
        if (other == rank || !other.dirty || rank.state != Rank.State.MEMBER) {
            return;
        }
        final Join join = other.join;
        final boolean begun = other.state == Rank.State.JOINING || join != null && join.entered;
        if (begun && join != null && join.isPending()) {
            if (!plan.has(Feature.ABORT)) {
                return;
            }
            world.supervisor.fail(join, 2 * T);
        }
        world.log(rank + " masks rank " + other.id);
        rank.member.mask(other.id);
    }
}

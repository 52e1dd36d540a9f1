package io.expertlane.kernel.explorer;

import java.util.ArrayList;
import java.util.List;

/**
 * What the callers of all ranks agree on, made as it is needed by one who knows the truth: which rank is let in between which two calls. All ranks
 * let ranks in in the same order; one that is in, those behind it.
 */
final class Supervisor {
    private static final long T = Plan.TIMEOUT_NANOS;
    private static final int LAST_CALLS = 2;
    private static final int MOST_REPAIRS = 40;

    private final World world;
    private final Plan plan;
    private final Dice dice;
    private final List<Round> rounds = new ArrayList<>();
    private int lastCalls;
    private int repairs;
    private boolean ending;

    Supervisor(final World world) {
        this.world = world;
        this.plan = world.plan;
        this.dice = world.dice;
    }

    int rounds() {
        return rounds.size();
    }

    Round round(final int index) {
        return rounds.get(index);
    }

    /** Whether no fault happens any more. */
    boolean isEnding() {
        return ending;
    }

    boolean isFinished() {
        if (lastCalls < LAST_CALLS) {
            return false;
        }
        for (final Rank rank : world.ranks) {
            if (rank.dirty || rank.round < rounds.size() || !rank.live.isEmpty()) {
                return false;
            }
        }
        return true;
    }

    /** Says what is next, if nothing is left for a clean rank. */
    void extend(final Rank rank) {
        if (rank.dirty || rank.round < rounds.size() || lastCalls == LAST_CALLS) {
            return;
        }
        ending |= rounds.size() >= plan.calls;
        if (ending && (isAnyPending() || isAnyDirty() && !isAnyToJoin())) {
            return;
        }
        final int call = rounds.size();
        // The call before may be live still, and a handle is an answered call's.
        final int source = call / Round.CALLS_OF_HANDLE * Round.CALLS_OF_HANDLE;
        final boolean known = !plan.lowLatency && plan.has(Feature.HANDLE) && call >= source + 2;
        final Round round = new Round(call, known ? source : call);
        rounds.add(round);
        if (isAnyDirty() && (ending || dice.below(5) < 3)) {
            addJoins(round);
        } else if (!ending && plan.has(Feature.VOLUNTARY) && dice.once(6) && clean() > 2) {
            addVoluntary(world.ranks[dice.below(plan.ranks)], round);
        } else if (ending) {
            lastCalls++;
        }
    }

    private void addVoluntary(final Rank rank, final Round round) {
        if (!rank.dirty) {
            addJoin(rank, round);
        }
    }

    private boolean isAnyDirty() {
        return clean() < plan.ranks;
    }

    private boolean isAnyToJoin() {
        for (final Rank rank : world.ranks) {
            if (rank.dirty && mayJoin(rank)) {
                return true;
            }
        }
        return false;
    }

    /** Whether a join of a rank may be planned: it can succeed, and none of it is in flight at a clean rank. */
    private boolean mayJoin(final Rank rank) {
        return hasCleanPeer(rank) && (rank.join == null || rank.join.over || rank.join.isFailed() && isAnswered(rank.join));
    }

    private boolean isAnyPending() {
        for (final Rank rank : world.ranks) {
            if (rank.join != null && rank.join.isPending()) {
                return true;
            }
        }
        return false;
    }

    private void addJoins(final Round round) {
        if (ending && ++repairs > MOST_REPAIRS) {
            throw new Violation("NO_RECOVERY", "ranks are still dirty after " + MOST_REPAIRS + " rounds without a fault");
        }
        final int first = dice.below(plan.ranks);
        for (int at = 0; at < plan.ranks; at++) {
            final Rank rank = world.ranks[(first + at) % plan.ranks];
            final boolean isMore = round.joins.isEmpty() || plan.has(Feature.OVERLAP) && dice.below(3) > 0;
            if (rank.dirty && isMore && mayJoin(rank)) {
                addJoin(rank, round);
            }
        }
    }

    private void addJoin(final Rank rank, final Round round) {
        if (!rank.dirty) {
            rank.dirty = true;
            rank.failures++;
        }
        if (rank.thawsAtNanos != Rank.NEVER) {
            world.thawSoon(rank);
        }
        final boolean isDead = rank.state == Rank.State.DEAD;
        // What some have granted for the join before it does not go with what others grant for this one.
        final boolean isHalfIn = rank.state == Rank.State.JOINING && rank.join != null && rank.join.isGranted();
        if (isDead || isHalfIn || rank.state != Rank.State.STARTED && rank.life < Oracle.MOST_LIVES && dice.once(3)) {
            world.start(rank);
        }
        rank.join = new Join(rank, round.call, plan.ranks);
        round.joins.add(rank.join);
        world.log("plan: " + rank.join);
    }

    private int clean() {
        int clean = 0;
        for (final Rank rank : world.ranks) {
            clean += rank.dirty ? 0 : 1;
        }
        return clean;
    }

    /** In high-throughput mode a rank can join only where a rank of its node or rail is a member. */
    private boolean hasCleanPeer(final Rank rank) {
        for (final Rank other : world.ranks) {
            if (other != rank && !other.dirty && plan.isPeer(rank.id, other.id)) {
                return true;
            }
        }
        return false;
    }

    /** The join by which a rank that is driven as a member is to come back. */
    Join ownJoin(final Rank rank) {
        final Join join = rank.join;
        return join != null && !join.entered && join.isPending() ? join : null;
    }

    /** The rank that is to be let in next at a member; null: none before its next call. */
    Join toClear(final Rank rank) {
        if (rank.round >= rounds.size()) {
            return null;
        }
        final List<Join> joins = rounds.get(rank.round).joins;
        final boolean joinedHere = rank.join != null && rank.join.round == rank.round && rank.join.entered;
        for (int at = joinedHere ? joins.indexOf(rank.join) + 1 : 0; at < joins.size(); at++) {
            if (joins.get(at).rank != rank && joins.get(at).answers[rank.id] == Join.Answer.NONE) {
                return joins.get(at);
            }
        }
        return null;
    }

    /** Whether a rank that is to join, or was started again, may begin. */
    boolean mayBegin(final Rank rank) {
        if (rank.state == Rank.State.STARTED && plan.has(Feature.EARLY)) {
            return true;
        }
        final Join join = rank.join;
        if (join == null || join.entered || !join.isPending()) {
            return false;
        }
        if (plan.has(Feature.EARLY)) {
            return true;
        }
        for (final Rank other : world.ranks) {
            if (!other.dirty && other != rank && join.arrivedAtNanos[other.id] == Rank.NEVER && !isBehind(other, join)) {
                return false;
            }
        }
        return true;
    }

    /** Whether a member is kept by an earlier join of the round, which it is there for. */
    private boolean isBehind(final Rank other, final Join join) {
        final Join first = other.round == join.round ? toClear(other) : null;
        return first != null && first != join && first.arrivedAtNanos[other.id] != Rank.NEVER;
    }

    /** Whether all that is before a call has come to an end at all clean ranks. */
    boolean isSettled(final int round) {
        for (final Join join : rounds.get(round).joins) {
            if (join.isPending() || join.isFailed() && !isAnswered(join)) {
                return false;
            }
        }
        return true;
    }

    private boolean isAnswered(final Join join) {
        for (final Rank rank : world.ranks) {
            if (!rank.dirty && rank != join.rank && rank.round <= join.round && join.answers[rank.id] == Join.Answer.NONE) {
                return false;
            }
        }
        return true;
    }

    /** A rank that has joined has nothing to do with those that were before it. */
    void entered(final Join join) {
        for (final Join earlier : rounds.get(join.round).joins) {
            if (earlier == join) {
                break;
            }
            if (earlier.answers[join.rank.id] == Join.Answer.NONE) {
                earlier.answers[join.rank.id] = Join.Answer.GIVEN_UP;
            }
        }
    }

    /** Whether all clean ranks have let the rank in, and so have those that joined before it. */
    boolean isCleared(final Join join) {
        for (final Join earlier : rounds.get(join.round).joins) {
            if (earlier == join) {
                break;
            }
            if (earlier.isPending()) {
                return false;
            }
        }
        for (final Rank rank : world.ranks) {
            if (rank.isClean(join.round) && rank != join.rank && join.answers[rank.id] != Join.Answer.CLEARED) {
                return false;
            }
        }
        return true;
    }

    /** Whether nobody joins between two calls. */
    boolean isUndisturbed(final int from, final int to) {
        for (int round = from + 1; round <= to; round++) {
            if (!rounds.get(round).joins.isEmpty()) {
                return false;
            }
        }
        return true;
    }

    /** Whether nobody but {@code rank}, of those who count, has dispatched the call of a round. */
    boolean isOpen(final int round, final Rank rank) {
        for (final Rank other : world.ranks) {
            final boolean isIn = !other.dirty || other.join != null && other.join.entered && other.join.isPending();
            if (other != rank && isIn && other.round > round) {
                return false;
            }
        }
        return round == rounds.size() - 1;
    }

    /** Whether a join comes right after another one, between the same calls. */
    boolean isNext(final Join join, final Join before) {
        final List<Join> joins = rounds.get(before.round).joins;
        return join.round == before.round && joins.indexOf(join) == joins.indexOf(before) + 1;
    }

    /** A join has come a step further. */
    void settled(final Join join) {
        for (final Join each : rounds.get(join.round).joins) {
            each.readySinceNanos = Rank.NEVER;
        }
    }

    /** Members stop asking for a rank, each at some time. */
    void fail(final Join join, final long withinNanos) {
        if (join.isPending()) {
            join.abandonedAtNanos = world.now() + dice.below(withinNanos + 1);
        }
    }

    /** A rank has failed; it may have been joining. */
    void failed(final Rank rank, final long withinNanos) {
        final Join join = rank.join;
        if (join != null && !join.over && join.abandonedAtNanos == Rank.NEVER) {
            join.abandonedAtNanos = world.now() + dice.below(withinNanos + 1);
        }
        final int last = rounds.size() - 1;
        final boolean once = plan.has(Feature.TWICE) && join != null && join.round == last;
        final boolean meanwhile = plan.has(Feature.OVERLAP) && last >= 0 && !rounds.get(last).joins.isEmpty() && (join == null || join.round != last);
        if ((once || meanwhile) && !ending && last >= 0 && isOpen(last, rank) && mayJoin(rank) && dice.below(3) > 0) {
            addJoin(rank, rounds.get(last));
        }
    }

    /** A member has come to an answer. Where all have given an aborted join up, it may be tried again between the same calls. */
    void answered(final Join join) {
        final int last = rounds.size() - 1;
        final boolean isAborted = plan.has(Feature.ABORT) && join == join.rank.join && join.isFailed() && isAnswered(join);
        if (isAborted && !ending && join.round == last && isOpen(last, join.rank) && mayJoin(join.rank) && dice.below(3) > 0) {
            addJoin(join.rank, rounds.get(last));
        }
    }

    /** No join of which all take part lasts too long. */
    void checkJoins() {
        for (int round = Math.max(0, rounds.size() - 3); round < rounds.size(); round++) {
            for (final Join join : rounds.get(round).joins) {
                if (join.isPending() && !join.entered && !hasCleanPeer(join.rank)) {
                    // Documented: nobody is left who could let it in.
                    fail(join, T);
                } else if (join.isPending()) {
                    world.settle(join);
                    checkTime(join);
                }
            }
        }
    }

    private void checkTime(final Join join) {
        if (!join.isPending() || !isReady(join)) {
            join.readySinceNanos = Rank.NEVER;
        } else if (join.readySinceNanos == Rank.NEVER) {
            join.readySinceNanos = world.now();
        } else if (world.now() - join.readySinceNanos > World.MOST_JOIN_TIMEOUTS * T) {
            throw new Violation("JOIN_HANG", join + ": for " + (world.now() - join.readySinceNanos) / T + " time-outs, " + describe(join));
        }
    }

    private boolean isReady(final Join join) {
        if (!join.rank.isDriven() || join.rank.held || !join.entered && join.rank.state != Rank.State.JOINING) {
            return false;
        }
        for (final Join earlier : rounds.get(join.round).joins) {
            if (earlier == join) {
                break;
            }
            if (!earlier.over && !(earlier.isFailed() && isAnswered(earlier))) {
                return false;
            }
        }
        for (final Rank other : world.ranks) {
            if (!other.dirty && other != join.rank && join.arrivedAtNanos[other.id] == Rank.NEVER) {
                return false;
            }
        }
        return true;
    }

    /** What each rank is at, and which joins of its present round have not come to an end. */
    String describe() {
        final StringBuilder text = new StringBuilder();
        for (final Rank rank : world.ranks) {
            text.append("; ").append(rank).append(rank.dirty ? " (dirty) " : " ").append(rank.state).append(" before call ").append(rank.round)
                .append(", ").append(rank.live.size()).append(" live");
            final Join clearing = toClear(rank);
            text.append(clearing == null ? "" : ", clears " + clearing).append(rank.join == null || !rank.join.isPending() ? "" : ", pending: " + rank.join);
        }
        return text.substring(2);
    }

    private String describe(final Join join) {
        final StringBuilder text = new StringBuilder(join.entered ? "it is a member" : "it joins: " + join.rank.member.joinState((join.rank.id + 1) % plan.ranks));
        for (final Rank other : world.ranks) {
            if (other != join.rank && other.isDriven() && join.answers[other.id] == Join.Answer.NONE) {
                text.append("; rank ").append(other.id).append(other.dirty ? " (dirty): " : ": ").append(other.member.joinState(join.rank.id));
            }
        }
        return text.toString();
    }
}

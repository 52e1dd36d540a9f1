package io.expertlane.kernel.explorer;

import io.expertlane.kernel.exchange.HighThroughputConfig;
import io.expertlane.kernel.exchange.HighThroughputExchange;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.Transport;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * One seed: ranks that follow a plan of calls and joins, driven on one thread in random order under a virtual clock, and faults.
 *
 * <p>A rank is dirty from its fault (killed; not driven, or its writes held up, for longer than a third of the time-out) until a join of it is
 * over, at itself and at all clean ranks. What must hold:
 * <ul>
 * <li>Every row, count, sum and summed weight, at dirty ranks too, is that of the input of one life of the sender for that very call, and at a
 *     clean rank of a life that it has let in (or of a later one, if it does not exchange anything with that rank itself); or the source is excluded.
 * <li>No clean rank is masked or left out at a clean rank. What clean ranks exchange is complete where the ranks that forward it are clean.
 * <li>Half a call takes no longer than {@link #MOST_HALF_TIMEOUTS}, a join no longer than {@link #MOST_JOIN_TIMEOUTS} from when all are there.
 * <li>A rank does not become a member before any other was asked to let it in.
 * <li>A rank that has waited as long as any may masks whoever it waits for, healthy or not: the schedule ends there, and is counted apart.
 * <li>In the end all ranks are members of complete calls.
 * </ul>
 */
final class World implements AutoCloseable {
    /** What is promised, nine time-outs, and what passes between two looks. */
    static final double MOST_HALF_TIMEOUTS = 9.5;
    static final double MOST_JOIN_TIMEOUTS = 13;
    /** Of members for each other: 8.75 time-outs, and what passes between two looks. */
    private static final double LONGEST_WAIT_TIMEOUTS = 8.5;
    private static final long T = Plan.TIMEOUT_NANOS;
    private static final long START_NANOS = 1000 * T;
    private static final long TURN_NANOS = T / 4000;
    private static final long IDLE_NANOS = T / 16;
    private static final int MOST_STEPS = 400_000;
    private static final int COMPLETIONS = 256;
    /** For each peer of a rank whose queues are short: entries that are not given back show soon. */
    private static final int FEW_COMPLETIONS = 2;
    private static final int TURNS_OF_SLOW = 12;
    /** A joining rank waits no longer for a member that works than four time-outs from the first grant. */
    private static final long MOST_SKEW_NANOS = 3 * T;

    final Plan plan;
    final Oracle oracle;
    final Rank[] ranks;
    final Dice dice;
    final Supervisor supervisor;
    final Wires wires;
    private final Memory memory;
    private final SymmetricHeap heap;
    private final Transport transport;
    private final Faults faults;
    private final Dice network;
    private final LowLatencyConfig lowLatency;
    private final HighThroughputConfig highThroughput;
    private final AutoCloseable closed;
    private final List<String> trace;
    private final int networkPace;
    private final int overlap;
    private long now = START_NANOS;
    private long checkedNanos = START_NANOS;
    private int steps;
    private int idle;
    private int joins;
    private long longestNanos;

    World(final Plan plan, final Memory memory, final boolean tracing) {
        this.plan = plan;
        this.memory = memory;
        this.trace = tracing ? new ArrayList<>() : null;
        this.dice = new Dice(plan.seed, 1 + 16L * plan.salt);
        this.network = new Dice(plan.seed, 2 + 16L * plan.salt);
        this.lowLatency = plan.lowLatency ? LowLatencyMember.config(plan) : null;
        this.highThroughput = plan.lowLatency ? null : HighThroughputMember.config(plan);
        this.heap = memory.begin(plan.ranks,
            plan.lowLatency ? LowLatencyExchange.heapBytes(lowLatency) : HighThroughputExchange.heapBytes(highThroughput));
        this.oracle = new Oracle(plan, memory);
        final int completions = plan.has(Feature.FULL) ? Integer.highestOneBit(2 * FEW_COMPLETIONS * plan.ranks - 1) : COMPLETIONS;
        if (plan.network == Network.NIC) {
            final SimulatedWires simulated = new SimulatedWires(plan, heap, completions);
            this.transport = simulated.transport();
            this.wires = simulated;
            this.closed = simulated;
        } else {
            final QueuedTransport queued = new QueuedTransport(heap, memory, plan.mappedRanks, plan.network == Network.QUEUED, completions);
            this.transport = queued;
            this.wires = queued;
            this.closed = () -> { };
        }
        this.ranks = new Rank[plan.ranks];
        for (int id = 0; id < plan.ranks; id++) {
            ranks[id] = new Rank(id, plan.ranks);
            ranks[id].slow = plan.has(Feature.SLOW) && dice.once(4);
        }
        for (final Rank rank : ranks) {
            rank.member = connect(rank.id);
            for (final Rank other : ranks) {
                rank.lastLife[other.id] = lastLife(rank, other);
            }
        }
        this.networkPace = dice.below(4);
        this.overlap = dice.below(8);
        this.supervisor = new Supervisor(this);
        this.faults = new Faults(this);
    }

    private Member connect(final int rank) {
        return plan.lowLatency ? new LowLatencyMember(plan, lowLatency, transport, rank, this::now)
            : new HighThroughputMember(plan, highThroughput, transport, rank, this::now);
    }

    long now() {
        return now;
    }

    int steps() {
        return steps;
    }

    int joins() {
        return joins;
    }

    double longestTimeouts() {
        return (double) longestNanos / T;
    }

    List<String> trace() {
        return trace;
    }

    boolean isTraced() {
        return trace != null;
    }

    void log(final String what) {
        if (trace != null) {
            trace.add(String.format(Locale.ROOT, "%7d %8.3f T  %s", steps, (now - START_NANOS) / (double) T, what));
        }
    }

    // The run.

    /** @throws Violation if something does not hold */
    void run() {
        while (!supervisor.isFinished()) {
            steps++;
            if (steps > MOST_STEPS) {
                throw new Violation("STEPS", "more than " + MOST_STEPS + " steps, " + supervisor.describe());
            }
            if (now >= faults.nextNanos()) {
                faults.pass();
            }
            final boolean carried = carry();
            final Rank rank = ranks[dice.below(ranks.length)];
            final boolean moved = carried | (!rank.slow || dice.once(TURNS_OF_SLOW)) && drive(rank);
            pass(TURN_NANOS);
            idle = moved ? 0 : idle + 1;
            if (idle > 2 * ranks.length) {
                idle = 0;
                rest();
            }
            if (now - checkedNanos > IDLE_NANOS) {
                checkedNanos = now;
                checkTimes();
            }
        }
    }

    private void pass(final long nanos) {
        now += nanos;
        wires.pass(nanos);
    }

    private boolean carry() {
        if (networkPace == 0 && dice.once(3)) {
            return false;
        }
        boolean carried = false;
        for (int element = networkPace; element >= 0 && wires.step(network); element--) {
            carried = true;
        }
        return carried;
    }

    /** Nobody seems to have anything to do: gives everyone a turn, and lets time pass if that is so. */
    private void rest() {
        boolean moved = wires.step(network);
        for (final Rank rank : ranks) {
            moved |= drive(rank);
        }
        if (!moved) {
            pass(IDLE_NANOS);
        }
    }

    private boolean drive(final Rank rank) {
        if (!rank.isDriven()) {
            return false;
        }
        try {
            faults.turn(rank);
            return rank.isDriven() && go(rank);
        } catch (final Violation e) {
            throw rank.dirty ? new Violation(e.kind() + "@dirty", e.getMessage(), e) : e;
        } catch (final WaitedOut e) {
            throw e;
        } catch (final RuntimeException e) {
            throw new Violation("EXCEPTION " + e.getClass().getSimpleName() + (rank.dirty ? "@dirty" : ""), rank + ": " + e.getMessage() + " at "
                + (e.getStackTrace().length > 0 ? e.getStackTrace()[0] : "?"), e);
        }
    }

    private boolean go(final Rank rank) {
        if (rank.state == Rank.State.STARTED) {
            return supervisor.mayBegin(rank) && begin(rank);
        }
        if (rank.state == Rank.State.JOINING) {
            return join(rank);
        }
        supervisor.extend(rank);
        final Join own = supervisor.ownJoin(rank);
        if (own != null && (own.round == rank.round || dice.once(16)) && supervisor.mayBegin(rank)) {
            return begin(rank);
        }
        final Join other = supervisor.toClear(rank);
        // A rank that went on alone has to join before it lets others in.
        if (other != null && rank.alone == 0 && (own == null || own.round != rank.round) && (rank.live.isEmpty() || plan.has(Feature.LIVE))) {
            return clear(rank, other);
        }
        boolean moved = rank.member.doWork() > 0;
        moved |= advance(rank);
        if (other == null && own == null && mayDispatch(rank)) {
            return dispatch(rank) || moved;
        }
        return moved;
    }

    private boolean mayDispatch(final Rank rank) {
        final int most = plan.lowLatency && plan.has(Feature.TWO) ? 2 : plan.liveCalls;
        return now >= rank.notBeforeNanos && (rank.live.isEmpty() || rank.live.size() < most && dice.below(8) < overlap);
    }

    private boolean dispatch(final Rank rank) {
        if (rank.round < supervisor.rounds()) {
            if (!plan.has(Feature.PROMPT) && !supervisor.isSettled(rank.round)) {
                return false;
            }
            final Round round = supervisor.round(rank.round);
            final boolean known = round.routed != round.call && supervisor.isUndisturbed(round.routed, round.call);
            dispatch(rank, round.call, round.routed, known ? round.routed : Member.NO_HANDLE);
            rank.round++;
            return true;
        }
        if (plan.has(Feature.AHEAD) && rank.dirty && rank.alone < 2 && isMaskedEverywhere(rank)) {
            final int call = Oracle.FIRST_ALONE + 2 * rank.id + rank.alone++;
            if (oracle.find(call, rank.id, rank.life) == null) {
                dispatch(rank, call, call, Member.NO_HANDLE);
                return true;
            }
        }
        return false;
    }

    private void dispatch(final Rank rank, final int call, final int routed, final int handleOf) {
        final Input input = oracle.make(call, routed, rank.id, rank.life);
        final boolean fixed = plan.has(Feature.HANDLE) && call % 3 == 0;
        final Live live = rank.member.dispatch(input, handleOf, fixed);
        System.arraycopy(rank.firstLife, 0, live.firstLife, 0, ranks.length);
        System.arraycopy(rank.lastLife, 0, live.lastLife, 0, ranks.length);
        live.firstLife[rank.id] = rank.life;
        live.lastLife[rank.id] = rank.life;
        live.sinceNanos = now;
        rank.live.add(live);
        if (trace != null) {
            log(rank + " dispatches call " + call + ", " + input.tokens + " tokens" + (handleOf < 0 ? "" : ", by handle"));
        }
    }

    private boolean isMaskedEverywhere(final Rank rank) {
        boolean any = false;
        for (final Rank other : ranks) {
            if (other != rank && other.state != Rank.State.DEAD && plan.isPeer(rank.id, other.id)) {
                if (!other.member.isMasked(rank.id)) {
                    return false;
                }
                any = true;
            }
        }
        return any;
    }

    private boolean advance(final Rank rank) {
        boolean moved = false;
        for (int at = 0; at < rank.live.size(); at++) {
            final Live live = rank.live.get(at);
            if (!live.answered && (at == 0 || rank.live.get(0).answered) && live.isReceived()) {
                waited(rank, live);
                live.answer(oracle, isReleased(live.input.call), !rank.dirty);
                live.answered = true;
                moved = true;
            }
        }
        if (!rank.live.isEmpty() && rank.live.get(0).answered && rank.live.get(0).isOver()) {
            final Live live = rank.live.removeFirst();
            waited(rank, live);
            if (!rank.live.isEmpty()) {
                rank.live.getFirst().sinceNanos = now;
            }
            if (trace != null) {
                log(rank + " ends call " + live.input.call + leftOut(live));
            }
            // A rank that is masked though it lives, and sums by pull, may read what its peers have replaced: documented.
            if (!(plan.lowLatency && plan.pull && rank.dirty)) {
                live.check(oracle);
            }
            if (rank.isClean(live.input.call)) {
                checkComplete(rank, live);
            }
            moved = true;
        }
        return moved;
    }

    private boolean isReleased(final int call) {
        return plan.has(Feature.RELEASE) && Dice.mix(plan.seed, 77 + call) % 3 == 0;
    }

    private void waited(final Rank rank, final Live live) {
        longestNanos = Math.max(longestNanos, now - live.sinceNanos);
        rank.waitedOutNanos = isLongest(live) ? now : rank.waitedOutNanos;
        live.sinceNanos = now;
    }

    private boolean isLongest(final Live live) {
        return now - live.sinceNanos >= LONGEST_WAIT_TIMEOUTS * T;
    }

    private boolean hasWaitedOut(final Rank rank) {
        return now - rank.waitedOutNanos < T || !rank.live.isEmpty() && isLongest(rank.live.getFirst());
    }

    private String leftOut(final Live live) {
        final StringBuilder out = new StringBuilder();
        for (final Rank peer : ranks) {
            out.append(live.isLeftOut(peer.id) ? " " + peer.id : "");
        }
        return out.isEmpty() ? "" : ", left out:" + out;
    }

    private void checkComplete(final Rank rank, final Live live) {
        final int call = live.input.call;
        for (final Rank peer : ranks) {
            if (peer != rank && !peer.dirty) {
                if (plan.isPeer(rank.id, peer.id)) {
                    if (rank.member.isMasked(peer.id) && (hasWaitedOut(rank) || hasWaitedOut(peer))) {
                        throw new WaitedOut("rank " + rank.id + " call " + call + ": rank " + peer.id);
                    }
                    require(!rank.member.isMasked(peer.id), "CLEAN_MASKED", rank, call, peer, "has it masked");
                }
                if (peer.isClean(call)) {
                    require(!plan.isPeer(rank.id, peer.id) || !live.isLeftOut(peer.id), "CLEAN_LEFT_OUT", rank, call, peer, "leaves it out");
                    require(!live.isMissingFrom(peer.id) || !ranks[plan.forwarder(peer.id, rank.id)].isClean(call), "INCOMPLETE", rank, call, peer,
                        "lacks its rows");
                    require(!live.isMissingOf(peer.id) || !ranks[plan.forwarder(rank.id, peer.id)].isClean(call), "INCOMPLETE", rank, call, peer,
                        "lacks its outputs");
                }
            }
        }
    }

    private static void require(final boolean holds, final String kind, final Rank rank, final int call, final Rank peer, final String what) {
        if (!holds) {
            throw new Violation(kind, "rank " + rank.id + " call " + call + ": rank " + peer.id + ", " + what);
        }
    }

    // Joins.

    /** A rank begins to join: drops its calls. */
    private boolean begin(final Rank rank) {
        log(rank + " begins to join");
        rank.state = Rank.State.JOINING;
        rank.live.clear();
        rank.alone = 0;
        if (rank.join != null) {
            rank.join.beganAtNanos = now;
        }
        for (final Rank other : ranks) {
            rank.firstLife[other.id] = other.life;
        }
        return join(rank);
    }

    private boolean join(final Rank rank) {
        if (dice.once(8)) {
            rank.member.doWork();
        }
        if (!rank.member.rejoin()) {
            return false;
        }
        final Join join = rank.join;
        if (join == null) {
            throw new Violation("JOINED_ALONE", rank + " is a member, and nobody was asked to let it in");
        }
        if (!join.isGranted()) {
            log(rank + " is a member by an answer to an earlier join: its caller starts it again");
            kill(rank, false);
            supervisor.failed(rank, 2 * T);
            return true;
        }
        log(rank + " is a member");
        for (final Rank other : ranks) {
            rank.lastLife[other.id] = lastLife(rank, other);
        }
        rank.state = Rank.State.MEMBER;
        rank.round = join.round;
        rank.notBeforeNanos = now;
        join.entered = join.failures == rank.failures;
        if (isCleanLostTo(rank, join)) {
            // Documented: a member that it could not reach for a time-out, or that could not reach it, is masked.
            log(rank + " was held up in the " + join);
            supervisor.fail(join, T);
        }
        supervisor.entered(join);
        supervisor.settled(join);
        settle(join);
        return true;
    }

    /** The last life of {@code other} that may reach a rank: of one that is not a peer, those that forward its rows decide. */
    private int lastLife(final Rank rank, final Rank other) {
        return plan.isPeer(rank.id, other.id) ? other.life : Oracle.MOST_LIVES;
    }

    private boolean isCleanLostTo(final Rank rank, final Join join) {
        for (final Rank other : ranks) {
            final boolean wasHeld = Math.max(rank.releasedAtNanos, other.releasedAtNanos) > join.beganAtNanos;
            if (other != rank && !other.dirty && wasHeld && rank.member.isMasked(other.id)) {
                return true;
            }
        }
        return false;
    }

    /** A member's turn between two calls, while others join. */
    private boolean clear(final Rank rank, final Join join) {
        if (join.arrivedAtNanos[rank.id] == Rank.NEVER) {
            log(rank + " is there for the " + join);
            join.arrivedAtNanos[rank.id] = now;
        }
        if (now >= join.abandonedAtNanos) {
            log(rank + " gives up the " + join + (trace == null ? "" : ": " + rank.member.joinState(join.rank.id)));
            answer(rank, join, Join.Answer.GIVEN_UP);
            if (join.rank.dirty) {
                rank.member.mask(join.rank.id);
            }
            supervisor.answered(join);
            return true;
        }
        boolean moved = false;
        if (!rank.live.isEmpty() || !plan.has(Feature.QUIET) && dice.once(2)) {
            moved = rank.member.doWork() > 0;
            moved |= advance(rank);
        }
        if (!rank.member.clearMask(join.rank.id)) {
            return moved;
        }
        log(rank + " has let rank " + join.rank.id + " in");
        rank.firstLife[join.rank.id] = join.life;
        rank.lastLife[join.rank.id] = lastLife(rank, join.rank);
        if (join.firstClearedNanos == Rank.NEVER) {
            join.firstClearedNanos = now;
        }
        answer(rank, join, Join.Answer.CLEARED);
        answerLater(rank, join);
        settle(join);
        supervisor.answered(join);
        return true;
    }

    /** The attempt that was answered may be that of a later join already: then it has been answered for that one, or out of order. */
    private void answerLater(final Rank rank, final Join join) {
        final Join present = join.rank.join;
        if (present != join && supervisor.isNext(present, join)) {
            answer(rank, present, Join.Answer.CLEARED);
        } else if (present != join) {
            supervisor.fail(present, 2 * T);
        }
    }

    private void answer(final Rank rank, final Join join, final Join.Answer answer) {
        join.answers[rank.id] = answer;
        final boolean pauses = plan.has(Feature.TWICE) ? !dice.once(4) : dice.once(3);
        rank.notBeforeNanos = pauses ? now + dice.below(T / 2) : now;
        supervisor.settled(join);
    }

    /** Ends the join if it is over at all clean ranks. */
    void settle(final Join join) {
        if (!join.entered || !join.isPending() || join.rank.held || !supervisor.isCleared(join)) {
            return;
        }
        final Rank joined = join.rank;
        for (final Rank other : ranks) {
            if (other != joined && !other.dirty && plan.isPeer(joined.id, other.id)) {
                final boolean masked = joined.member.isMasked(other.id);
                if (masked && isLate(join, other)) {
                    log(other + " came too late for the " + join);
                    supervisor.fail(join, 0);
                    return;
                }
                require(!masked, "JOINED_WITHOUT", joined, join.round, other, "has it masked after the " + join);
                require(!other.member.isMasked(joined.id), "JOINED_WITHOUT", other, join.round, joined, "has it masked after the " + join);
            }
        }
        join.over = true;
        join.abandonedAtNanos = now + dice.below(T);
        joined.dirty = false;
        joined.cleanSince = join.round;
        joins++;
        log(joined + " is clean");
    }

    private static boolean isLate(final Join join, final Rank other) {
        return join.firstClearedNanos != Rank.NEVER && join.arrivedAtNanos[other.id] - join.firstClearedNanos > MOST_SKEW_NANOS;
    }

    // Lives.

    /** Starts a rank again. */
    void start(final Rank rank) {
        if (rank.state != Rank.State.DEAD) {
            kill(rank, false);
        }
        if (rank.held || plan.network != Network.NIC && plan.lowLatency && dice.once(2)) {
            faults.release(rank);
            wires.drain(rank.id);
        }
        if (plan.lowLatency) {
            // Documented: what the old life has in flight is refused by who calls this.
            for (final Rank peer : ranks) {
                if (peer != rank) {
                    heap.revoke(peer.id, rank.id);
                }
            }
        }
        rank.frozen = false;
        final Member before = rank.member;
        rank.member = connect(rank.id);
        requireSuperseded(rank, before);
        rank.life++;
        rank.state = Rank.State.STARTED;
        rank.startsAtNanos = Rank.NEVER;
        log(rank + " starts");
    }

    private static void requireSuperseded(final Rank rank, final Member before) {
        try {
            before.doWork();
        } catch (final IllegalStateException expected) {
            return;
        }
        throw new Violation("TWO_USERS", rank + ": goes on although it has been started again on the same heap");
    }

    /** Whoever is away returns before long. */
    void thawSoon(final Rank rank) {
        faults.thawSoon(rank);
    }

    void kill(final Rank rank, final boolean revoke) {
        rank.state = Rank.State.DEAD;
        rank.frozen = false;
        rank.thawsAtNanos = Rank.NEVER;
        rank.dirty = true;
        rank.failures++;
        rank.live.clear();
        if (revoke) {
            heap.revoke(rank.id);
        }
        log(rank + " dies" + (revoke ? ", its memory revoked" : ""));
    }

    // Times.

    private void checkTimes() {
        for (final Rank rank : ranks) {
            if (rank.isDriven() && !rank.live.isEmpty()) {
                final Live live = rank.live.getFirst();
                if (now - live.sinceNanos > MOST_HALF_TIMEOUTS * T) {
                    throw new Violation("HANG" + (rank.dirty ? "@dirty" : ""), "rank " + rank.id + " call " + live.input.call
                        + (live.answered ? ": combines" : ": receives") + " since " + (now - live.sinceNanos) / T + " time-outs");
                }
            }
        }
        supervisor.checkJoins();
    }

    @Override
    public void close() {
        try {
            closed.close();
        } catch (final Exception e) {
            throw new IllegalStateException(e);
        }
    }
}

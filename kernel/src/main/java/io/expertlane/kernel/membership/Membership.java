package io.expertlane.kernel.membership;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.CallWord;
import io.expertlane.kernel.memory.SymmetricHeap;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;

/**
 * Who takes part in an exchange, as one rank sees it, and how a rank joins again. The protocol, its words and invariants are in
 * {@code docs/membership.md}.
 *
 * <p>Threading: the rank's thread. Ordering: words are stored with release and read with acquire semantics; a request or grant of several words is
 * published by its last one. Progress: nothing waits; what cannot be posted now is posted by the next call.
 */
public final class Membership {
    /** No request or grant. */
    private static final long NONE = 0;
    private static final int NOT_GRANTING = -1;
    private static final int REQUEST_WORDS = 2;
    private static final long LOW_HALF = 0xffff_ffffL;
    /** In a view: a member has masked the rank. */
    private static final long EXCLUDED = 1L << Integer.SIZE - 1;
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final SymmetricHeap heap;
    private final MemorySegment region;
    private final int rank;
    private final int[] peers;
    /** All ranks but this one. */
    private final int[] others;
    private final MembershipWords words;
    private final PeerLinks links;
    private final MembershipListener listener;
    private final DrivenClock clock;
    private final PeerHealth health;
    private final MaskReports reports;

    private final boolean[] isPeer;
    private final boolean[] masked;
    private final boolean[] excludedBy;
    private final int[] epochs;
    private final int[] tags;
    private final int[] regionKeys;
    private int epoch;
    private long heartbeats;
    private int revocations;

    // As a member that grants.
    private final int[] granting;
    /** Ranks whose request is being answered: not members yet. */
    private final boolean[] answering;
    private final long[] grant;
    private final long[] grantCall;
    /** Members that this rank has granted. They may not be in yet: each gets its grant again when a mask changes. */
    private final boolean[] hasGrant;
    /** When each rank was granted: the number of that grant. A rank is not to wait for one that was granted after it. */
    private final long[] grantNumber;
    /** The epoch of each rank's request that grants have listed. */
    private final long[] notedRequests;
    /** Ranks that are no peers and that joined before this one did, if they joined then. */
    private final boolean[] isBefore;
    private long grants;
    private boolean anyGranting;
    /** Whether the caller has waited, since the last heartbeat, for a joining rank to accept this rank's grant. */
    private boolean isAsked;

    // As a joining rank.
    private boolean joining;
    private final int[] requested;
    private final boolean[] granted;
    /** The grant of each peer that was accepted last. */
    private final long[] accepted;
    /** By peer: whether a grant lists it as masked; of a rank that no member has masked itself, or of any. */
    private final boolean[] listed;
    private final boolean[] listedByAny;
    private final long[] listedBits;
    private boolean anyGranted;
    private long firstGrantNanos;

    /**
     * Begins with all ranks as members.
     *
     * @param words     where the words are
     * @param peers     the ranks that this one exchanges anything with, without itself
     * @param links     the connections to them
     * @param nanoClock for time-outs
     */
    public Membership(final SymmetricHeap heap, final int rank, final int[] peers, final MembershipWords words, final PeerLinks links,
                      final MembershipListener listener, final long timeoutNanos, final LongSupplier nanoClock) {
        this.heap = heap;
        this.region = heap.region(rank);
        this.rank = rank;
        this.peers = peers;
        this.others = IntStream.range(0, words.ranks()).filter(other -> other != rank).toArray();
        this.words = words;
        this.links = links;
        this.listener = listener;
        this.clock = new DrivenClock(nanoClock, timeoutNanos / PeerHealth.HEARTBEATS_PER_TIMEOUT);
        this.health = new PeerHealth(words, region, timeoutNanos, clock.nowNanos());
        this.reports = new MaskReports(this, words, region, links, rank, peers);
        final int ranks = words.ranks();
        this.isPeer = new boolean[ranks];
        this.masked = new boolean[ranks];
        this.excludedBy = new boolean[ranks];
        this.epochs = new int[ranks];
        this.tags = new int[ranks];
        this.regionKeys = new int[ranks];
        Arrays.setAll(regionKeys, heap::key);
        this.granting = new int[ranks];
        this.answering = new boolean[ranks];
        this.grant = new long[ranks];
        this.grantCall = new long[ranks];
        this.hasGrant = new boolean[ranks];
        this.grantNumber = new long[ranks];
        this.notedRequests = new long[ranks];
        this.isBefore = new boolean[ranks];
        this.requested = new int[ranks];
        this.granted = new boolean[ranks];
        this.accepted = new long[ranks];
        this.listed = new boolean[ranks];
        this.listedByAny = new boolean[ranks];
        this.listedBits = new long[words.maskWords()];
        this.revocations = heap.revocations();
        Arrays.fill(granting, NOT_GRANTING);
        for (final int peer : peers) {
            isPeer[peer] = true;
        }
    }

    /** The ranks that this one exchanges anything with. */
    public int[] peers() {
        return peers;
    }

    /** Whether this rank exchanges anything with {@code other}, and may mask it itself. */
    public boolean isPeer(final int other) {
        return isPeer[other];
    }

    /** Whether {@code other} is masked at this rank. */
    public boolean isMasked(final int other) {
        return masked[other];
    }

    /** The tag of words between this rank and {@code other}. */
    public int tag(final int other) {
        return tags[other];
    }

    /** What members report of ranks that this one does not reach. */
    public MaskReports reports() {
        return reports;
    }

    /** Reads the clock; returns the time that has passed on it. */
    public long advance() {
        return clock.advance();
    }

    /** The time for which this rank was driven, as of the last {@link #advance()}. */
    public long nowNanos() {
        return clock.nowNanos();
    }

    /** Whether a peer is overdue for which this rank has waited since {@code sinceNanos}. */
    public boolean isOverdue(final int peer, final long sinceNanos) {
        return health.isOverdue(peer, sinceNanos, clock.nowNanos(), joining);
    }

    // Masking.

    /**
     * Masks a peer, as a time-out does: its key is revoked, so what it writes from now on, believing to be a member, is refused. While this rank joins
     * there are no members to mask: nothing happens.
     */
    public void mask(final int other) {
        if (joining) {
            return;
        }
        stopAnswering(other);
        if (!masked[other]) {
            masked[other] = true;
            hasGrant[other] = false;
            revokeKey(other);
            listener.excluded(other);
            masksChanged();
        }
    }

    private void revokeKey(final int other) {
        regionKeys[other] = heap.key(other);
        heap.revoke(rank, other);
    }

    /** Each life of a rank has a key of its own here, so what an earlier life has in flight is refused before the new one is answered. */
    private void revokeKeyOfEarlierLife(final int other) {
        if (heap.key(other) != regionKeys[other]) {
            revokeKey(other);
        }
    }

    private void masksChanged() {
        reports.changed();
        repeatGrants();
    }

    /** Members that were granted may not be in yet: they are to know whom not to wait for. */
    private void repeatGrants() {
        for (final int peer : others) {
            if (hasGrant[peer] || granting[peer] != NOT_GRANTING) {
                granting[peer] = 0;
                anyGranting = true;
            }
        }
    }

    /**
     * Masks the members that have revoked this rank's key: they have masked it, or join again. To be called before words are read, and again
     * before what they announced is used: what was read before the keys were checked is valid.
     *
     * @return whether one was masked
     */
    public boolean maskRevoked() {
        final int now = heap.revocations();
        if (now == revocations || joining) {
            return false;
        }
        revocations = now;
        boolean any = false;
        for (final int peer : peers) {
            if (!masked[peer] && links.isGone(peer)) {
                // A rank that joins again, or whose memory is gone, has had the keys of all revoked.
                final boolean isExcluded = heap.key(peer) == regionKeys[peer];
                mask(peer);
                excludedBy[peer] = isExcluded;
                any = true;
            }
        }
        return any;
    }

    // Heartbeats.

    /**
     * Sends and takes heartbeats now and then; returns whether it did, which is when to look for peers that are overdue.
     *
     * @param waiting whether this rank waits for others
     */
    public boolean tick(final boolean waiting) {
        if (joining || !health.takeTick(clock.nowNanos())) {
            return false;
        }
        heartbeats++;
        final long state = waiting || isAsked ? PeerHealth.WAITING : PeerHealth.WORKING;
        isAsked = false;
        health.heard(rank, clock.nowNanos());
        for (final int peer : peers) {
            if (!masked[peer]) {
                heartbeat(peer, state);
                health.listen(peer, epochs[peer], clock.nowNanos());
            } else if (requestedEpoch(peer) != NONE) {
                // So that a joining rank waits for this one, which is busy.
                links.reconnect(peer);
                heartbeat(peer, state);
            }
        }
        requestFromOthers();
        noteRequests();
        return true;
    }

    /** Ranks that were granted, and may not be in yet, are to know who joins, too. */
    private void noteRequests() {
        for (final int other : others) {
            final long requestEpoch = requestedEpoch(other);
            if (requestEpoch != NONE && requestEpoch != notedRequests[other]) {
                notedRequests[other] = requestEpoch;
                repeatGrants();
            }
        }
    }

    /** A rank that is no peer was not waited for, and may still have to answer: its caller waits for a request until then. */
    private void requestFromOthers() {
        for (final int other : others) {
            if (!isPeer[other] && epoch > 0 && !granted[other]) {
                links.reconnect(other);
                requested[other] = 0;
                request(other);
                granted[other] = takeGrant(other);
            }
        }
    }

    /** A heartbeat is dropped if the queue is full; the next one follows soon. */
    private void heartbeat(final int peer, final long state) {
        final boolean ignored = links.signal(peer, words.at(rank, MembershipWords.HEARTBEAT_OFFSET), PeerHealth.heartbeat(epoch, state, heartbeats));
    }

    // Granting.

    /** The epoch of the peer's valid join request, or {@link #NONE}. */
    private long requestedEpoch(final int peer) {
        final long request = (long) LONG.getAcquire(region, words.at(peer, MembershipWords.REQUEST_OFFSET));
        final long requestEpoch = request >>> Integer.SIZE;
        if (request == NONE || (request & LOW_HALF) != heap.key(rank, peer) || !masked[peer] && !joining && requestEpoch <= epochs[peer]) {
            return NONE;
        }
        final long key = (long) LONG.getAcquire(region, words.at(peer, MembershipWords.REQUEST_KEY_OFFSET));
        return key == pack(requestEpoch, heap.key(peer, rank)) ? requestEpoch : NONE;
    }

    private static long pack(final long epoch, final long key) {
        return epoch << Integer.SIZE | key;
    }

    /**
     * A call is about to be dispatched. Grants name the last call, so those that have not been accepted are taken back: their ranks will request
     * again.
     */
    public void dispatching() {
        maskRevoked();
        for (final int peer : others) {
            if (answering[peer]) {
                stopAnswering(peer);
                heap.revoke(rank, peer);
            }
        }
    }

    /** Goes on with what could not be posted to new members. */
    public void doWork() {
        if (anyGranting) {
            anyGranting = false;
            for (final int peer : others) {
                if (!answering[peer] && granting[peer] != NOT_GRANTING) {
                    granting[peer] = links.isGone(peer) || postGrant(peer) ? NOT_GRANTING : granting[peer];
                    anyGranting |= granting[peer] != NOT_GRANTING;
                }
            }
        }
    }

    /**
     * Answers the peer's join request, if there is a valid one, and makes it a member once it has accepted: so a rank that has died since it requested
     * is never let in.
     *
     * @param lastCall the number of the last call begun here
     * @return whether it is a member now; false: call again
     */
    public boolean grant(final int peer, final long lastCall) {
        if (answering[peer] && links.isGone(peer)) {
            stopAnswering(peer);
            excludedBy[peer] = heap.key(peer) == regionKeys[peer];
        }
        if (!answering[peer]) {
            // One that is no peer may be a member already, and no longer driven: its request stands.
            if (isPeer[peer] && masked[peer]) {
                revokeKeyOfEarlierLife(peer);
            }
            final long requestEpoch = requestedEpoch(peer);
            if (requestEpoch == NONE) {
                return false;
            }
            if (isPeer[peer] && !masked[peer]) {
                // Its old life is excluded first, and its old key revoked: it will request again with the new one.
                mask(peer);
                return false;
            }
            links.reconnect(peer);
            open(peer, (int) requestEpoch);
            repeatGrants();
            answering[peer] = true;
            grantNumber[peer] = ++grants;
            granting[peer] = 0;
            grant[peer] = pack(requestEpoch, heap.key(rank, peer));
            grantCall[peer] = lastCall;
        }
        if (!postGrant(peer) || isPeer[peer] && !isConfirmed(peer)) {
            isAsked = true;
            return false;
        }
        stopAnswering(peer);
        becomeMember(peer);
        hasGrant[peer] = true;
        return true;
    }

    /** Whether the peer has accepted, and this has been confirmed. */
    private boolean isConfirmed(final int peer) {
        return word(peer, MembershipWords.ACCEPTANCE_OFFSET) == grant[peer] && post(peer, MembershipWords.CONFIRMATION_OFFSET, grant[peer]);
    }

    private void stopAnswering(final int peer) {
        answering[peer] = false;
        granting[peer] = NOT_GRANTING;
    }

    private void open(final int peer, final int peerEpoch) {
        epochs[peer] = peerEpoch;
        tags[peer] = CallWord.tag(epoch, peerEpoch);
        if (isPeer[peer] || peer == rank) {
            listener.opened(peer, tags[peer]);
        }
    }

    private void becomeMember(final int peer) {
        masked[peer] = false;
        excludedBy[peer] = false;
        health.heard(peer, clock.nowNanos());
        reports.changed();
    }

    /** The old grant is withdrawn first and the new one published last: see {@link #takeGrant}. */
    private boolean postGrant(final int peer) {
        final int last = words.maskWords() + 3;
        for (; granting[peer] <= last; granting[peer]++) {
            final int step = granting[peer];
            final boolean posted = step == 0 ? post(peer, MembershipWords.GRANT_OFFSET, NONE)
                : step == 1 ? post(peer, MembershipWords.GRANT_CALL_OFFSET, grantCall[peer])
                : step == 2 ? post(peer, MembershipWords.GRANT_VIEW_OFFSET, view(peer))
                : step < last ? links.signal(peer, words.grantMask(rank, step - 3), maskBits(step - 3, peer))
                : post(peer, MembershipWords.GRANT_OFFSET, grant[peer]);
            if (!posted) {
                return false;
            }
        }
        return true;
    }

    private boolean post(final int peer, final int offset, final long value) {
        return links.signal(peer, words.at(rank, offset), value);
    }

    private boolean isOut(final int other, final int joiningPeer) {
        final boolean isBehind = hasGrant[other] && grantNumber[other] > grantNumber[joiningPeer];
        // The attempt that was made when this rank became a member is still the one.
        final boolean isAhead = isBefore[other] && heap.key(other) == regionKeys[other];
        return other != joiningPeer && other != rank && (masked[other] || isBehind || requestedEpoch(other) != NONE && !isAhead);
    }

    private long maskBits(final int word, final int joiningPeer) {
        long bits = 0;
        for (int other = word * Long.SIZE; other < Math.min(words.ranks(), (word + 1) * Long.SIZE); other++) {
            bits |= isOut(other, joiningPeer) ? 1L << other : 0;
        }
        return bits;
    }

    /** This rank's epoch, and whether a member has masked it. */
    private long view(final int joiningPeer) {
        return pack(epoch, isExcluded(joiningPeer) ? EXCLUDED : 0);
    }

    private boolean isExcluded(final int butPeer) {
        for (final int peer : peers) {
            if (peer != butPeer && masked[peer] && excludedBy[peer] && heap.key(peer) == regionKeys[peer]) {
                return true;
            }
        }
        return false;
    }

    // Joining.

    /** Whether this rank joins. */
    public boolean isJoining() {
        return joining;
    }

    /** Begins an attempt to join: a new epoch, and nobody is a member or may write here with an old key. */
    public void beginJoining() {
        joining = true;
        epoch = (int) (long) LONG.getAcquire(region, words.at(rank, MembershipWords.HEARTBEAT_OFFSET)) + 1;
        LONG.setRelease(region, words.at(rank, MembershipWords.HEARTBEAT_OFFSET), (long) epoch);
        Arrays.setAll(regionKeys, heap::key);
        heap.revoke(rank);
        Arrays.fill(masked, false);
        Arrays.fill(excludedBy, false);
        Arrays.fill(requested, 0);
        Arrays.fill(granted, false);
        Arrays.fill(accepted, NONE);
        Arrays.fill(granting, NOT_GRANTING);
        Arrays.fill(answering, false);
        Arrays.fill(hasGrant, false);
        Arrays.fill(isBefore, false);
        anyGranted = false;
        for (final int peer : others) {
            health.heard(peer, clock.nowNanos());
        }
    }

    /**
     * Goes on joining: requests, takes grants, sends heartbeats.
     *
     * @return whether all that is to be waited for is there: {@link #enter()}
     */
    public boolean join() {
        final boolean isTick = health.takeTick(clock.nowNanos());
        heartbeats += isTick ? 1 : 0;
        boolean anyNow = false;
        Arrays.fill(listed, false);
        Arrays.fill(listedByAny, false);
        for (final int peer : others) {
            revokeKeyOfEarlierLife(peer);
            if (links.isGone(peer)) {
                links.reconnect(peer);
                requested[peer] = 0;
            } else if (isTick && !granted[peer]) {
                // What an earlier life had in flight may have overwritten either.
                requested[peer] = 0;
                accepted[peer] = NONE;
            }
            // Before the request, which is repeated until there is room: nothing else may be waiting for room in a short queue.
            if (isTick && (granted[peer] || requestedEpoch(peer) != NONE)) {
                heartbeat(peer, PeerHealth.JOINING);
            }
            request(peer);
            // Of ranks that are not peers, only the call number is of interest.
            granted[peer] = takeGrant(peer) && (!isPeer[peer] || accept(peer));
            anyNow |= granted[peer];
            health.listen(peer, clock.nowNanos());
        }
        if (anyNow && !anyGranted) {
            anyGranted = true;
            firstGrantNanos = clock.nowNanos();
        }
        return others.length == 0 || anyNow && !isAnyAwaited();
    }

    private void request(final int peer) {
        for (; requested[peer] < REQUEST_WORDS; requested[peer]++) {
            final boolean posted = requested[peer] == 0
                ? post(peer, MembershipWords.REQUEST_KEY_OFFSET, pack(epoch, heap.key(rank, peer)))
                : post(peer, MembershipWords.REQUEST_OFFSET, pack(epoch, heap.key(peer, rank)));
            if (!posted) {
                return;
            }
        }
    }

    /**
     * Whether the peer's grant holds: it is for this epoch, and the peer has not revoked the key since. Takes its list of masked ranks. That of
     * a peer that a member has masked says little of ranks that are silent: it was left behind, and has masked those that go on.
     */
    private boolean takeGrant(final int peer) {
        final long word = word(peer, MembershipWords.GRANT_OFFSET);
        if (word != pack(epoch, heap.key(peer, rank))) {
            return false;
        }
        final long view = word(peer, MembershipWords.GRANT_VIEW_OFFSET);
        for (int mask = 0; mask < listedBits.length; mask++) {
            listedBits[mask] = (long) LONG.getAcquire(region, words.grantMask(peer, mask));
        }
        if (word(peer, MembershipWords.GRANT_OFFSET) != word) {
            return false;
        }
        for (final int other : others) {
            final boolean isListed = (listedBits[other / Long.SIZE] & 1L << other) != 0;
            listedByAny[other] |= isListed;
            listed[other] |= isListed && (view & EXCLUDED) == 0;
        }
        return true;
    }

    /** Accepts the peer's grant. Returns whether the peer has confirmed that: it has this rank as a member. */
    private boolean accept(final int peer) {
        final long word = pack(epoch, heap.key(peer, rank));
        if (accepted[peer] != word && post(peer, MembershipWords.ACCEPTANCE_OFFSET, word)) {
            accepted[peer] = word;
        }
        return word(peer, MembershipWords.CONFIRMATION_OFFSET) == word;
    }

    private boolean isAnyAwaited() {
        for (final int peer : others) {
            if (isAwaited(peer) && !isOverdue(peer, firstGrantNanos)) {
                return true;
            }
        }
        return false;
    }

    private boolean isAwaited(final int peer) {
        if (!isPeer[peer]) {
            return requested[peer] < REQUEST_WORDS;
        }
        final boolean isOut = listedByAny[peer] && requestedEpoch(peer) != NONE
            || listed[peer] && health.isSilent(peer, firstGrantNanos, clock.nowNanos());
        return !granted[peer] && !isOut;
    }

    /**
     * Becomes a member: opens the links to those that have granted, masks the others.
     *
     * @return the number of the last call; -1 if a grant has been taken back meanwhile: go on joining
     */
    public long enter() {
        boolean anyOfMember = false;
        for (final int peer : others) {
            if (granted[peer] && !takeGrant(peer)) {
                return -1;
            }
            anyOfMember |= granted[peer] && !isLeftBehind(peer);
        }
        final long lastCall = lastCall(anyOfMember);
        joining = false;
        for (final int peer : others) {
            if (granted[peer] && grantedCall(peer) == lastCall) {
                open(peer, (int) (word(peer, MembershipWords.GRANT_VIEW_OFFSET) >>> Integer.SIZE));
                becomeMember(peer);
            } else if (isPeer[peer]) {
                mask(peer);
            } else {
                // If it joins, too, it is before this rank: others let it in.
                isBefore[peer] = !listedByAny[peer];
            }
        }
        links.reconnect(rank);
        open(rank, epoch);
        return lastCall;
    }

    /** The number that most have granted; of several, the greatest. */
    private long lastCall(final boolean ofMembers) {
        long lastCall = 0;
        int most = 0;
        for (final int peer : others) {
            int count = 0;
            for (final int other : others) {
                final boolean counts = granted[other] && !(ofMembers && isLeftBehind(other));
                count += counts && grantedCall(other) == grantedCall(peer) ? 1 : 0;
            }
            if (count > most || count == most && count > 0 && grantedCall(peer) > lastCall) {
                lastCall = grantedCall(peer);
                most = count;
            }
        }
        return lastCall;
    }

    private long grantedCall(final int peer) {
        return word(peer, MembershipWords.GRANT_CALL_OFFSET);
    }

    /** Whether the peer, which has granted, is masked by a member: as it says itself, or as the member does. */
    private boolean isLeftBehind(final int peer) {
        return (word(peer, MembershipWords.GRANT_VIEW_OFFSET) & EXCLUDED) != 0 || listed[peer];
    }

    private long word(final int peer, final int offset) {
        return (long) LONG.getAcquire(region, words.at(peer, offset));
    }

    /** Says in words what this rank waits for in order to join, or to let {@code peer} join; for people, allocates. */
    public String joinState() {
        if (!joining) {
            return "rank " + rank + " is a member";
        }
        final StringBuilder awaited = new StringBuilder();
        for (final int peer : peers) {
            if (isAwaited(peer)) {
                awaited.append(awaited.isEmpty() ? "" : ", ").append(peer).append(requested[peer] < REQUEST_WORDS ? " (request not posted: queue full)" : "");
            }
        }
        return "rank " + rank + " joins with epoch " + epoch + ": waits for " + (anyGranted ? "the grants of ranks " : "a first grant, of ranks ") + awaited;
    }

    /** Says in words what a grant to {@code peer} waits for; for people, allocates. */
    public String grantState(final int peer) {
        if (answering[peer]) {
            return "the grant to rank " + peer + (granting[peer] <= words.maskWords() + 3 ? " waits for room in a send queue" : " has not been accepted yet");
        }
        if (requestedEpoch(peer) != NONE) {
            return "the request of rank " + peer + " has not been answered yet";
        }
        return masked[peer] ? "rank " + peer + " has not requested to join" : "rank " + peer + " is a member";
    }
}

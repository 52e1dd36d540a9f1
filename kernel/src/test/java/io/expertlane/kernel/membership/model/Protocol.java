package io.expertlane.kernel.membership.model;

import static io.expertlane.kernel.membership.model.ModelState.ACCEPTANCE_WORD;
import static io.expertlane.kernel.membership.model.ModelState.ACCEPTED;
import static io.expertlane.kernel.membership.model.ModelState.AWAITED;
import static io.expertlane.kernel.membership.model.ModelState.CALL;
import static io.expertlane.kernel.membership.model.ModelState.CALL_QUEUE;
import static io.expertlane.kernel.membership.model.ModelState.CLEARED;
import static io.expertlane.kernel.membership.model.ModelState.CONFIRMATION_WORD;
import static io.expertlane.kernel.membership.model.ModelState.COUNT_WORD;
import static io.expertlane.kernel.membership.model.ModelState.DEAD;
import static io.expertlane.kernel.membership.model.ModelState.EPOCH;
import static io.expertlane.kernel.membership.model.ModelState.EPOCH_OF;
import static io.expertlane.kernel.membership.model.ModelState.EXCLUDED_BY;
import static io.expertlane.kernel.membership.model.ModelState.FROZEN;
import static io.expertlane.kernel.membership.model.ModelState.GONE;
import static io.expertlane.kernel.membership.model.ModelState.GRANTING;
import static io.expertlane.kernel.membership.model.ModelState.GRANT_CALL;
import static io.expertlane.kernel.membership.model.ModelState.GRANT_EPOCH;
import static io.expertlane.kernel.membership.model.ModelState.GRANT_KEY;
import static io.expertlane.kernel.membership.model.ModelState.GRANT_LIFE;
import static io.expertlane.kernel.membership.model.ModelState.GRANT_WORD;
import static io.expertlane.kernel.membership.model.ModelState.IS_NEW;
import static io.expertlane.kernel.membership.model.ModelState.JOINING;
import static io.expertlane.kernel.membership.model.ModelState.LIFE;
import static io.expertlane.kernel.membership.model.ModelState.LIFE_OF;
import static io.expertlane.kernel.membership.model.ModelState.MASKED;
import static io.expertlane.kernel.membership.model.ModelState.MEMBER;
import static io.expertlane.kernel.membership.model.ModelState.MEMBERSHIP_QUEUE;
import static io.expertlane.kernel.membership.model.ModelState.NOT_GRANTING;
import static io.expertlane.kernel.membership.model.ModelState.POSTED;
import static io.expertlane.kernel.membership.model.ModelState.RANKS;
import static io.expertlane.kernel.membership.model.ModelState.REQUESTED;
import static io.expertlane.kernel.membership.model.ModelState.REQUEST_WORD;
import static io.expertlane.kernel.membership.model.ModelState.SAME_REGION;
import static io.expertlane.kernel.membership.model.ModelState.STATUS;
import static io.expertlane.kernel.membership.model.ModelState.TO_POST;
import static io.expertlane.kernel.membership.model.ModelState.TROUBLED;

/**
 * What a rank does, as {@code docs/membership.md} says: each method is one step of one rank and changes the state given. Steps that break an
 * invariant throw {@link Violation}.
 */
final class Protocol {
    private static final int NO_REQUEST = -1;

    private final Rule removed;

    /**
     * The protocol, but for one rule.
     *
     * @param removed the rule; null: with all rules
     */
    Protocol(final Rule removed) {
        this.removed = removed;
    }

    boolean has(final Rule rule) {
        return rule != removed;
    }

    static int third(final int rank, final int peer) {
        return RANKS - rank - peer;
    }

    // Keys.

    /** Revokes the key that {@code writer} has of {@code rank}'s memory: what is in flight under it, and every word that names it, is void. */
    private void revoke(final ModelState s, final int rank, final int writer) {
        s.dropInFlight(writer, rank);
        s.set(writer, rank, GONE, 1);
        s.set(writer, rank, ACCEPTED, 0);
        s.set(rank, writer, GRANT_KEY, 0);
        voidWord(s, rank, writer, REQUEST_WORD, Message.KEY);
        voidWord(s, rank, writer, ACCEPTANCE_WORD, Message.KEY);
        voidWord(s, writer, rank, REQUEST_WORD, Message.OWN_KEY);
        voidWord(s, writer, rank, GRANT_WORD, Message.KEY);
        voidWord(s, writer, rank, CONFIRMATION_WORD, Message.KEY);
        s.mapInFlight(rank, writer, message -> switch (Message.type(message)) {
            case Message.REQUEST -> message & ~Message.OWN_KEY;
            case Message.GRANT, Message.CONFIRMATION -> message & ~Message.KEY;
            default -> message;
        });
    }

    private static void voidWord(final ModelState s, final int rank, final int writer, final int word, final int key) {
        s.setWord(rank, writer, word, s.word(rank, writer, word) & ~key);
    }

    private void revokeAll(final ModelState s, final int rank) {
        for (int writer = 0; writer < RANKS; writer++) {
            if (writer != rank) {
                revoke(s, rank, writer);
                s.set(writer, rank, SAME_REGION, 0);
            }
        }
    }

    // Members.

    void mask(final ModelState s, final int rank, final int peer) {
        if (s.get(rank, STATUS) == JOINING) {
            return;
        }
        if (has(Rule.EXCLUSION_STOPS_GRANTING)) {
            s.set(rank, peer, GRANTING, NOT_GRANTING);
        }
        if (!s.is(rank, peer, MASKED)) {
            s.set(rank, peer, MASKED, 1);
            s.set(rank, peer, IS_NEW, 0);
            if (has(Rule.MASK_REVOKES_KEY)) {
                revoke(s, rank, peer);
            }
            if (has(Rule.LIVE_CALLS_EXCLUDE)) {
                s.set(rank, peer, AWAITED, 0);
            }
            masksChanged(s, rank);
        }
    }

    private void masksChanged(final ModelState s, final int rank) {
        for (int peer = 0; peer < RANKS && has(Rule.GRANT_REPEATED); peer++) {
            if (peer != rank && (s.is(rank, peer, IS_NEW) || s.get(rank, peer, GRANTING) != NOT_GRANTING)) {
                s.set(rank, peer, GRANTING, TO_POST);
            }
        }
    }

    private void maskRevoked(final ModelState s, final int rank) {
        for (int peer = 0; peer < RANKS && has(Rule.REVOKED_KEY_MASKS); peer++) {
            if (peer != rank && !s.is(rank, peer, MASKED) && s.is(rank, peer, GONE)) {
                mask(s, rank, peer);
                s.set(rank, peer, EXCLUDED_BY, s.get(rank, peer, SAME_REGION));
            }
        }
    }

    /** A member's {@code doWork()}. */
    void work(final ModelState s, final int rank) {
        maskRevoked(s, rank);
        for (int peer = 0; peer < RANKS; peer++) {
            if (peer != rank && !s.is(rank, peer, MASKED) && s.get(rank, peer, GRANTING) != NOT_GRANTING && postGrant(s, rank, peer)) {
                s.set(rank, peer, GRANTING, NOT_GRANTING);
            }
        }
        for (int peer = 0; peer < RANKS; peer++) {
            if (s.is(rank, peer, AWAITED)) {
                takeCount(s, rank, peer);
            }
        }
    }

    private void takeCount(final ModelState s, final int rank, final int peer) {
        final int call = s.get(rank, CALL);
        final int word = s.word(rank, peer, COUNT_WORD + (call & 1));
        if (Message.type(word) != Message.COUNT || Message.call(word) != call
            || has(Rule.TAG_OF_WORDS) && Message.tag(word) != s.get(rank, EPOCH) + s.get(rank, peer, EPOCH_OF)) {
            return;
        }
        require(Message.life(word) == s.get(rank, peer, LIFE_OF) && Message.targetLife(word) == s.get(rank, LIFE),
            "rank " + rank + " takes the count of another life of rank " + peer);
        s.set(rank, peer, AWAITED, 0);
    }

    static boolean isWaiting(final ModelState s, final int rank) {
        for (int peer = 0; peer < RANKS; peer++) {
            if (s.is(rank, peer, AWAITED)) {
                return true;
            }
        }
        return false;
    }

    void dispatch(final ModelState s, final int rank) {
        maskRevoked(s, rank);
        for (int peer = 0; peer < RANKS; peer++) {
            if (peer != rank && s.is(rank, peer, MASKED) && s.get(rank, peer, GRANTING) != NOT_GRANTING && has(Rule.DISPATCH_WITHDRAWS)) {
                s.set(rank, peer, GRANTING, NOT_GRANTING);
                revoke(s, rank, peer);
            }
        }
        s.set(rank, CALL, s.get(rank, CALL) + 1);
        for (int peer = 0; peer < RANKS; peer++) {
            if (peer != rank && !s.is(rank, peer, MASKED)) {
                s.set(rank, peer, AWAITED, 1);
                if (!s.is(rank, peer, GONE)) {
                    s.post(rank, peer, CALL_QUEUE, Message.count(s.get(rank, EPOCH) + s.get(rank, peer, EPOCH_OF), s.get(rank, CALL),
                        s.get(rank, LIFE), s.get(rank, peer, LIFE_OF)));
                }
            }
        }
    }

    // Granting.

    private int requestedEpoch(final ModelState s, final int rank, final int peer) {
        final int request = s.word(rank, peer, REQUEST_WORD);
        final boolean unmasked = s.get(rank, STATUS) == MEMBER && !s.is(rank, peer, MASKED);
        final boolean isVoid = request == Message.NONE
            || has(Rule.KEY_OF_TARGET_IN_REQUEST) && !Message.is(request, Message.KEY)
            || has(Rule.KEY_OF_JOINING_IN_REQUEST) && !Message.is(request, Message.OWN_KEY)
            || has(Rule.ANSWERED_ONCE) && unmasked && Message.epoch(request) <= s.get(rank, peer, EPOCH_OF)
            || !has(Rule.HIGHER_EPOCH_WINS) && unmasked;
        return isVoid ? NO_REQUEST : Message.epoch(request);
    }

    boolean isRequested(final ModelState s, final int rank, final int peer) {
        return requestedEpoch(s, rank, peer) != NO_REQUEST;
    }

    /** A member's {@code clearMask(peer)}. */
    void clearMask(final ModelState s, final int rank, final int peer) {
        work(s, rank);
        if (s.get(rank, peer, GRANTING) != NOT_GRANTING && s.is(rank, peer, GONE) && has(Rule.GONE_STOPS_GRANTING)) {
            s.set(rank, peer, GRANTING, NOT_GRANTING);
        }
        if (s.get(rank, peer, GRANTING) == NOT_GRANTING && !beginGranting(s, rank, peer)) {
            return;
        }
        if (postGrant(s, rank, peer) && isAccepted(s, rank, peer)) {
            s.post(rank, peer, MEMBERSHIP_QUEUE, Message.confirmation(s.get(rank, peer, GRANT_EPOCH), key(s, rank, peer)));
            require(s.get(rank, peer, GRANT_LIFE) == s.get(peer, LIFE), "rank " + rank + " has a life of rank " + peer + " as a member that is over");
            s.set(rank, peer, GRANTING, NOT_GRANTING);
            s.set(rank, peer, MASKED, 0);
            s.set(rank, peer, EXCLUDED_BY, 0);
            s.set(rank, peer, IS_NEW, 1);
            s.set(rank, peer, CLEARED, 1);
        }
    }

    private boolean beginGranting(final ModelState s, final int rank, final int peer) {
        final int epoch = requestedEpoch(s, rank, peer);
        if (epoch == NO_REQUEST) {
            return false;
        }
        if (!s.is(rank, peer, MASKED) && has(Rule.OLD_LIFE_EXCLUDED_FIRST)) {
            mask(s, rank, peer);
            return false;
        }
        final int life = Message.life(s.word(rank, peer, REQUEST_WORD));
        require(life == s.get(peer, LIFE), "rank " + rank + " answers the request of a life of rank " + peer + " that is over");
        s.set(rank, peer, GONE, 0);
        s.set(rank, peer, EPOCH_OF, epoch);
        s.set(rank, peer, LIFE_OF, life);
        s.set(rank, peer, SAME_REGION, 1);
        s.set(rank, peer, GRANTING, TO_POST);
        s.set(rank, peer, GRANT_EPOCH, epoch);
        s.set(rank, peer, GRANT_LIFE, life);
        s.set(rank, peer, GRANT_KEY, 1);
        s.set(rank, peer, GRANT_CALL, s.get(rank, CALL));
        return true;
    }

    private static int key(final ModelState s, final int rank, final int peer) {
        return s.is(rank, peer, GRANT_KEY) ? Message.KEY : 0;
    }

    private boolean isAccepted(final ModelState s, final int rank, final int peer) {
        final int word = s.word(rank, peer, ACCEPTANCE_WORD);
        return !has(Rule.ACCEPTANCE_AWAITED) || Message.type(word) == Message.ACCEPTANCE
            && Message.epoch(word) == s.get(rank, peer, GRANT_EPOCH) && (word & Message.KEY) == key(s, rank, peer);
    }

    private boolean postGrant(final ModelState s, final int rank, final int peer) {
        if (s.is(rank, peer, GONE)) {
            return false;
        }
        if (s.get(rank, peer, GRANTING) == TO_POST) {
            final int third = third(rank, peer);
            final boolean isThirdOut = s.is(rank, third, MASKED) || isRequested(s, rank, third);
            final boolean isExcluded = s.is(rank, third, MASKED) && s.is(rank, third, EXCLUDED_BY);
            final int flags = (isThirdOut && has(Rule.LIST_IN_GRANT) ? Message.THIRD_OUT : 0) | (isExcluded ? Message.EXCLUDED : 0);
            s.post(rank, peer, MEMBERSHIP_QUEUE, Message.WITHDRAWAL);
            s.post(rank, peer, MEMBERSHIP_QUEUE, Message.grant(s.get(rank, peer, GRANT_EPOCH), key(s, rank, peer),
                s.get(rank, peer, GRANT_CALL), s.get(rank, EPOCH), flags, s.get(rank, LIFE)));
            s.set(rank, peer, GRANTING, POSTED);
        }
        return true;
    }

    // Joining.

    /** A rank stops. */
    void crash(final ModelState s, final int rank, final boolean revoked) {
        if (revoked) {
            revokeAll(s, rank);
        }
        s.abandonQueues(rank);
        s.set(rank, STATUS, DEAD);
        s.set(rank, FROZEN, 0);
        s.set(rank, TROUBLED, 0);
        s.set(rank, CALL, 0);
        for (int peer = 0; peer < RANKS; peer++) {
            s.clearPair(rank, peer);
        }
    }

    /** The first {@code rejoin()}, of a rank that lives or of one that starts again. */
    void beginJoining(final ModelState s, final int rank) {
        s.set(rank, STATUS, JOINING);
        s.set(rank, TROUBLED, 0);
        s.set(rank, CALL, 0);
        s.set(rank, EPOCH, s.get(rank, EPOCH) + (has(Rule.NEW_EPOCH) ? 1 : 0));
        s.set(rank, LIFE, s.get(rank, LIFE) + 1);
        if (has(Rule.JOINING_REVOKES_KEYS)) {
            revokeAll(s, rank);
        }
        for (int peer = 0; peer < RANKS; peer++) {
            final int epoch = s.get(rank, peer, EPOCH_OF);
            final int gone = s.get(rank, peer, GONE);
            s.clearPair(rank, peer);
            s.set(rank, peer, EPOCH_OF, epoch);
            s.set(rank, peer, GONE, gone);
        }
    }

    /**
     * {@code rejoin()} of a rank that joins already.
     *
     * @param late the peer that is overdue, or -1
     */
    void join(final ModelState s, final int rank, final int late) {
        int granted = 0;
        for (int peer = 0; peer < RANKS; peer++) {
            if (peer != rank) {
                request(s, rank, peer);
                granted |= isGranted(s, rank, peer) && accept(s, rank, peer) ? 1 << peer : 0;
            }
        }
        boolean isAnyAwaited = false;
        for (int peer = 0; peer < RANKS; peer++) {
            isAnyAwaited |= peer != rank && (granted & 1 << peer) == 0 && peer != late && !isKnownOut(s, rank, peer);
        }
        if (granted != 0 && !isAnyAwaited) {
            enter(s, rank, granted);
        }
    }

    private void request(final ModelState s, final int rank, final int peer) {
        if (s.is(rank, peer, GONE)) {
            s.set(rank, peer, GONE, 0);
            s.set(rank, peer, REQUESTED, 0);
        }
        final int request = Message.request(s.get(rank, EPOCH), s.get(rank, LIFE));
        if (!s.is(rank, peer, REQUESTED) || has(Rule.REQUEST_REPEATED) && isLost(s, rank, peer, REQUEST_WORD, request)) {
            s.post(rank, peer, MEMBERSHIP_QUEUE, request);
            s.set(rank, peer, REQUESTED, 1);
        }
    }

    /** Whether posting again would make a difference: something posted by a life before has come after it. */
    private static boolean isLost(final ModelState s, final int rank, final int peer, final int word, final int posted) {
        for (final int message : s.queues(rank, peer)[MEMBERSHIP_QUEUE]) {
            if (message == posted) {
                return false;
            }
        }
        return s.word(peer, rank, word) != posted;
    }

    private boolean isGranted(final ModelState s, final int rank, final int peer) {
        final int word = s.word(rank, peer, GRANT_WORD);
        return Message.type(word) == Message.GRANT
            && (!has(Rule.EPOCH_OF_GRANTS) || Message.epoch(word) == s.get(rank, EPOCH))
            && (!has(Rule.KEY_OF_GRANTS) || Message.is(word, Message.KEY));
    }

    private boolean accept(final ModelState s, final int rank, final int peer) {
        final int word = s.word(rank, peer, CONFIRMATION_WORD);
        final boolean isConfirmed = !has(Rule.CONFIRMATION_AWAITED)
            || Message.type(word) == Message.CONFIRMATION && Message.epoch(word) == s.get(rank, EPOCH) && Message.is(word, Message.KEY);
        final int acceptance = Message.acceptance(s.get(rank, EPOCH), s.get(rank, LIFE));
        if (!s.is(rank, peer, ACCEPTED)
            || !isConfirmed && has(Rule.ACCEPTANCE_REPEATED) && isLost(s, rank, peer, ACCEPTANCE_WORD, acceptance)) {
            s.post(rank, peer, MEMBERSHIP_QUEUE, acceptance);
            s.set(rank, peer, ACCEPTED, 1);
        }
        return isConfirmed;
    }

    /** A grant lists the peer as masked, and the peer requests to join itself. */
    private boolean isKnownOut(final ModelState s, final int rank, final int peer) {
        final int third = third(rank, peer);
        final int word = s.word(rank, third, GRANT_WORD);
        return isGranted(s, rank, third) && Message.is(word, Message.THIRD_OUT)
            && (!has(Rule.LIST_DOUBTED) || isRequested(s, rank, peer));
    }

    private void enter(final ModelState s, final int rank, final int granted) {
        boolean isAnyOfMember = false;
        for (int peer = 0; peer < RANKS; peer++) {
            isAnyOfMember |= (granted & 1 << peer) != 0 && !isOfExcluded(s, rank, peer);
        }
        int lastCall = 0;
        for (int peer = 0; peer < RANKS; peer++) {
            if ((granted & 1 << peer) != 0 && !(isAnyOfMember && isOfExcluded(s, rank, peer))) {
                lastCall = Math.max(lastCall, Message.call(s.word(rank, peer, GRANT_WORD)));
            }
        }
        s.set(rank, STATUS, MEMBER);
        for (int peer = 0; peer < RANKS; peer++) {
            final int word = s.word(rank, peer, GRANT_WORD);
            final boolean isGranted = (granted & 1 << peer) != 0;
            if (isGranted && (Message.call(word) == lastCall || !has(Rule.OTHER_CALL_MASKED))) {
                open(s, rank, peer, lastCall);
            } else if (peer != rank) {
                require(!isInGoodStanding(s, peer, rank), "rank " + rank + " joins and masks the healthy rank " + peer);
                mask(s, rank, peer);
            }
        }
        s.set(rank, CALL, lastCall);
    }

    private boolean isOfExcluded(final ModelState s, final int rank, final int peer) {
        return has(Rule.CALL_OF_EXCLUDED_IGNORED) && Message.is(s.word(rank, peer, GRANT_WORD), Message.EXCLUDED);
    }

    private static void open(final ModelState s, final int rank, final int peer, final int lastCall) {
        final int grant = s.word(rank, peer, GRANT_WORD);
        require(Message.life(grant) == s.get(peer, LIFE), "rank " + rank + " enters by the grant of a life of rank " + peer + " that is over");
        require(s.get(peer, STATUS) == DEAD || s.get(peer, STATUS) == MEMBER && !s.is(peer, rank, MASKED)
            && s.get(peer, rank, LIFE_OF) == s.get(rank, LIFE), "rank " + rank + " enters by the grant of rank " + peer + ", which has it masked");
        require(Message.call(grant) == lastCall, "rank " + rank + " enters with call " + lastCall + ", but rank " + peer + " granted another");
        s.set(rank, peer, EPOCH_OF, Message.writerEpoch(grant));
        s.set(rank, peer, LIFE_OF, Message.life(grant));
        s.set(rank, peer, SAME_REGION, 1);
        s.set(rank, peer, CLEARED, 1);
    }

    /** Whether nobody has cause to mask {@code rank}: it is healthy, and so are its links to all but {@code joining}. */
    private static boolean isInGoodStanding(final ModelState s, final int rank, final int joining) {
        final int third = third(rank, joining);
        final boolean isHealthy = s.get(rank, STATUS) == MEMBER && s.get(rank, FROZEN) == 0 && s.get(rank, TROUBLED) == 0;
        final boolean isAlone = s.get(third, STATUS) != MEMBER;
        return isHealthy && (isAlone || !s.is(rank, third, MASKED) && !s.is(third, rank, MASKED)) && s.get(joining, TROUBLED) == 0;
    }

    static void require(final boolean holds, final String otherwise) {
        if (!holds) {
            throw new Violation(otherwise);
        }
    }

    // What no later step can tell apart.

    /** Forgets what no rank will use: words that name revoked keys or past epochs, grants to ranks that do not join. */
    void forget(final ModelState s) {
        s.sortQueues();
        for (int rank = 0; rank < RANKS; rank++) {
            for (int writer = 0; writer < RANKS; writer++) {
                if (writer != rank) {
                    forget(s, rank, writer);
                }
            }
        }
    }

    private void forget(final ModelState s, final int rank, final int writer) {
        for (int word = 0; word < COUNT_WORD + 2; word++) {
            if (isPast(s, rank, writer, s.word(rank, writer, word))) {
                s.setWord(rank, writer, word, Message.NONE);
            }
        }
        if (s.get(rank, STATUS) == DEAD) {
            s.clearPair(rank, writer);
        }
        if (isOnlyForJoining(s, writer) && !s.is(rank, writer, MASKED)) {
            s.set(rank, writer, IS_NEW, 0);
            s.set(rank, writer, GRANTING, NOT_GRANTING);
        }
        if (s.get(rank, writer, GRANTING) == NOT_GRANTING && !s.is(rank, writer, IS_NEW)) {
            s.set(rank, writer, GRANT_EPOCH, 0);
            s.set(rank, writer, GRANT_LIFE, 0);
            s.set(rank, writer, GRANT_CALL, 0);
            s.set(rank, writer, GRANT_KEY, 0);
        }
        if (s.get(rank, STATUS) != JOINING) {
            s.set(rank, writer, REQUESTED, 0);
            s.set(rank, writer, ACCEPTED, 0);
        }
        if (isOut(s, rank, writer)) {
            s.set(rank, writer, SAME_REGION, 0);
            s.set(rank, writer, GONE, 0);
        }
        if (isOnlyForJoining(s, rank)) {
            s.mapInFlight(writer, rank, message -> isForJoining(message) ? Message.NONE : message);
        }
    }

    private boolean isPast(final ModelState s, final int rank, final int writer, final int message) {
        return switch (Message.type(message)) {
            case Message.REQUEST -> has(Rule.KEY_OF_TARGET_IN_REQUEST) && !Message.is(message, Message.KEY)
                || has(Rule.KEY_OF_JOINING_IN_REQUEST) && !Message.is(message, Message.OWN_KEY);
            case Message.GRANT, Message.CONFIRMATION -> isOnlyForJoining(s, rank)
                || has(Rule.KEY_OF_GRANTS) && !Message.is(message, Message.KEY)
                || has(Rule.EPOCH_OF_GRANTS) && Message.epoch(message) != s.get(rank, EPOCH);
            case Message.ACCEPTANCE -> !isLoose() && (!Message.is(message, Message.KEY) || s.get(rank, writer, GRANTING) == NOT_GRANTING
                || !s.is(rank, writer, MASKED));
            case Message.COUNT -> !isLoose() && isCountPast(s, rank, writer, message);
            default -> false;
        };
    }

    /** Whether a rule is missing without which words of a past link may be used again. */
    private boolean isLoose() {
        return removed != null && removed.ordinal() <= Rule.GRANT_REPEATED.ordinal();
    }

    private static boolean isOut(final ModelState s, final int rank, final int peer) {
        return s.get(rank, STATUS) == JOINING ? false : s.is(rank, peer, MASKED) && s.get(rank, peer, GRANTING) == NOT_GRANTING;
    }

    /** Whether the rank will use no grant but those for a later epoch. */
    private boolean isOnlyForJoining(final ModelState s, final int rank) {
        return s.get(rank, STATUS) != JOINING && has(Rule.EPOCH_OF_GRANTS) && has(Rule.NEW_EPOCH);
    }

    private static boolean isForJoining(final int message) {
        return Message.type(message) == Message.GRANT || Message.type(message) == Message.CONFIRMATION
            || Message.type(message) == Message.WITHDRAWAL;
    }

    private static boolean isCountPast(final ModelState s, final int rank, final int writer, final int count) {
        final int tag = s.get(rank, EPOCH) + (s.get(rank, STATUS) == MEMBER ? s.get(rank, writer, EPOCH_OF) : 0);
        final int call = s.get(rank, CALL);
        final boolean isUsed = Message.call(count) <= call && !(Message.call(count) == call && s.is(rank, writer, AWAITED));
        final boolean isOver = s.is(rank, writer, MASKED) ? s.get(rank, writer, GRANTING) == NOT_GRANTING : isUsed;
        return Message.tag(count) < tag || Message.tag(count) == tag && s.get(rank, STATUS) == MEMBER && isOver;
    }
}

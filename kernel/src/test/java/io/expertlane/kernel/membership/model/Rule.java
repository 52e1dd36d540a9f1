package io.expertlane.kernel.membership.model;

/** A rule of the protocol that the model can do without: each has to be missed. The text says what is removed. */
enum Rule {
    TAG_OF_WORDS("a count is used by its call number alone, whatever its tag"),
    MASK_REVOKES_KEY("a rank that masks a peer leaves it its key"),
    JOINING_REVOKES_KEYS("a rank that joins or starts again leaves all keys"),
    REVOKED_KEY_MASKS("a rank does not mask a member that has revoked its key"),
    NEW_EPOCH("a rank joins again with the epoch that it had"),
    KEY_OF_GRANTS("a grant is valid whatever has become of its key"),
    EPOCH_OF_GRANTS("a grant is valid whatever its epoch"),
    KEY_OF_TARGET_IN_REQUEST("a request is valid although the key that it names has been revoked"),
    KEY_OF_JOINING_IN_REQUEST("a request is valid although the joining rank has revoked the key of the one that it asked"),
    ANSWERED_ONCE("a request of an unmasked peer is valid whatever its epoch"),
    HIGHER_EPOCH_WINS("a request of an unmasked peer is never valid"),
    REQUEST_REPEATED("a request is repeated only when the key has changed"),
    ACCEPTANCE_REPEATED("an acceptance is not repeated"),
    OLD_LIFE_EXCLUDED_FIRST("a request of an unmasked peer is answered without masking its old life"),
    LIVE_CALLS_EXCLUDE("live calls go on waiting for a peer that is masked"),
    EXCLUSION_STOPS_GRANTING("a grant goes on although its peer has been masked again"),
    GONE_STOPS_GRANTING("a grant goes on although its peer has revoked the key"),
    ACCEPTANCE_AWAITED("a rank is a member as soon as its grant is posted"),
    CONFIRMATION_AWAITED("a grant counts before its member has seen that it was accepted"),
    DISPATCH_WITHDRAWS("a grant that was not accepted stays valid after the next dispatch"),
    GRANT_REPEATED("a new member does not learn of masks that change before the next dispatch"),
    LIST_IN_GRANT("grants do not list masked ranks"),
    LIST_DOUBTED("a rank that a grant lists as masked is not waited for, whatever its signs"),
    CALL_OF_EXCLUDED_IGNORED("the call number of a rank counts although a member has masked that one"),
    OTHER_CALL_MASKED("a joining rank does not mask a rank that granted another call number than the one taken"),
    TIME_FROM_FIRST_GRANT("a joining rank counts time from its first step");

    private final String removed;

    Rule(final String removed) {
        this.removed = removed;
    }

    /** What a protocol without this rule does. */
    String removed() {
        return removed;
    }
}

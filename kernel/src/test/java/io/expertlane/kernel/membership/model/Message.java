package io.expertlane.kernel.membership.model;

/**
 * A word of the protocol, in flight or in memory, as an int. Keys are not numbers here: a key that a word names is either the present one or revoked
 * for ever, which is one bit. So states that differ by the values of keys only are one state.
 *
 * <p>Ghosts, which the protocol does not see: the lives of the writer and of the rank that it was meant for.
 */
final class Message {
    static final int NONE = 0;
    static final int REQUEST = 1;
    /** Withdraws the grant before, ahead of a new one. */
    static final int WITHDRAWAL = 2;
    static final int GRANT = 3;
    static final int ACCEPTANCE = 4;
    static final int CONFIRMATION = 5;
    static final int COUNT = 6;

    /** The key that the word names, or the first of two, is the present one. */
    static final int KEY = 1 << 3;
    /** In a request: the key of the joining rank's memory that it names is the present one. */
    static final int OWN_KEY = 1 << 4;
    /** In a grant: a member has masked the writer. */
    static final int EXCLUDED = 1 << 5;
    /** In a grant: the third rank is masked, or joins. */
    static final int THIRD_OUT = 1 << 6;

    private static final int TYPE_MASK = 7;
    private static final int EPOCH_SHIFT = 7;
    private static final int WRITER_EPOCH_SHIFT = 10;
    private static final int CALL_SHIFT = 13;
    private static final int TAG_SHIFT = 16;
    private static final int LIFE_SHIFT = 20;
    private static final int TARGET_LIFE_SHIFT = 23;
    private static final int SMALL = 7;
    private static final int TAG_MASK = 15;

    private Message() {
    }

    static int request(final int epoch, final int life) {
        return REQUEST | KEY | OWN_KEY | epoch << EPOCH_SHIFT | life << LIFE_SHIFT;
    }

    static int grant(final int epoch, final int key, final int call, final int writerEpoch, final int flags, final int life) {
        return GRANT | key | flags | epoch << EPOCH_SHIFT | writerEpoch << WRITER_EPOCH_SHIFT | call << CALL_SHIFT | life << LIFE_SHIFT;
    }

    static int acceptance(final int epoch, final int life) {
        return ACCEPTANCE | KEY | epoch << EPOCH_SHIFT | life << LIFE_SHIFT;
    }

    static int confirmation(final int epoch, final int key) {
        return CONFIRMATION | key | epoch << EPOCH_SHIFT;
    }

    static int count(final int tag, final int call, final int life, final int targetLife) {
        return COUNT | tag << TAG_SHIFT | call << CALL_SHIFT | life << LIFE_SHIFT | targetLife << TARGET_LIFE_SHIFT;
    }

    static int type(final int message) {
        return message & TYPE_MASK;
    }

    static boolean is(final int message, final int flag) {
        return (message & flag) != 0;
    }

    static int epoch(final int message) {
        return message >>> EPOCH_SHIFT & SMALL;
    }

    static int writerEpoch(final int message) {
        return message >>> WRITER_EPOCH_SHIFT & SMALL;
    }

    static int call(final int message) {
        return message >>> CALL_SHIFT & SMALL;
    }

    static int tag(final int message) {
        return message >>> TAG_SHIFT & TAG_MASK;
    }

    static int life(final int message) {
        return message >>> LIFE_SHIFT & SMALL;
    }

    static int targetLife(final int message) {
        return message >>> TARGET_LIFE_SHIFT & SMALL;
    }

    static String text(final int message) {
        return switch (type(message)) {
            case NONE -> "-";
            case REQUEST -> "request" + keys(message) + " e" + epoch(message);
            case WITHDRAWAL -> "withdrawal";
            case GRANT -> "grant" + keys(message) + " e" + epoch(message) + " of e" + writerEpoch(message) + " call " + call(message)
                + (is(message, EXCLUDED) ? " excluded" : "") + (is(message, THIRD_OUT) ? " third out" : "");
            case ACCEPTANCE -> "acceptance" + keys(message) + " e" + epoch(message);
            case CONFIRMATION -> "confirmation" + keys(message) + " e" + epoch(message);
            default -> "count tag " + tag(message) + " call " + call(message) + " life " + life(message);
        };
    }

    private static String keys(final int message) {
        return (is(message, KEY) ? "" : " (key revoked)") + (type(message) == REQUEST && !is(message, OWN_KEY) ? " (own key revoked)" : "");
    }
}

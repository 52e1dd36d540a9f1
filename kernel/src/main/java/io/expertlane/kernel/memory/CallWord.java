package io.expertlane.kernel.memory;

/**
 * The one layout of the words by which ranks tell each other how far a call has come: counts, flags, signals, slot
 * words.
 *
 * <pre>
 *   63                    52 51                       24 23                     0
 *  +------------------------+---------------------------+------------------------+
 *  |        link tag        |        call number        |         value          |
 *  +------------------------+---------------------------+------------------------+
 * </pre>
 *
 * <p>And of the words that go on through all calls of a link: ring tails and heads, mask reports.
 * <pre>
 *   63                    52 51                                                  0
 *  +------------------------+----------------------------------------------------+
 *  |        link tag        |                 position, or bits                  |
 *  +------------------------+----------------------------------------------------+
 * </pre>
 *
 * <p>The link tag follows the sum of both ends' epochs: it changes whenever either end joins again. A word counts only
 * if its tag and call number are those expected, so words need no clearing and what an earlier life wrote never passes
 * for a later one's. Call numbers start at 1, so zeroed memory holds no word of any call.
 *
 * <p>Example: {@code CallWord.of(tag, 7, 128)} announces 128 rows of call 7; the receiver waits until
 * {@code CallWord.isOf(word, tag, 7)} and reads {@code CallWord.value(word)}.
 */
public final class CallWord {
    /** Bits of the value. */
    public static final int VALUE_BITS = 24;
    /** The greatest value. */
    public static final int MAX_VALUE = (1 << VALUE_BITS) - 1;
    /** Bits below the link tag. */
    public static final int POSITION_BITS = 52;
    /** The greatest position, and the mask of all bits below the tag. */
    public static final long MAX_POSITION = (1L << POSITION_BITS) - 1;
    private static final long CALL_MASK = (1L << POSITION_BITS - VALUE_BITS) - 1;
    private static final int TAGS = (1 << Long.SIZE - POSITION_BITS) - 1;

    private CallWord() {
    }

    /** The tag of the link between ranks of these two epochs: 0 only as long as both are 0. */
    public static int tag(final int epoch, final int peerEpoch) {
        final int sum = epoch + peerEpoch;
        return sum == 0 ? 0 : 1 + Math.floorMod(sum - 1, TAGS);
    }

    /** The word that says {@code value}, 0 to {@link #MAX_VALUE}, of a call. */
    public static long of(final int tag, final long callNumber, final int value) {
        return (long) tag << POSITION_BITS | (callNumber & CALL_MASK) << VALUE_BITS | value;
    }

    /** Whether {@code word} is of that call and link. */
    public static boolean isOf(final long word, final int tag, final long callNumber) {
        return word >>> VALUE_BITS == ((long) tag << POSITION_BITS - VALUE_BITS | callNumber & CALL_MASK);
    }

    /** The value of a word. */
    public static int value(final long word) {
        return (int) word & MAX_VALUE;
    }

    /** The word that says {@code position}, 0 to {@link #MAX_POSITION}, of a link. */
    public static long ofPosition(final int tag, final long position) {
        return (long) tag << POSITION_BITS | position;
    }

    /** The position that a word says, or 0 if it is of another link. */
    public static long position(final long word, final int tag) {
        return word >>> POSITION_BITS == tag ? word & MAX_POSITION : 0;
    }
}

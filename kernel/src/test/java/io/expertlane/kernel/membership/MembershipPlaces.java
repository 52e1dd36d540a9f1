package io.expertlane.kernel.membership;

/** Where the words of membership lie, for tests that write over them. */
public final class MembershipPlaces {
    private MembershipPlaces() {
    }

    /** The first byte of the block that {@code writer} writes in others' memory. */
    public static long first(final MembershipWords words, final int writer) {
        return words.at(writer, 0);
    }

    /** The end of the words of that block. */
    public static long end(final MembershipWords words, final int writer) {
        return words.report(writer, words.reportWords());
    }

    /** The first word of the mask report in that block. */
    public static long report(final MembershipWords words, final int writer) {
        return words.report(writer, 0);
    }
}

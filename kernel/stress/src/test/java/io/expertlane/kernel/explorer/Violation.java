package io.expertlane.kernel.explorer;

/** An invariant that does not hold. */
final class Violation extends RuntimeException {
    private static final long serialVersionUID = 1;
    private final String kind;

    Violation(final String kind, final String message, final Throwable cause) {
        super(kind + ": " + message, cause);
        this.kind = kind;
    }

    Violation(final String kind, final String message) {
        this(kind, message, null);
    }

    /** What is broken, in a word. */
    String kind() {
        return kind;
    }
}

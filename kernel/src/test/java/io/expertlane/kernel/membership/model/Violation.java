package io.expertlane.kernel.membership.model;

/** A step that no protocol may take. */
final class Violation extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Violation(final String message) {
        super(message, null, false, false);
    }
}

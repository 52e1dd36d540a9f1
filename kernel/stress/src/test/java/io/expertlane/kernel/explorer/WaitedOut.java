package io.expertlane.kernel.explorer;

/** A rank has waited as long as any may, and masks whoever it waits for, healthy or not, as documented: the schedule ends here. */
final class WaitedOut extends RuntimeException {
    private static final long serialVersionUID = 1;

    WaitedOut(final String message) {
        super(message);
    }
}

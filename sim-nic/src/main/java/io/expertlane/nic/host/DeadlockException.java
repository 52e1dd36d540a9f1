package io.expertlane.nic.host;

/** Nothing is left that could happen, and the run is not done; the message says which agents wait since when. */
public final class DeadlockException extends IllegalStateException {
    private static final long serialVersionUID = 1L;

    /** Makes an exception. */
    public DeadlockException(final String message) {
        super(message);
    }
}

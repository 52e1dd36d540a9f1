package io.expertlane.bench.cli;

/** Bad input of the user's: shown as one line {@code expertlane: field=value: limit}, exit code 2. */
public final class UsageException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    /**
     * Makes the message {@code field=value: limit}.
     *
     * @param field option or file field
     * @param value what was given
     * @param limit what is allowed
     */
    public UsageException(final String field, final Object value, final String limit) {
        super(field + "=" + value + ": " + limit);
    }
}

package io.expertlane.kernel.explorer;

/** One life of a rank: its end of an exchange of either mode. */
interface Member {
    int NO_HANDLE = -1;

    int doWork();

    /**
     * Begins a call.
     *
     * @param handleOf the call whose handle is to be used, where this member has it; {@link #NO_HANDLE}
     * @param fixed    whether the number of rows is fixed, where the mode has that
     */
    Live dispatch(Input input, int handleOf, boolean fixed);

    boolean rejoin();

    boolean clearMask(int other);

    void mask(int other);

    boolean isMasked(int other);

    /** What the exchange says it waits for, to be traced. */
    String joinState(int other);
}

package io.expertlane.kernel.exchange;

/**
 * Takes the local work an exchange does, as it does it. Real runs use {@link #NONE}; under a virtual clock the meter advances the
 * rank's time. Work queue elements and doorbells are not reported here: the transport sees them itself.
 *
 * <p>Threading: called by the thread that drives the rank.
 */
@FunctionalInterface
public interface WorkMeter {
    /** Ignores everything. */
    WorkMeter NONE = (stage, bytes) -> { };

    /**
     * Reports work.
     *
     * @param stage what kind of work
     * @param bytes bytes read plus bytes written
     */
    void charge(Stage stage, long bytes);
}

package io.expertlane.nic.profile;

/**
 * What goes wrong with packets on their way, acknowledgements included; each packet and each acknowledgement draws for
 * itself.
 *
 * @param lossRate       share that is lost, 0 to 0.5
 * @param corruptionRate share that arrives with a wrong check sum and is dropped by the receiver, 0 to 0.5
 * @param reorderRate    share that takes a longer way, as with adaptive routing, 0 to 1
 * @param reorderNanos   the longer way adds up to this, evenly distributed, 0 to 1000000
 * @param seed           of the random numbers
 */
public record FaultProfile(double lossRate, double corruptionRate, double reorderRate, double reorderNanos, long seed) {
    /** Nothing goes wrong, unless a switch has to drop packets; NICs keep what they send. */
    public static final FaultProfile NONE = new FaultProfile(0, 0, 0, 0, 1);

    /** Checks every field. */
    public FaultProfile {
        Range.check("faults.lossRate", lossRate, 0, 0.5);
        Range.check("faults.corruptionRate", corruptionRate, 0, 0.5);
        Range.check("faults.reorderRate", reorderRate, 0, 1);
        Range.check("faults.reorderNanos", reorderNanos, 0, 1_000_000);
    }
}

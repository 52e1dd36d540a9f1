package io.expertlane.nic.profile;

/**
 * What a NIC does about packets that do not arrive.
 *
 * @param method         what is sent again
 * @param timeoutNanos   time without progress after which the oldest unacknowledged packet and all behind it are sent again, 1000 to 1e10;
 *                       67,108,864 (local ACK timeout exponent 14: 4.096 us * 2^14; NCCL and NVSHMEM set 20: 4.29 s)
 * @param retryLimit     timeouts or negative acknowledgements in a row without progress after which the queue pair is in error, 0 to 255; 7
 */
public record RecoveryProfile(Method method, double timeoutNanos, int retryLimit) {
    /** What is sent again after a gap. */
    public enum Method {
        /** The missing packet and everything behind it; the receiver drops what is not in order. */
        GO_BACK_N,
        /** Only what is missing; the receiver keeps what arrives early. */
        SELECTIVE_REPEAT
    }

    /** Checks every field. */
    public RecoveryProfile {
        Range.checkPresent("nic.recovery.method", method);
        Range.check("nic.recovery.timeoutNanos", timeoutNanos, 1000, 1e10);
        Range.check("nic.recovery.retryLimit", retryLimit, 0, 255);
    }
}

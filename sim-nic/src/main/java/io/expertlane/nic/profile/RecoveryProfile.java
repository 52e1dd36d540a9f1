package io.expertlane.nic.profile;

/**
 * What a NIC does about packets that do not arrive.
 *
 * @param method         what is sent again
 * @param timeoutNanos   time without progress after which the oldest unacknowledged packet and all behind it are sent
 *                       again, 1000 to 1e10; 67,108,864 (local ACK timeout exponent 14: 4.096 us * 2^14; NCCL and
 *                       NVSHMEM set 20: 4.29 s)
 * @param retryLimit     timeouts or negative acknowledgements in a row without progress after which the queue pair is
 *                       in error, 0 to 255; 7
 * @param rnrTimerNanos  how long a sender waits before it tries again where the receiver had no receive posted, 0 to
 *                       655360000; 640000 [RNR timer code 12, the default of NVSHMEM and NCCL]
 * @param rnrRetryLimit  how often it tries again without progress before the queue pair is in error, 0 to 6, or {@value
 *                       #RNR_RETRY_ALWAYS} for always; 7 [InfiniBand specification vol. 1, 9.7.5.2.8; NVSHMEM sets 7]
 */
public record RecoveryProfile(Method method, double timeoutNanos, int retryLimit, double rnrTimerNanos,
    int rnrRetryLimit) {
    /** The RNR retry limit that is none. */
    public static final int RNR_RETRY_ALWAYS = 7;

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
        Range.check("nic.recovery.rnrTimerNanos", rnrTimerNanos, 0, 655_360_000);
        Range.check("nic.recovery.rnrRetryLimit", rnrRetryLimit, 0, RNR_RETRY_ALWAYS);
    }
}

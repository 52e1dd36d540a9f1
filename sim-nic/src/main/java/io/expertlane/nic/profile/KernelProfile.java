package io.expertlane.nic.profile;

/**
 * What communication kernels cost beside posting and moving bytes.
 *
 * @param lowLatencySms streaming multiprocessors that low-latency kernels use, 1 to 1024; 96 [DeepEP: experts / 3]
 * @param reduceGBps    bytes read plus written a second by one SM that sums rows in fp32, 0.1 to 10000; 22.5 [fitted,
 *                      see docs/cluster-model.md]
 * @param startNanos    fixed time of a kernel: its start on all SMs, the barrier between its halves, its end, 0 to
 *                      1000000; 5900 [fitted; an empty kernel from launch to synchronisation takes 6.6 us on an H200]
 * @param jitterNanos   how much later than the first a rank begins, on average, exponentially distributed over the
 *                      ranks, 0 to 1000000; 3500 [fitted]
 */
public record KernelProfile(int lowLatencySms, double reduceGBps, double startNanos, double jitterNanos) {
    /** Checks every field. */
    public KernelProfile {
        Range.check("host.kernels.lowLatencySms", lowLatencySms, 1, 1024);
        Range.check("host.kernels.reduceGBps", reduceGBps, 0.1, 10_000);
        Range.check("host.kernels.startNanos", startNanos, 0, 1_000_000);
        Range.check("host.kernels.jitterNanos", jitterNanos, 0, 1_000_000);
    }
}

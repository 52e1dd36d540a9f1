package io.expertlane.nic.profile;

/**
 * What a rank's local work and its postings cost.
 *
 * @param memoryGBps         memory bandwidth, 1 to 100000 GB/s; H20 HBM: 4000
 * @param memoryEfficiency   share of it that streaming kernels reach, 0.01 to 1; 0.8 [aiconfigurator's correction]
 * @param communicationSms   streaming multiprocessors that communication kernels may use, 1 to 1024; 24 [DeepEP's HT
 *                           kernels]
 * @param smCopyGBps         bytes read plus written a second by one SM, 0.1 to 10000 GB/s; 65 [fitted, see
 *                           docs/cluster-model.md; an even share of an H20's memory bandwidth over its 78 SMs is 51]
 * @param issue              who posts
 * @param issuers            warps or CTAs that post work queue elements side by side, 1 to 65536; 16 [rate still grows
 *                           with issuers up to 16 on a CX-7]
 * @param postNanos          time an issuer spends on one element, 0 to 100000; 79 [12.7 M elements/s an issuer, CX-7]
 * @param doorbellNanos      further time an issuer spends on a doorbell, 0 to 100000; 30 [a posted store]
 * @param fenceNanos         latency from the last element written to the doorbell's store, 0 to 100000; 580 for {@code
 *                           __threadfence_system} alone, 3070 for a whole put of DeepEP's kernels [GPU time inside a
 *                           put, H200 and CX-7]
 * @param contention         how much longer posting takes for each further issuer on the same queue pair, as a share of
 *                           {@code postNanos}, 0 to 10; 0.1 [1 MB put: 45 us with one CTA, 610 us with 128 CTAs on one
 *                           queue pair]
 * @param proxyThreads       CPU threads that post for one rank, 1 to 64; 1 [NVSHMEM IBRC; UCCL-EP has 4]
 * @param proxyHandoffNanos  latency from an issuer's descriptor to the proxy thread that sees it, 0 to 100000; 2000
 *                           [measured hand-off about 2 us]
 * @param proxyPostNanos     time a proxy thread spends on one element, doorbell included, 0 to 100000; 400 [2.5 to 3.2
 *                           M elements/s]
 * @param proxyDoorbellNanos further time it spends on a doorbell, 0 to 100000; 0 where {@code proxyPostNanos} includes
 *                           it
 * @param proxyBatch         elements for which it rings together, if there are as many, 1 to 65536; 1
 * @param proxyPipelined    whether a proxy thread posts elements while the NIC is busy with the one before: if not, an
 *                           element takes it the longer of {@code proxyPostNanos} and the NIC's fixed latency plus its
 *                           bytes on the wire (source paper 3.2.1: T_HWI + T_data exposed on one queue pair)
 * @param pollNanos          latency from a word's arrival in memory to the agent that polls it acting on it, 0 to
 *                           100000; 500 [assumed: about one pass over the flags]
 * @param kernels            what communication kernels cost beside
 */
public record HostProfile(
    double memoryGBps,
    double memoryEfficiency,
    int communicationSms,
    double smCopyGBps,
    Issue issue,
    int issuers,
    double postNanos,
    double doorbellNanos,
    double fenceNanos,
    double contention,
    int proxyThreads,
    double proxyHandoffNanos,
    double proxyPostNanos,
    double proxyDoorbellNanos,
    int proxyBatch,
    boolean proxyPipelined,
    double pollNanos,
    KernelProfile kernels) {

    /** Who builds work queue elements and rings doorbells. */
    public enum Issue {
        /** The device itself (IBGDA): each issuer for its own queue pairs. */
        DIRECT,
        /** CPU proxy threads (IBRC), to which the device hands descriptors: serially, one doorbell an element. */
        PROXY
    }

    /** Checks every field. */
    public HostProfile {
        Range.check("host.memoryGBps", memoryGBps, 1, 100_000);
        Range.check("host.memoryEfficiency", memoryEfficiency, 0.01, 1);
        Range.check("host.communicationSms", communicationSms, 1, 1024);
        Range.check("host.smCopyGBps", smCopyGBps, 0.1, 10_000);
        Range.check("host.issuers", issuers, 1, 65_536);
        Range.check("host.postNanos", postNanos, 0, 100_000);
        Range.check("host.doorbellNanos", doorbellNanos, 0, 100_000);
        Range.check("host.fenceNanos", fenceNanos, 0, 100_000);
        Range.checkPresent("host.issue", issue);
        Range.check("host.contention", contention, 0, 10);
        Range.check("host.proxyThreads", proxyThreads, 1, 64);
        Range.check("host.proxyHandoffNanos", proxyHandoffNanos, 0, 100_000);
        Range.check("host.proxyPostNanos", proxyPostNanos, 0, 100_000);
        Range.check("host.proxyDoorbellNanos", proxyDoorbellNanos, 0, 100_000);
        Range.check("host.proxyBatch", proxyBatch, 1, 65_536);
        Range.check("host.pollNanos", pollNanos, 0, 100_000);
        Range.checkPresent("host.kernels", kernels);
    }

    /** Bytes read plus written a nanosecond by {@code sms} SMs that copy or cast: the lesser of memory and SMs. */
    public double copyBytesPerNano(final int sms) {
        return Math.min(memoryGBps * memoryEfficiency, sms * smCopyGBps);
    }

    /** Bytes read plus written a nanosecond by {@code sms} SMs that sum rows: the lesser of memory and SMs. */
    public double reduceBytesPerNano(final int sms) {
        return Math.min(memoryGBps * memoryEfficiency, sms * kernels.reduceGBps());
    }
}

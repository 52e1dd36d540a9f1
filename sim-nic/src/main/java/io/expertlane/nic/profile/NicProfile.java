package io.expertlane.nic.profile;

import io.expertlane.kernel.verbs.FlowHashAlgorithm;

/**
 * A NIC's parameters. "Latency" delays an element without occupying anything (pipelined); "interval" is the least time
 * between two.
 *
 * <p>Defaults named below are those of a ConnectX-7 preset; ranges are what the sources span. What no source gives is
 * marked "assumed". A WRITE passes: doorbell, fetch and payload read (together the paper's T_HWI), packets on the port
 * (T_data), receive; the acknowledgement then the completion.
 *
 * @param ports                   physical ports, 1 to 8; 2 for a 2x200G NIC [NVIDIA CX-7 datasheet]
 * @param portRateGbps            raw line rate of one port, 1 to 3200 Gb/s
 * @param mtuBytes                RoCE path MTU: 256, 512, 1024, 2048 or 4096 payload bytes a packet
 * @param packetOverheadBytes     wire bytes a packet beyond its payload, 0 to 512; 82 = preamble 8, Ethernet 14, IPv4
 *                                20, UDP 8, BTH 12, ICRC 4, FCS 4, gap 12 [measured rates at MTU 1024 and 4096 agree
 *                                within 0.1 %]
 * @param writeHeaderBytes        further header bytes, once a WRITE message, 0 to 512; 16 = RETH [InfiniBand
 *                                specification vol. 1, 9.2]
 * @param atomicHeaderBytes       further header bytes of an atomic request, 0 to 512; 28 = AtomicETH
 * @param immediateHeaderBytes    further header bytes of immediate data, 0 to 512; 4 = ImmDt [InfiniBand specification
 *                                vol. 1, 9.2]
 * @param ackBytes                wire bytes of an acknowledgement, 0 to 512; 86 = 82 + AETH 4
 * @param doorbellNanos           latency of the doorbell, a posted 8-byte MMIO write, 0 to 5000; 150 [textbook 100 to
 *                                200]
 * @param fetchNanos              latency from doorbell seen to element decoded, a PCIe read, 0 to 10000; 1000
 *                                [difference with and without fetch on a CX-7: 1.0 us]
 * @param payloadReadNanos        latency of reading the first payload bytes, not paid by inline data, 0 to 10000; 900
 *                                from host memory [CX-7: 0.9 us host, 1.45 us GPU across sockets]
 * @param queuePairIntervalNanos  least time between two elements of one QP, 0 to 10000; 79 [12.7 M elements/s on one
 *                                QP, CX-7]
 * @param queuePairRateGbps       payload that the processing unit serving a QP gets through, 1 to 1000000 Gb/s: an
 *                                element keeps it busy for a time for each packet, MTU / rate; 365 [4 MB on one QP: 365
 *                                of 392 Gb/s and 361 of 375 Gb/s, on two CX-7 hosts]
 * @param nicIntervalNanos        least time between two elements of the NIC, 0 to 1000; 11.5 [87 M/s, the most that
 *                                GPU-initiated puts achieved on a CX-7; 2.7 to 3.0 by its datasheet, 330 to 370 M
 *                                messages/s]
 * @param prefetchDepth           elements of one QP between fetch and last packet, 1 to 1024; 16 [assumed: enough for
 *                                the one-QP rate of 12.7 M/s with a 1 us fetch; other simulators use 8]
 * @param quantumBytes            payload a QP may send before the arbiter turns to the next, 1 to 2^28; at least one
 *                                packet is sent, so that 1 means one; 4096 [assumed: one packet, as HPCC's and SimAI's
 *                                ns-3]
 * @param arbiter                 which queue pair is next on a port; ROUND_ROBIN [source paper 3.2.1]
 * @param granularity             what the model moves in one event; PACKET
 * @param blueFlame               whether a doorbell for a single element carries the element, which is then not fetched
 * @param receiveNanos            latency from last byte received to payload visible in memory, 0 to 10000; 500 [0.5 to
 *                                0.6 us a NIC, CX-6]
 * @param completionNanos         latency from acknowledgement received to completion entry visible, 0 to 10000; 250 [64
 *                                B one way over PCIe]
 * @param completionOverflow      what happens when a completion queue is full; RESERVED
 * @param completions             how completions share entries; one each [what a CQ does unless asked]
 * @param atomicNanos             time an atomic occupies the receiving NIC's atomic unit, 0 to 10000; 100 [assumed; an
 *                                atomic costs about three sends, Harmonic NSDI'24]
 * @param pcie                    the link to the host
 * @param contextCache            queue-pair contexts held in the NIC
 * @param translationCache        memory translations held in the NIC
 * @param recovery                what is done about lost packets
 * @param portHash                flow hash that chooses a port; MURMUR3 [SimAI's NIC model; what a ConnectX uses is not
 *                                public]
 */
public record NicProfile(
    int ports,
    double portRateGbps,
    int mtuBytes,
    int packetOverheadBytes,
    int writeHeaderBytes,
    int atomicHeaderBytes,
    int immediateHeaderBytes,
    int ackBytes,
    double doorbellNanos,
    double fetchNanos,
    double payloadReadNanos,
    double queuePairIntervalNanos,
    double queuePairRateGbps,
    double nicIntervalNanos,
    int prefetchDepth,
    int quantumBytes,
    Arbitration arbiter,
    Granularity granularity,
    boolean blueFlame,
    double receiveNanos,
    double completionNanos,
    CompletionOverflow completionOverflow,
    CompletionProfile completions,
    double atomicNanos,
    PcieProfile pcie,
    ContextCacheProfile contextCache,
    TranslationCacheProfile translationCache,
    RecoveryProfile recovery,
    FlowHashAlgorithm portHash) {

    /** Which queue pair of a port is served next. */
    public enum Arbitration {
        /** Each in turn, one quantum. */
        ROUND_ROBIN,
        /** Each in turn, its weight times the quantum. */
        WEIGHTED,
        /** Those of the highest priority in turn, one quantum; others only when none of them has anything to send. */
        STRICT_PRIORITY
    }

    /** What the model moves in one event. */
    public enum Granularity {
        /** Every packet: messages of several queue pairs interleave on ports as the arbiter says. */
        PACKET,
        /**
         * Whole messages, with the wire bytes of their packets: faster; a message holds its port until its end, and the
         * quantum does nothing.
         */
        MESSAGE
    }

    /** What happens when a completion is due and its queue is full. */
    public enum CompletionOverflow {
        /** It cannot be: posting is refused unless there is room for the completion. */
        RESERVED,
        /** The entry waits in the NIC until the queue has been polled; so the send queue is not freed, and fills. */
        BACK_PRESSURE,
        /**
         * The entry is lost and the queue is in error: it gets no more entries, and its rank's queue pairs carry out
         * nothing rung from then on.
         */
        OVERRUN
    }

    /** Checks every field. */
    public NicProfile {
        Range.check("nic.ports", ports, 1, 8);
        Range.check("nic.portRateGbps", portRateGbps, 1, 3200);
        Range.checkPowerOfTwo("nic.mtuBytes", mtuBytes, 256, 4096);
        Range.check("nic.packetOverheadBytes", packetOverheadBytes, 0, 512);
        Range.check("nic.writeHeaderBytes", writeHeaderBytes, 0, 512);
        Range.check("nic.atomicHeaderBytes", atomicHeaderBytes, 0, 512);
        Range.check("nic.immediateHeaderBytes", immediateHeaderBytes, 0, 512);
        Range.check("nic.ackBytes", ackBytes, 0, 512);
        Range.check("nic.doorbellNanos", doorbellNanos, 0, 5_000);
        Range.check("nic.fetchNanos", fetchNanos, 0, 10_000);
        Range.check("nic.payloadReadNanos", payloadReadNanos, 0, 10_000);
        Range.check("nic.queuePairIntervalNanos", queuePairIntervalNanos, 0, 10_000);
        Range.check("nic.queuePairRateGbps", queuePairRateGbps, 1, 1_000_000);
        Range.check("nic.nicIntervalNanos", nicIntervalNanos, 0, 1_000);
        Range.check("nic.prefetchDepth", prefetchDepth, 1, 1024);
        Range.check("nic.quantumBytes", quantumBytes, 1, 1 << 28);
        Range.check("nic.receiveNanos", receiveNanos, 0, 10_000);
        Range.check("nic.completionNanos", completionNanos, 0, 10_000);
        Range.checkPresent("nic.completionOverflow", completionOverflow);
        Range.checkPresent("nic.completions", completions);
        Range.check("nic.atomicNanos", atomicNanos, 0, 10_000);
        Range.checkPresent("nic.arbiter", arbiter);
        Range.checkPresent("nic.granularity", granularity);
        Range.checkPresent("nic.pcie", pcie);
        Range.checkPresent("nic.contextCache", contextCache);
        Range.checkPresent("nic.translationCache", translationCache);
        Range.checkPresent("nic.recovery", recovery);
        Range.checkPresent("nic.portHash", portHash);
    }
}

package io.expertlane.nic.host;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.device.TestProfiles;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.HostProfile;
import io.expertlane.nic.profile.NicProfile;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.agrona.concurrent.Agent;
import org.junit.jupiter.api.Test;

/**
 * Published raw measurements of ConnectX-7 NICs against the model with one parameter set, that of the presets: rows
 * differ only in what was different hardware or another way to use it (ports, rate, MTU, queue pairs, issuers,
 * doorbells). Writes the table of {@code docs/nic-model.md} to {@code target/nic-calibration.md}.
 */
class CalibrationTest {
    private static final int DEPTH = 1024;
    /** These rows were posted by bare loops, not by the put of a communication library. */
    private static final double FENCE_NANOS = 580;

    private final List<String> table =
        new ArrayList<>(List.of("| row | what | measured | simulated | error |", "|---|---|---|---|---|"));

    /** Adds a row and gives the relative error. */
    private double row(final String id, final String what, final double measured, final double simulated,
        final String unit) {
        final double error = simulated / measured - 1;
        table.add(String.format(Locale.ROOT, "| %s | %s | %.4g %s | %.4g %s | %+.1f %% |", id, what, measured, unit,
            simulated, unit, 100 * error));
        return error;
    }

    private static NicProfile nic(final int ports, final double portRateGbps, final int mtuBytes) {
        final TestProfiles profile = new TestProfiles();
        profile.ports = ports;
        profile.portRateGbps = portRateGbps;
        profile.mtuBytes = mtuBytes;
        return profile.nic();
    }

    private static HostProfile host(final HostProfile.Issue issue, final int issuers) {
        final HostProfile base = ClusterProfile.h20Cx7Dual().host();
        return new HostProfile(base.memoryGBps(), base.memoryEfficiency(), base.communicationSms(), base.smCopyGBps(),
            issue, issuers,
            base.postNanos(), base.doorbellNanos(), FENCE_NANOS, base.contention(), base.proxyThreads(),
            base.proxyHandoffNanos(),
            base.proxyPostNanos(), 0, 1, true, base.pollNanos(), base.kernels());
    }

    /**
     * Keeps queue pairs busy until enough elements are sent, a doorbell every {@code batch}; or one element at a time.
     */
    private static final class Load implements Agent {
        private final SimulatedTransport transport;
        private final AgentScheduler scheduler;
        private final QueuePair[] queuePairs;
        private final int lengthBytes;
        private final int batch;
        private final boolean inline;
        private final int total;
        private int posted;

        Load(final SimulatedTransport transport, final AgentScheduler scheduler, final int queuePairs,
            final int lengthBytes, final int batch,
             final boolean inline, final int depth, final int total) {
            this.transport = transport;
            this.scheduler = scheduler;
            this.queuePairs = new QueuePair[queuePairs];
            for (int i = 0; i < queuePairs; i++) {
                this.queuePairs[i] = transport.connect(0, 1, depth, i);
            }
            this.lengthBytes = lengthBytes;
            this.batch = batch;
            this.inline = inline;
            this.total = total;
        }

        @Override
        public int doWork() {
            transport.completionQueue(0).poll();
            int work = 0;
            for (final QueuePair queuePair : queuePairs) {
                if (queuePair.outstanding() + batch <= queuePair.depth() / 2 && posted < total) {
                    for (int i = 0; i < batch; i++) {
                        final int result = inline ? queuePair.postInline(0, 1)
                            : queuePair.postWrite(0, 0, lengthBytes, 0);
                        assertThat(result).isEqualTo(QueuePair.POSTED);
                    }
                    queuePair.ringDoorbell();
                    posted += batch;
                    work += batch;
                }
            }
            return work;
        }

        @Override
        public String roleName() {
            return "load";
        }

        /** Nanoseconds an element. */
        double run() {
            scheduler.add(0, this);
            scheduler.runUntil(() -> posted >= total / 4);
            final long fromPicos = transport.simulation().nowPicos();
            final long from = transport.total(NicCounter.RECEIVED_ELEMENTS);
            scheduler.runUntil(() -> posted >= total);
            return (transport.simulation().nowPicos()
                - fromPicos) / 1e3 / (transport.total(NicCounter.RECEIVED_ELEMENTS) - from);
        }
    }

    private static double nanosPerElement(final NicProfile nic, final HostProfile host, final int queuePairs,
        final int lengthBytes, final int batch,
                                          final boolean inline, final int depth, final int total) {
        final ClusterProfile base = ClusterProfile.h20Cx7Dual();
        final ClusterProfile cluster = new ClusterProfile("calibration", 8, nic, host, base.fabric(), base.inNode(),
            base.gpu());
        try (SymmetricHeap heap = new SymmetricHeap(2, 4096);
             SimulatedTransport transport = new SimulatedTransport(heap, cluster, PortPolicy.QUEUE_AFFINITY,
                 16 * DEPTH)) {
            return new Load(transport, new AgentScheduler(transport), queuePairs, lengthBytes, batch, inline, depth,
                total).run();
        }
    }

    private static double bandwidthGbps(final NicProfile nic, final int queuePairs, final int lengthBytes) {
        final HostProfile host = host(HostProfile.Issue.DIRECT, queuePairs);
        return lengthBytes * 8.0 / nanosPerElement(nic, host, queuePairs, lengthBytes, 1, false, 256, 2000);
    }

    private static double rateMillions(final HostProfile.Issue issue, final int issuers) {
        return 1e3 / nanosPerElement(nic(1, 200, 4096), host(issue, issuers), issuers, 8, 8, true, DEPTH, 40_000);
    }

    @Test
    void oneParameterSetAgainstPublishedRows() throws IOException {
        final NicProfile one400 = nic(1, 400, 4096);
        final NicProfile two200 = nic(2, 200, 4096);
        assertThat(row("wire-4096", "large messages, 8 QPs, 400G", 392.1, bandwidthGbps(one400, 8, 1 << 20), "Gb/s"))
            .isBetween(-0.005, 0.005);
        assertThat(row("wire-1024", "large messages, 8 QPs, 200G, MTU 1024", 185.1,
            bandwidthGbps(nic(1, 200, 1024), 8, 1 << 20), "Gb/s"))
            .isBetween(-0.005, 0.005);
        assertThat(row("read-qp1", "4 MB, 1 QP, 400G", 365, bandwidthGbps(one400, 1, 1 << 22), "Gb/s"))
            .isBetween(-0.02, 0.02);
        assertThat(row("read-qp2", "4 MB, 2 QPs, 400G", 392, bandwidthGbps(one400, 2, 1 << 22), "Gb/s"))
            .isBetween(-0.005, 0.005);
        assertThat(row("lag-1qp", "1 QP, 2x200G", 183, bandwidthGbps(two200, 1, 1 << 20), "Gb/s")).isBetween(-0.1, 0.1);
        assertThat(row("lag-8qp", "8 QPs, 2x200G", 372, bandwidthGbps(two200, 8, 1 << 20), "Gb/s"))
            .isBetween(-0.1, 0.1);
        final NicProfile two200Mtu1024 = nic(2, 200, 1024);
        assertThat(row("lag-1qp", "the same with MTU 1024", 183, bandwidthGbps(two200Mtu1024, 1, 1 << 20), "Gb/s"))
            .isBetween(-0.5, 0.1);
        assertThat(row("lag-8qp", "the same with MTU 1024", 372, bandwidthGbps(two200Mtu1024, 8, 1 << 20), "Gb/s"))
            .isBetween(-0.1, 0.1);
        for (final int kilobytes : new int[] {1, 64, 1024, 65_536}) {
            final int bytes = kilobytes << 10;
            final double simulated = nanosPerElement(one400, host(HostProfile.Issue.DIRECT, 1), 1, bytes, 1, false, 2,
                40) / 1e3;
            assertThat(row("affine-w", kilobytes + " KB, one at a time, 400G", 5.43 + bytes / 49_560.0, simulated,
                "us")).isBetween(-0.1, 0.1);
        }
        final double[] rates = {12.7, 25.5, 42.8, 64.2, 87.2};
        for (int i = 0; i < rates.length; i++) {
            final int issuers = 1 << i;
            assertThat(row("ibgda-rate", "4 B, " + issuers + " CTA with a QP each", rates[i],
                rateMillions(HostProfile.Issue.DIRECT, issuers), "M/s"))
                .isBetween(-0.1, 0.4);
        }
        assertThat(row("proxy-rate", "4 B, CPU proxy, 16 CTAs", 2.5, rateMillions(HostProfile.Issue.PROXY, 16), "M/s"))
            .isBetween(-0.05, 0.05);
        final HostProfile mscclpp = ClusterProfile.mscclppProxy(host(HostProfile.Issue.PROXY, 1));
        final double[] gigabytes = {2.01, 5.77, 7.44, 9.74};
        for (int i = 0; i < gigabytes.length; i++) {
            final int batch = 1 << 2 * i;
            final double nanos = nanosPerElement(one400, mscclpp, 1, 7168, batch, false, 256, 6400);
            assertThat(row("db-" + batch, "7168 B, 1 QP, " + batch + " a doorbell, mscclpp's CPU proxy", gigabytes[i],
                7168 / nanos, "GB/s"))
                .isBetween(-0.2, 0.35);
        }
        Files.write(Path.of("target", "nic-calibration.md"), table);
    }
}

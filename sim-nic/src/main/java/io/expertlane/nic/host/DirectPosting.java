package io.expertlane.nic.host;

import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.profile.HostProfile;

/**
 * Device-direct posting (IBGDA). Elements and doorbells are spread evenly over the issuers; the fence before a doorbell
 * delays that doorbell only. Where a rank has fewer queue pairs than issuers, issuers share queue pairs: no more of
 * them work side by side than there are queue pairs, and each is slowed down by the others on its queue pair.
 */
final class DirectPosting implements Posting {
    private final SimulatedTransport transport;
    private final int issuers;
    private final double postPicos;
    private final double doorbellPicos;
    private final long fencePicos;
    private final double contention;

    DirectPosting(final SimulatedTransport transport, final HostProfile host) {
        this.transport = transport;
        this.issuers = host.issuers();
        this.postPicos = host.postNanos() * 1e3;
        this.doorbellPicos = host.doorbellNanos() * 1e3;
        this.fencePicos = Math.round(host.fenceNanos() * 1e3);
        this.contention = host.contention();
    }

    @Override
    public long post(final QueuePair queuePair, final int id, final int first, final int end, final double share,
        final long clockPicos,
                     final long readyPicos) {
        final double posting = Math.max(1, issuers * share);
        final double sideBySide = Math.min(posting, transport.queuePairCount(queuePair.rank()));
        final double slowDown = 1 + contention * (posting / sideBySide - 1);
        final long done = clockPicos + Math.round(((end - first) * postPicos * slowDown + doorbellPicos) / sideBySide);
        transport.ring(id, first, end, clockPicos, Math.max(done, readyPicos) + fencePicos);
        return done;
    }
}

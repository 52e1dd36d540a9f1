package io.expertlane.nic.host;

import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.profile.HostProfile;
import io.expertlane.nic.profile.NicProfile;

/**
 * Posting by CPU proxy threads (IBRC). The agent stores a descriptor an element; after the hand-off latency the thread
 * in charge of the queue pair, its number modulo the threads, posts one element after the other and rings for each, or
 * for each batch; see {@link HostProfile#proxyPipelined()}.
 */
final class ProxyPosting implements Posting {
    private final SimulatedTransport transport;
    private final int threads;
    private final int issuers;
    private final double descriptorPicos;
    private final long handoffPicos;
    private final long postPicos;
    private final long doorbellPicos;
    private final int batch;
    private final boolean pipelined;
    /** T_HWI of a word, which the doorbell carries, and of a write, which is fetched and whose payload is read. */
    private final long wordPicos;
    private final long writePicos;
    private final double picosPerByte;
    /** By rank and thread. */
    private final long[] free;

    ProxyPosting(final SimulatedTransport transport, final HostProfile host) {
        this.transport = transport;
        this.threads = host.proxyThreads();
        this.issuers = host.issuers();
        this.descriptorPicos = host.doorbellNanos() * 1e3;
        this.handoffPicos = Math.round(host.proxyHandoffNanos() * 1e3);
        this.postPicos = Math.round(host.proxyPostNanos() * 1e3);
        this.doorbellPicos = Math.round(host.proxyDoorbellNanos() * 1e3);
        this.batch = host.proxyBatch();
        this.pipelined = host.proxyPipelined();
        final NicProfile nic = transport.profile().nic();
        this.wordPicos = Math.round(nic.doorbellNanos() * 1e3);
        this.writePicos = Math.round((nic.doorbellNanos() + nic.fetchNanos() + nic.payloadReadNanos()) * 1e3);
        this.picosPerByte = Byte.SIZE * 1e3 / nic.portRateGbps();
        this.free = new long[transport.heap().ranks() * threads];
    }

    @Override
    public long post(final QueuePair queuePair, final int id, final int first, final int end, final double share,
        final long clockPicos,
                     final long readyPicos) {
        final int thread = queuePair.rank() * threads + queuePair.number() % threads;
        final long done = clockPicos + Math.round((end - first) * descriptorPicos / Math.max(1, issuers * share));
        long time = Math.max(free[thread], readyPicos + handoffPicos);
        int next;
        for (int index = first; index != end; index = next) {
            next = index + Math.min(batch, end - index);
            final long posting = (next - index) * postPicos + doorbellPicos;
            transport.ring(id, index, next, clockPicos, time + posting);
            time += pipelined ? posting : Math.max(posting, hardwarePicos(id, index, next));
        }
        free[thread] = time;
        return done;
    }

    private long hardwarePicos(final int id, final int first, final int end) {
        long picos = 0;
        for (int index = first; index != end; index++) {
            picos += hardwarePicos(id, index);
        }
        return picos;
    }

    private long hardwarePicos(final int id, final int index) {
        return transport.isWrite(id, index) ? writePicos
            + Math.round(picosPerByte * transport.lengthBytes(id, index)) : wordPicos;
    }
}

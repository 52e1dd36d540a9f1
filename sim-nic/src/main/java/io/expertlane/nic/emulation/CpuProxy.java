package io.expertlane.nic.emulation;

import io.expertlane.kernel.verbs.CompletionHandler;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.Transport;
import org.agrona.concurrent.Agent;
import org.jctools.queues.MpscArrayQueue;

/**
 * The proxy thread of some ranks: takes hand-offs, in the order in which kernel threads made them, posts them, and
 * passes completions back.
 *
 * <p>Progress: never blocks; at most {@value #HAND_OFFS_A_DUTY_CYCLE} hand-offs a call, so that completions do not
 * wait.
 */
final class CpuProxy implements Agent {
    private static final int HAND_OFFS_A_DUTY_CYCLE = 64;

    private final int index;
    private final MpscArrayQueue<HandOff> queue;
    private final CompletionQueue[] networkQueues;
    private final CompletionHandler[] handlers;

    CpuProxy(final int index, final ProxiedTransport transport, final Transport network, final int proxies) {
        final int ranks = network.heap().ranks();
        final int served = (ranks - index + proxies - 1) / proxies;
        this.index = index;
        this.networkQueues = new CompletionQueue[served];
        this.handlers = new CompletionHandler[served];
        int capacity = 0;
        for (int i = 0; i < served; i++) {
            final int rank = index + i * proxies;
            networkQueues[i] = network.completionQueue(rank);
            handlers[i] = (number, element, status) -> transport.handOff(rank, number).complete(element, status);
            capacity += networkQueues[i].depth();
        }
        this.queue = new MpscArrayQueue<>(Math.max(2, capacity));
    }

    /**
     * Any thread: there is room, because each doorbell holds a place in its rank's completion queue until its
     * completion was polled.
     */
    void take(final HandOff handOff) {
        if (!queue.offer(handOff)) {
            throw new IllegalStateException("hand-offs=" + queue.size()
                + ": more than the completion queues have entries");
        }
    }

    @Override
    public int doWork() {
        int work = 0;
        for (int i = 0; i < HAND_OFFS_A_DUTY_CYCLE; i++) {
            final HandOff next = queue.poll();
            if (next == null) {
                break;
            }
            work += next.post();
        }
        for (int i = 0; i < networkQueues.length; i++) {
            work += networkQueues[i].poll(handlers[i]);
        }
        return work;
    }

    @Override
    public String roleName() {
        return "cpu-proxy-" + index;
    }
}

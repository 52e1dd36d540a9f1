package io.expertlane.nic.device;

import io.expertlane.nic.profile.SwitchProfile;
import io.expertlane.nic.time.Simulation;
import java.util.Arrays;

/**
 * DCQCN at the senders: the rate of each queue pair that has been notified of congestion, until it is back at the
 * port's.
 *
 * <pre>
 *   notified:  at most every cut interval   target = rate;  rate = rate * (1 - alpha / 2)
 *   alpha:     every alpha timer            alpha = (1 - g) * alpha + g * (notified since the last time ? 1 : 0);
 *                                           1 at the first cut
 *   increase:  every increase timer         the first F: rate = (rate + target) / 2;
 *                                           then target += additive, later hyper, and the same
 * </pre>
 *
 * Source: Zhu et al., "Congestion Control for Large-Scale RDMA Deployments", SIGCOMM 2015, without the byte counter.
 */
final class RateControl {
    private static final double PICOS_PER_BYTE_AT_1_GBPS = 8_000;
    private static final double MBPS_PER_GBPS = 1e3;
    private static final double NEARLY = 0.999;

    private final Nics nics;
    private final Simulation simulation;
    private final QueuePairTable table;
    private final double lineGbps;
    private final double leastGbps;
    private final double gain;
    private final double additiveGbps;
    private final double hyperGbps;
    private final int recoverySteps;
    private final long alphaPicos;
    private final long cutPicos;
    private final long increasePicos;
    /** By queue pair; a rate of 0 means that of the line. */
    private double[] rate = {};
    private double[] target = {};
    private double[] alpha = {};
    private long[] nextSend = {};
    private long[] lastCut = {};
    private int[] steps = {};
    private int[] cuts = {};
    private boolean[] notified = {};
    private boolean[] alphaTimer = {};
    private boolean[] held = {};
    private final int alphaHandler;
    private final int increaseHandler;
    private final int releaseHandler;

    RateControl(final Nics nics, final SwitchProfile.RateControl profile, final double lineGbps) {
        this.nics = nics;
        this.simulation = nics.simulation;
        this.table = nics.table;
        this.lineGbps = lineGbps;
        this.leastGbps = Math.min(lineGbps, profile.leastMbps() / MBPS_PER_GBPS);
        this.gain = profile.gain();
        this.additiveGbps = profile.additiveMbps() / MBPS_PER_GBPS;
        this.hyperGbps = profile.hyperMbps() / MBPS_PER_GBPS;
        this.recoverySteps = profile.fastRecoverySteps();
        this.alphaPicos = Nics.picos(profile.alphaTimerNanos());
        this.cutPicos = Nics.picos(profile.cutIntervalNanos());
        this.increasePicos = Nics.picos(profile.increaseTimerNanos());
        this.alphaHandler = simulation.register(this::onAlpha);
        this.increaseHandler = simulation.register(this::onIncrease);
        this.releaseHandler = simulation.register(this::onRelease);
    }

    /** Whether a queue pair has to wait before it may send its next packet. */
    boolean isHeld(final int qp) {
        return qp < held.length && held[qp];
    }

    /** The rate of a queue pair in Gb/s. */
    double rateGbps(final int qp) {
        return qp < rate.length && rate[qp] > 0 ? rate[qp] : lineGbps;
    }

    /** A packet of so many bytes left at {@code startPicos} and ended at {@code endPicos}. */
    void sent(final int qp, final int wireBytes, final long startPicos, final long endPicos) {
        if (qp < rate.length && rate[qp] > 0) {
            nextSend[qp] = Math.max(nextSend[qp], startPicos)
                + Math.round(wireBytes * PICOS_PER_BYTE_AT_1_GBPS / rate[qp]);
            if (nextSend[qp] > endPicos) {
                held[qp] = true;
                simulation.schedule(nextSend[qp], releaseHandler, qp);
            }
        }
    }

    private void onRelease(final long now, final long qp) {
        held[(int) qp] = false;
        nics.sender.offer((int) qp, now);
    }

    /** A notification has reached the sender. */
    void cut(final int qp, final long now) {
        if (qp >= rate.length) {
            grow(Math.max(2 * rate.length, qp + 64));
        }
        notified[qp] = true;
        if (rate[qp] == 0) {
            rate[qp] = lineGbps;
            alpha[qp] = 1;
            lastCut[qp] = now - cutPicos;
            if (!alphaTimer[qp]) {
                alphaTimer[qp] = true;
                simulation.schedule(now + alphaPicos, alphaHandler, qp);
            }
        }
        if (now - lastCut[qp] >= cutPicos) {
            lastCut[qp] = now;
            target[qp] = rate[qp];
            rate[qp] = Math.max(leastGbps, rate[qp] * (1 - alpha[qp] / 2));
            steps[qp] = 0;
            cuts[qp]++;
            simulation.schedule(now + increasePicos, increaseHandler, QueuePairEvent.of(table, qp, cuts[qp]));
        }
    }

    private void grow(final int length) {
        rate = Arrays.copyOf(rate, length);
        target = Arrays.copyOf(target, length);
        alpha = Arrays.copyOf(alpha, length);
        nextSend = Arrays.copyOf(nextSend, length);
        lastCut = Arrays.copyOf(lastCut, length);
        steps = Arrays.copyOf(steps, length);
        cuts = Arrays.copyOf(cuts, length);
        notified = Arrays.copyOf(notified, length);
        alphaTimer = Arrays.copyOf(alphaTimer, length);
        held = Arrays.copyOf(held, length);
    }

    private void onAlpha(final long now, final long payload) {
        final int qp = (int) payload;
        if (rate[qp] == 0) {
            alphaTimer[qp] = false;
            return;
        }
        alpha[qp] = (1 - gain) * alpha[qp] + (notified[qp] ? gain : 0);
        notified[qp] = false;
        simulation.schedule(now + alphaPicos, alphaHandler, qp);
    }

    private void onIncrease(final long now, final long event) {
        final int qp = QueuePairEvent.queuePair(event);
        if (QueuePairEvent.value(event) != cuts[qp]) {
            return;
        }
        steps[qp]++;
        if (steps[qp] > recoverySteps) {
            target[qp] = Math.min(lineGbps, target[qp] + (steps[qp] > 2 * recoverySteps ? hyperGbps : additiveGbps));
        }
        rate[qp] = (rate[qp] + target[qp]) / 2;
        if (rate[qp] >= NEARLY * lineGbps) {
            rate[qp] = 0;
        } else {
            simulation.schedule(now + increasePicos, increaseHandler, event);
        }
    }

    void copyFrom(final RateControl other) {
        rate = other.rate.clone();
        target = other.target.clone();
        alpha = other.alpha.clone();
        nextSend = other.nextSend.clone();
        lastCut = other.lastCut.clone();
        steps = other.steps.clone();
        cuts = other.cuts.clone();
        notified = other.notified.clone();
        alphaTimer = other.alphaTimer.clone();
        held = other.held.clone();
    }
}

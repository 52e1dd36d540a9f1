package io.expertlane.kernel.moe;

import java.util.Arrays;

/**
 * The load of the likeliest expert where tokens select K different experts of E, expert i with a chance in proportion
 * to 1 / (i + 1)^s at each draw.
 *
 * <p>Such a draw is a race: expert i comes in after an exponentially distributed time of rate r_i = 1 / (i + 1)^s, and
 * the first K are selected (Efraimidis and Spirakis, 2006). So the likeliest expert, of rate 1, is selected with the
 * chance
 * <pre>
 * P = integral over u from 0 to 1 of Pr[fewer than K of the others are in at time -ln(1 - u)] du,
 * </pre>
 * each of the others being in by then with chance 1 - (1 - u)^r_i on its own; and its load is P * E / K times the mean.
 */
final class ZipfLoad {
    /**
     * With these the load is right to 1e-3 of itself and the exponent to 1e-6; a test holds it against closed forms.
     */
    private static final int STEPS = 256;
    private static final int HALVINGS = 24;
    /** Beyond K arrivals by this many standard deviations, fewer than K are as good as impossible. */
    private static final double TAIL_DEVIATIONS = 8;

    private ZipfLoad() {
    }

    /**
     * The exponent from 0 to {@code most} at which the load comes nearest to {@code maxOverMean} times the mean; it
     * grows with the exponent.
     */
    static double exponent(final double maxOverMean, final int experts, final int topK, final double most) {
        if (maxOverMean == 1) {
            return 0;
        }
        double low = 0;
        double high = most;
        for (int i = 0; i < HALVINGS; i++) {
            final double middle = (low + high) / 2;
            if (maxOverMean(middle, experts, topK) < maxOverMean) {
                low = middle;
            } else {
                high = middle;
            }
        }
        return (low + high) / 2;
    }

    /** Load of the likeliest expert over the mean. */
    static double maxOverMean(final double exponent, final int experts, final int topK) {
        final double[] rates = new double[experts - 1];
        for (int i = 0; i < rates.length; i++) {
            rates[i] = Math.pow(i + 2.0, -exponent);
        }
        final double end = end(rates, topK);
        final double[] chances = new double[topK];
        double sum = 0;
        for (int step = 0; step < STEPS; step++) {
            sum += fewerThan(chances, rates, Math.log1p(-end * (step + 0.5) / STEPS));
        }
        return sum * end / STEPS * experts / topK;
    }

    /** A u at which K others are in for certain, 1 if there is none. */
    private static double end(final double[] rates, final int topK) {
        final double enough = topK + TAIL_DEVIATIONS * Math.sqrt(topK) + TAIL_DEVIATIONS;
        double u = 1.0 / (rates.length + 1);
        while (u < 1 && arrived(rates, Math.log1p(-u)) < enough) {
            u = Math.min(1, 2 * u);
        }
        return u;
    }

    private static double arrived(final double[] rates, final double logLeft) {
        return Arrays.stream(rates).map(rate -> -Math.expm1(rate * logLeft)).sum();
    }

    /**
     * The chance that fewer of {@code rates} than {@code chances} has entries are in by the time at which a share
     * e^logLeft of rate 1 is not.
     */
    private static double fewerThan(final double[] chances, final double[] rates, final double logLeft) {
        Arrays.fill(chances, 0);
        chances[0] = 1;
        for (final double rate : rates) {
            final double in = -Math.expm1(rate * logLeft);
            for (int count = chances.length - 1; count > 0; count--) {
                chances[count] += in * (chances[count - 1] - chances[count]);
            }
            chances[0] -= in * chances[0];
        }
        return Arrays.stream(chances).sum();
    }
}

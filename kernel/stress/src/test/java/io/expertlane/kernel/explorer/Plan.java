package io.expertlane.kernel.explorer;

import java.util.ArrayList;
import java.util.List;

/**
 * What a seed says before anything has happened: sizes, configuration, faults. Every value is drawn by itself, so that a limit on one leaves the
 * others as they are.
 */
final class Plan {
    static final long TIMEOUT_NANOS = 1_000_000;
    static final int MOST_RANKS = 6;
    private static final int MOST_FAULTS = 4;
    private static final int CHANNELS_OF_FP8 = 128;

    final long seed;
    final boolean lowLatency;
    final boolean ring;
    final int features;
    final Network network;
    final int ranks;
    final int ranksPerNode;
    final int experts;
    final int topK;
    final int hidden;
    final int tokens;
    final boolean pull;
    final boolean fp8;
    final int mappedRanks;
    final int chunk;
    final int ringTokens;
    final int depth;
    final int doorbellBatch;
    final int lanes;
    final int channels;
    final int liveCalls;
    final int rowsPerTurn;
    final int calls;
    final int salt;
    final List<Fault> faults = new ArrayList<>();
    private int drawn;

    /** @param allowed bits of features, of which the seed chooses about two thirds */
    Plan(final long seed, final boolean lowLatency, final boolean ring, final int allowed, final Network wanted, final Limits limits) {
        this.seed = seed;
        this.lowLatency = lowLatency;
        this.ring = ring;
        int chosen = 0;
        for (final Feature feature : Feature.values()) {
            chosen |= draw(3) > 0 ? feature.bit() : 0;
        }
        features = chosen & allowed;
        final int drawnRanks = 3 + draw(MOST_RANKS - 2);
        ranks = limits.ranks() == Limits.NONE ? drawnRanks : limits.ranks();
        ranksPerNode = lowLatency ? ranks : divisor(ranks, draw(12));
        experts = ranks * (1 + draw(2));
        topK = 1 + draw(3);
        fp8 = has(Feature.FP8);
        final int drawnTokens = 1 + draw(4);
        tokens = limits.tokens() == Limits.NONE ? drawnTokens : limits.tokens();
        final boolean pulls = draw(2) == 0;
        pull = has(Feature.PULL) && pulls && !(lowLatency && ring);
        final boolean queued = draw(3) > 0;
        final Network seeds = queued || has(Feature.HOLD) ? Network.QUEUED : Network.DIRECT;
        network = pull ? Network.DIRECT : wanted == null ? seeds : wanted;
        hidden = fp8 ? CHANNELS_OF_FP8 : 8 + 16;
        final int mapping = draw(3);
        final int mapped = pull || mapping == 2 ? ranks : mapping == 1 ? ranksPerNode : 1;
        mappedRanks = network == Network.DIRECT ? mapped : 1;
        chunk = 1 + draw(2);
        ringTokens = chunk * (2 + draw(2));
        final int drawnDepth = 8 << draw(3);
        final int fullDepth = 2 << draw(2);
        depth = has(Feature.FULL) ? fullDepth : drawnDepth;
        doorbellBatch = 1 + draw(Math.min(4, depth));
        lanes = 1 + draw(2);
        channels = 1 + draw(2);
        liveCalls = has(Feature.TWO) ? 2 : 1;
        rowsPerTurn = 1 + draw(5);
        final int drawnCalls = 2 + draw(5);
        calls = limits.calls() == Limits.NONE ? drawnCalls : limits.calls();
        salt = limits.salt();
        final int faultCount = 1 + draw(MOST_FAULTS);
        for (int number = 0; number < faultCount; number++) {
            final Fault fault = fault(number);
            if (limits.faults() == Limits.NONE || (limits.faults() >> number & 1) != 0) {
                faults.add(fault);
            }
        }
    }

    private Fault fault(final int number) {
        final int kinds = draw(10);
        final boolean holds = has(Feature.HOLD) && network == Network.QUEUED;
        final Fault.Kind late = holds && kinds < 7 ? Fault.Kind.HOLD : holds && kinds < 9 ? Fault.Kind.HOLD_LINK : Fault.Kind.FREEZE;
        final Fault.Kind kind = kinds < 5 ? Fault.Kind.KILL : late;
        final int rank = draw(60);
        final int moments = draw(12);
        final Fault.Moment moment = Fault.Moment.values()[moments % Fault.Moment.values().length];
        final int turns = draw(1 << 1 + draw(moment == Fault.Moment.ANY ? 8 : 5));
        final boolean isShort = draw(3) == 0;
        final long nanos = TIMEOUT_NANOS / 1000 * draw(isShort ? 330 : 6000);
        return new Fault(number, kind, rank, moment, turns, nanos, draw(6) == 0);
    }

    private int draw(final int bound) {
        return (int) ((Dice.mix(seed, 1000 + drawn++) >>> 33) % bound);
    }

    private static int divisor(final int count, final int draw) {
        int divisors = 0;
        for (int each = 1; each <= count; each++) {
            divisors += count % each == 0 ? 1 : 0;
        }
        int skip = draw % divisors;
        for (int each = 1; each < count; each++) {
            if (count % each == 0 && skip-- == 0) {
                return each;
            }
        }
        return count;
    }

    boolean has(final Feature feature) {
        return (features & feature.bit()) != 0;
    }

    int rankOf(final int expert) {
        return expert / (experts / ranks);
    }

    /** Whether two ranks have to do with each other: in high-throughput mode those of a node, or of the same place in theirs. */
    boolean isPeer(final int rank, final int other) {
        return lowLatency || rank / ranksPerNode == other / ranksPerNode || rank % ranksPerNode == other % ranksPerNode;
    }

    /** The rank through which what {@code from} sends reaches {@code to}, there and back; {@code to} itself if there is none. */
    int forwarder(final int from, final int to) {
        return isPeer(from, to) ? to : to / ranksPerNode * ranksPerNode + from % ranksPerNode;
    }

    String featureNames() {
        final StringBuilder names = new StringBuilder();
        for (final Feature feature : Feature.values()) {
            if (has(feature)) {
                names.append(names.isEmpty() ? "" : ",").append(feature);
            }
        }
        return names.isEmpty() ? "NONE" : names.toString();
    }

    @Override
    public String toString() {
        return "seed=" + seed + (lowLatency ? " ll" : " ht") + (ring ? " ring" : " zero") + (pull ? " pull" : " push") + (fp8 ? " fp8 " : " bf16 ")
            + network.name().toLowerCase(java.util.Locale.ROOT) + " ranks=" + ranks + "/" + ranksPerNode + " experts=" + experts + " topK=" + topK
            + " tokens=" + tokens + " depth=" + depth + " lanes=" + lanes + " calls=" + calls + " features=" + featureNames() + " faults=" + faults;
    }
}

package io.expertlane.kernel.explorer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * What every rank dispatches in every call and life, and what must come of it. No two rows are alike: a row tells its call, rank, token and life,
 * and its other channels are drawn from these, so that neither a row of another call or life nor one that is written in part passes for it. All
 * values are small whole numbers, exact in BF16, in FP8 beside the 448 in front, and in sums.
 */
final class Oracle {
    /** Calls that can be told apart. */
    static final int MOST_CALLS = 256;
    /** Calls of a masked rank alone are counted from here. */
    static final int FIRST_ALONE = 200;
    /** Lives that can be told apart. */
    static final int MOST_LIVES = 15;
    private static final int SCALE = 0;
    private static final int CALL_LOW = 1;
    private static final int CALL_HIGH = 2;
    private static final int RANK = 3;
    private static final int TOKEN = 4;
    private static final int LIFE = 5;
    private static final int FIRST_DRAWN = 6;
    private static final int FIRST_EXPERT = 8;
    private static final float SCALE_VALUE = 448;
    private static final short[] BF16 = bf16();
    private static final short BF16_SCALE = Bfloat16.fromFloat(SCALE_VALUE);

    private final Plan plan;
    private final Memory memory;
    private final Input[][] inputs;
    private final MemorySegment scratch;
    private final short[] row;
    private final short[] output;

    Oracle(final Plan plan, final Memory memory) {
        this.plan = plan;
        this.memory = memory;
        this.inputs = new Input[MOST_CALLS][];
        this.scratch = memory.take(2L * plan.hidden);
        this.row = new short[plan.hidden];
        this.output = new short[plan.hidden];
    }

    private static short[] bf16() {
        final short[] values = new short[256];
        for (int value = 0; value < values.length; value++) {
            values[value] = Bfloat16.fromFloat(value);
        }
        return values;
    }

    // Inputs.

    /** Makes the input of a life of a rank in a call, with the routing of call {@code routed}. */
    Input make(final int call, final int routed, final int rank, final int life) {
        final Dice dice = new Dice(plan.seed, Dice.mix(routed * 64L + rank, life));
        final int tokens = dice.below(plan.tokens + 1);
        final int entries = Math.max(1, tokens * plan.topK);
        final int[] experts = new int[tokens * plan.topK];
        final MemorySegment ids = memory.take((long) entries * Integer.BYTES);
        final MemorySegment weights = memory.take((long) entries * Float.BYTES);
        final MemorySegment rows = memory.take((long) Math.max(1, tokens) * plan.hidden * Short.BYTES);
        for (int token = 0; token < tokens; token++) {
            for (int k = 0; k < plan.topK; k++) {
                final int at = token * plan.topK + k;
                final int drawn = dice.once(4) ? Routing.NONE : dice.below(plan.experts);
                experts[at] = isTaken(experts, at, drawn) ? Routing.NONE : drawn;
                ids.set(JAVA_INT, (long) at * Integer.BYTES, experts[at]);
                weights.set(JAVA_FLOAT, (long) at * Float.BYTES, weight(routed, rank, life, at));
            }
            for (int channel = 0; channel < plan.hidden; channel++) {
                row[channel] = channel == SCALE ? BF16_SCALE : BF16[digit(call, rank, life, token, channel)];
            }
            MemorySegment.copy(row, 0, rows, JAVA_SHORT, (long) token * plan.hidden * Short.BYTES, plan.hidden);
        }
        if (inputs[call] == null) {
            inputs[call] = new Input[plan.ranks];
        }
        inputs[call][rank] = new Input(call, rank, life, experts, rows, new Routing(tokens, plan.topK, plan.experts, ids, weights), inputs[call][rank]);
        return inputs[call][rank];
    }

    private boolean isTaken(final int[] experts, final int at, final int drawn) {
        for (int earlier = at / plan.topK * plan.topK; earlier < at; earlier++) {
            if (experts[earlier] == drawn) {
                return true;
            }
        }
        return false;
    }

    /** In low-latency mode the sum of weighted rows must be exact; in the other weights are only summed. */
    float weight(final int routed, final int rank, final int life, final int at) {
        final long drawn = Dice.mix(plan.seed + routed * 4096L + at, rank * 64L + life) >>> 40;
        return 1 + drawn % (plan.lowLatency ? 2 : 1000);
    }

    private int digit(final int call, final int rank, final int life, final int token, final int channel) {
        return switch (channel) {
            case CALL_LOW -> call & 15;
            case CALL_HIGH -> call >> 4;
            case RANK -> rank;
            case TOKEN -> token;
            case LIFE -> Math.min(life, MOST_LIVES);
            default -> (int) (Dice.mix(plan.seed + channel, (call * 64L + rank) * 4096 + life * 16L + token) >>> 60);
        };
    }

    /** What a life of a rank dispatched in a call; null if nothing. */
    Input find(final int call, final int rank, final int life) {
        Input input = inputs[call] == null ? null : inputs[call][rank];
        while (input != null && input.life != life) {
            input = input.earlier;
        }
        return input;
    }

    // Rows.

    /** Where rows are to be read to, before {@link #lifeOfRow} and {@link #checkRow}. */
    MemorySegment scratch() {
        return scratch;
    }

    /** The life that the row read tells of. */
    int lifeOfRow() {
        MemorySegment.copy(scratch, JAVA_SHORT, 0, row, 0, plan.hidden);
        return (int) Bfloat16.toFloat(row[LIFE]);
    }

    /** Checks the row read last by {@link #lifeOfRow}. */
    void checkRow(final int at, final Input sent, final int token) {
        if (token < 0 || token >= sent.tokens) {
            throw new Violation("WRONG_ROW", "rank " + at + " call " + sent.call + ": token " + token + " of rank " + sent.rank + ", which sent "
                + sent.tokens);
        }
        for (int channel = 0; channel < plan.hidden; channel++) {
            final short expected = channel == SCALE ? BF16_SCALE : BF16[digit(sent.call, sent.rank, sent.life, token, channel)];
            if (row[channel] != expected) {
                throw new Violation("WRONG_ROW", "rank " + at + " call " + sent.call + ": token " + token + " of rank " + sent.rank + " life " + sent.life
                    + " is " + describe());
            }
        }
    }

    String describe() {
        return "a row of call " + (value(CALL_LOW) + 16 * value(CALL_HIGH)) + " rank " + value(RANK) + " token " + value(TOKEN) + " life " + value(LIFE)
            + ", first " + Bfloat16.toFloat(row[SCALE]);
    }

    private int value(final int channel) {
        return (int) Bfloat16.toFloat(row[channel]);
    }

    /** Writes what the experts of {@code run} (a bit each) make of the row read last. */
    void runExperts(final int run, final MemorySegment target, final long offset) {
        Arrays.fill(output, (short) 0);
        final int count = Integer.bitCount(run);
        for (int channel = CALL_LOW; channel < FIRST_EXPERT; channel++) {
            output[channel] = BF16[count * value(channel)];
        }
        for (int expert = 0; expert < plan.experts; expert++) {
            output[FIRST_EXPERT + expert] = (run >> expert & 1) == 0 ? 0 : row[FIRST_DRAWN];
        }
        MemorySegment.copy(output, 0, target, JAVA_SHORT, offset, plan.hidden);
    }

    // Sums.

    /** A place for sums, filled with what no sum is. */
    MemorySegment sums(final long bytes) {
        return memory.take(Math.max(1, bytes)).fill((byte) 0x7f);
    }

    /**
     * Checks the sum of a token.
     *
     * @param factors by expert, how often its output is in the sum: its weight, or 1, or 0
     */
    void checkSum(final Input input, final int token, final MemorySegment sums, final int[] factors) {
        MemorySegment.copy(sums, JAVA_SHORT, (long) token * plan.hidden * Short.BYTES, row, 0, plan.hidden);
        int sum = 0;
        for (final int factor : factors) {
            sum += factor;
        }
        for (int channel = 0; channel < plan.hidden; channel++) {
            final int expert = channel - FIRST_EXPERT;
            final int expected;
            if (channel == SCALE || expert >= plan.experts) {
                expected = 0;
            } else if (expert < 0) {
                expected = sum * digit(input.call, input.rank, input.life, token, channel);
            } else {
                expected = factors[expert] * digit(input.call, input.rank, input.life, token, FIRST_DRAWN);
            }
            if (row[channel] != BF16[expected]) {
                throw new Violation("WRONG_SUM", "rank " + input.rank + " call " + input.call + " token " + token + " channel " + channel + ": "
                    + Bfloat16.toFloat(row[channel]) + " for " + expected + " of factors " + Arrays.toString(factors));
            }
        }
    }
}

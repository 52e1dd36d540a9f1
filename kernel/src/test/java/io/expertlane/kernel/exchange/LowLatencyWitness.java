package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** {@link GarbageWitness} of low-latency mode. The output of expert e is the row times 1 + e % 3. */
final class LowLatencyWitness implements GarbageWitness {
    private static final int FACTORS = 3;

    private final GarbageWorld world;
    private final LowLatencyExchange exchange;
    private final MoeShape shape;
    private final int rank;
    private final MemorySegment row;
    private final MemorySegment[] sums = new MemorySegment[2];
    private final LowLatencyCall[] calls = new LowLatencyCall[2];
    private final boolean[] answered = new boolean[2];
    private int begun;
    private int ended;

    LowLatencyWitness(final GarbageWorld world, final LowLatencyExchange exchange, final Arena arena) {
        this.world = world;
        this.exchange = exchange;
        this.shape = exchange.config().shape();
        this.rank = exchange.rank();
        this.row = arena.allocate(shape.rowBytes(), 64);
        sums[0] = arena.allocate((long) shape.maxTokensPerRank() * shape.rowBytes(), 64);
        sums[1] = arena.allocate((long) shape.maxTokensPerRank() * shape.rowBytes(), 64);
    }

    @Override
    public boolean step() {
        boolean moved = exchange.doWork() > 0;
        if (begun < GarbageWorld.CALLS && begun - ended < 2 && (begun == ended || world.isOverlapping())) {
            final GarbageInput input = world.inputs[begun][rank];
            calls[begun & 1] = exchange.dispatch(input.tokens, input.routing);
            calls[begun & 1].receive();
            answered[begun & 1] = false;
            begun++;
            moved = true;
        }
        for (int call = ended; call < begun; call++) {
            if (!answered[call & 1] && (call == ended || answered[call - 1 & 1]) && calls[call & 1].isReceived()) {
                answer(call);
                moved = true;
            }
        }
        if (ended < begun && answered[ended & 1] && calls[ended & 1].isOver()) {
            if (rank != world.writer && !GarbageWorld.isReleased(ended)) {
                checkSums(ended);
            }
            ended++;
            moved = true;
        }
        return moved;
    }

    private void answer(final int number) {
        final LowLatencyCall call = calls[number & 1];
        for (int source = 0; source < shape.ranks(); source++) {
            if (isClean(source) && !call.isLeftOut(source)) {
                checkRows(number, call, source);
            }
            assertThat(!isClean(source) || !call.isLeftOut(source) || world.isDisturbed()).as("call %s at %s has %s", number, rank, source).isTrue();
        }
        answered[number & 1] = true;
        if (GarbageWorld.isReleased(number)) {
            call.release();
            return;
        }
        for (int local = 0; local < shape.localExperts(); local++) {
            for (int source = 0; source < shape.ranks(); source++) {
                for (int slot = 0; slot < call.count(local, source); slot++) {
                    exchange.readRow(call.rowOffset(local, source, slot), row, 0);
                    final int factor = factor(rank * shape.localExperts() + local);
                    for (int channel = 0; channel < shape.hidden(); channel++) {
                        exchange.region().set(JAVA_SHORT, call.outputOffset(local, source, slot) + 2L * channel,
                            Bfloat16.fromFloat(factor * Bfloat16.toFloat(row.getAtIndex(JAVA_SHORT, channel))));
                    }
                }
            }
        }
        call.combine();
        call.reduce(sums[number & 1]);
    }

    private static int factor(final int expert) {
        return 1 + expert % FACTORS;
    }

    private void checkRows(final int number, final LowLatencyCall call, final int source) {
        final GarbageInput input = world.inputs[number][source];
        for (int local = 0; local < shape.localExperts(); local++) {
            int expected = 0;
            for (int token = 0; token < input.routing.tokens(); token++) {
                expected += input.selectionOf(token, rank * shape.localExperts() + local) >= 0 ? 1 : 0;
            }
            assertThat(call.count(local, source)).as("rows of %s in call %s at %s", source, number, rank).isEqualTo(expected);
            long seen = 0;
            for (int slot = 0; slot < expected; slot++) {
                final int token = call.sourceToken(local, source, slot);
                exchange.readRow(call.rowOffset(local, source, slot), row, 0);
                assertThat(input.selectionOf(token, rank * shape.localExperts() + local)).isNotNegative();
                assertThat(input.isRow(row, 0, token)).as("token %s of %s in call %s at %s", token, source, number, rank).isTrue();
                seen |= 1L << token;
            }
            assertThat(Long.bitCount(seen)).isEqualTo(expected);
        }
    }

    private void checkSums(final int number) {
        final GarbageInput input = world.inputs[number][rank];
        for (int token = 0; token < input.routing.tokens(); token++) {
            if (!input.selectsRank(token, world.writer)) {
                float factor = 0;
                for (int k = 0; k < shape.topK(); k++) {
                    final int expert = input.routing.expert(token, k);
                    final boolean isIn = expert != Routing.NONE && !calls[number & 1].isLeftOut(shape.rankOf(expert));
                    factor += isIn ? input.routing.weight(token, k) * factor(expert) : 0;
                }
                for (int channel = 0; channel < shape.hidden(); channel++) {
                    assertThat(Bfloat16.toFloat(sums[number & 1].getAtIndex(JAVA_SHORT, (long) token * shape.hidden() + channel)))
                        .as("channel %s of token %s of call %s at %s", channel, token, number, rank).isEqualTo(factor * input.value(token, channel));
                }
            }
        }
    }

    @Override
    public int ended() {
        return ended;
    }

    @Override
    public int begun() {
        return begun;
    }

    @Override
    public boolean isClean(final int source) {
        return rank != world.writer && source != world.writer;
    }

    @Override
    public boolean isMasked(final int other) {
        return exchange.isMasked(other);
    }

    @Override
    public long protocolErrors(final int peer) {
        return exchange.protocolErrors(peer);
    }

    @Override
    public String protocolError(final int peer) {
        return exchange.protocolError(peer);
    }
}

package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * {@link GarbageWitness} of high-throughput mode. The output of rank r for a row is the row times 1 + r. What goes from one node to another is
 * forwarded by the rank of the target's node on the source's rail; where that is the writer, it has a part in it.
 */
final class HighThroughputWitness implements GarbageWitness {
    private final GarbageWorld world;
    private final HighThroughputExchange exchange;
    private final HighThroughputConfig config;
    private final MoeShape shape;
    private final HighThroughputMemory memory;
    private final Rails rails;
    private final int rank;
    private final MemorySegment row;
    private final MemorySegment[] sums = new MemorySegment[2];
    private final MemorySegment[] weights = new MemorySegment[2];
    private final HighThroughputCall[] calls = new HighThroughputCall[2];
    private final boolean[] answered = new boolean[2];
    private HighThroughputHandle handle;
    private int begun;
    private int ended;

    HighThroughputWitness(final GarbageWorld world, final HighThroughputExchange exchange, final Arena arena) {
        this.world = world;
        this.exchange = exchange;
        this.config = exchange.config();
        this.shape = config.shape();
        this.rank = exchange.rank();
        this.rails = Rails.of(shape, rank);
        this.memory = new HighThroughputMemory(config, rails);
        this.row = arena.allocate(shape.rowBytes(), 64);
        for (int i = 0; i < 2; i++) {
            sums[i] = arena.allocate((long) shape.maxTokensPerRank() * shape.rowBytes(), 64);
            weights[i] = arena.allocate((long) shape.maxTokensPerRank() * shape.topK() * Float.BYTES, 64);
        }
    }

    /** The heads of rows that {@code writer} writes to their places here, for the calls that are live. */
    List<GarbagePlaces.Place> rowsOf(final int writer) {
        final List<GarbagePlaces.Place> rows = new ArrayList<>();
        for (int call = ended; call < begun && rails.isInNode(writer) && config.path() == TransferPath.ZERO; call++) {
            rows.addAll(GarbagePlaces.rows(calls[call & 1], memory, rails, config, writer));
        }
        return rows;
    }

    @Override
    public boolean step() {
        boolean moved = exchange.doWork() > 0;
        if (begun < GarbageWorld.CALLS && begun - ended < config.liveCalls() && (begun == ended || begun > 1 && world.isOverlapping())) {
            calls[begun & 1] = dispatch(begun);
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

    private HighThroughputCall dispatch(final int number) {
        final GarbageInput input = world.inputs[number][rank];
        if (handle != null && world.isByHandle(number)) {
            return exchange.dispatch(world.inputs[0][rank].tokens, handle);
        }
        return number == 2 ? exchange.dispatch(input.tokens, input.routing, config.maxReceiveRows()) : exchange.dispatch(input.tokens, input.routing);
    }

    /** The input of a call: that of the first one where its handle was used. */
    private GarbageInput input(final int number, final int source) {
        return world.inputs[world.handleAllowed[number] ? 0 : number][source];
    }

    private void answer(final int number) {
        final HighThroughputCall call = calls[number & 1];
        for (int source = 0; rank != world.writer && source < shape.ranks(); source++) {
            if (isClean(source) && !call.isLeftOut(source)) {
                checkRows(number, call, source);
            }
            assertThat(!isClean(source) || !call.isLeftOut(source) || world.isDisturbed()).as("call %s at %s has %s", number, rank, source).isTrue();
        }
        handle = number == 0 && world.isByHandle(1) ? call.handle() : handle;
        answered[number & 1] = true;
        if (GarbageWorld.isReleased(number)) {
            call.release();
            return;
        }
        for (int received = 0; received < call.receivedRows(); received++) {
            exchange.readRow(call.rowOffset(received), row, 0);
            for (int channel = 0; channel < shape.hidden(); channel++) {
                exchange.region().set(JAVA_SHORT, call.outputOffset(received) + 2L * channel,
                    Bfloat16.fromFloat((1 + rank) * Bfloat16.toFloat(row.getAtIndex(JAVA_SHORT, channel))));
            }
            call.passWeights(received);
        }
        call.combine(sums[number & 1], weights[number & 1], null, null);
    }

    /** Whether the writer has nothing to do with what goes from {@code source} to {@code target} and back. */
    private boolean isClean(final int source, final int target) {
        final int forwarder = target - target % rails.perNode() + source % rails.perNode();
        return source != world.writer && target != world.writer && (source / rails.perNode() == target / rails.perNode() || forwarder != world.writer);
    }

    private void checkRows(final int number, final HighThroughputCall call, final int source) {
        final GarbageInput input = input(number, source);
        final List<Integer> expected = new ArrayList<>();
        for (int token = 0; token < input.routing.tokens(); token++) {
            if (input.selectsRank(token, rank)) {
                expected.add(token);
            }
        }
        final List<Integer> seen = new ArrayList<>();
        for (int channel = 0; channel < config.channels(); channel++) {
            for (int index = 0; index < call.layout().receivedCount(source, channel); index++) {
                final int at = call.layout().receivedStart(source, channel) + index;
                final int token = call.sourceToken(at);
                if (token == TokenRecord.NO_SOURCE && world.isDisturbed()) {
                    continue;
                }
                exchange.readRow(call.rowOffset(at), row, 0);
                assertThat(call.sourceRank(at)).as("row %s of call %s at %s", at, number, rank).isEqualTo(source);
                assertThat(input.isRow(row, 0, token)).as("token %s of %s in call %s at %s", token, source, number, rank).isTrue();
                for (int k = 0; k < shape.topK(); k++) {
                    final int expert = input.routing.expert(token, k);
                    assertThat(call.recvTopkIdx(at, k)).isEqualTo(expert != Routing.NONE && shape.rankOf(expert) == rank
                        ? expert % shape.localExperts() : Routing.NONE);
                }
                seen.add(token);
            }
        }
        if (world.isDisturbed()) {
            expected.retainAll(seen);
        }
        assertThat(seen).as("tokens of %s in call %s at %s", source, number, rank).isEqualTo(expected);
    }

    private void checkSums(final int number) {
        final GarbageInput input = input(number, rank);
        for (int token = 0; token < input.routing.tokens(); token++) {
            int factor = 0;
            boolean clean = true;
            for (int target = 0; target < shape.ranks(); target++) {
                factor += input.selectsRank(token, target) && !isMissing(number, token, target) ? 1 + target : 0;
                clean &= !input.selectsRank(token, target) || isClean(rank, target);
            }
            for (int channel = 0; clean && channel < shape.hidden(); channel++) {
                assertThat(Bfloat16.toFloat(sums[number & 1].getAtIndex(JAVA_SHORT, (long) token * shape.hidden() + channel)))
                    .as("channel %s of token %s of call %s at %s", channel, token, number, rank).isEqualTo(factor * input.value(token, channel));
            }
            for (int k = 0; clean && k < shape.topK(); k++) {
                assertThat(weights[number & 1].getAtIndex(JAVA_FLOAT, (long) token * shape.topK() + k))
                    .isEqualTo(input.routing.expert(token, k) == Routing.NONE || isMissing(number, token, shape.rankOf(input.routing.expert(token, k)))
                        ? 0 : input.routing.weight(token, k));
            }
        }
    }

    /** Whether the summed weights of a token say that what {@code target} gave is not in its sum. */
    private boolean isMissing(final int number, final int token, final int target) {
        final GarbageInput input = input(number, rank);
        for (int k = 0; k < shape.topK(); k++) {
            final int expert = input.routing.expert(token, k);
            if (expert != Routing.NONE && shape.rankOf(expert) == target) {
                return world.isDisturbed() && weights[number & 1].getAtIndex(JAVA_FLOAT, (long) token * shape.topK() + k) == 0;
            }
        }
        return false;
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
        return isClean(source, rank);
    }

    @Override
    public boolean isMasked(final int other) {
        return rails.isReached(other) && exchange.isMasked(other);
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

package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.fuzz.Words;
import io.expertlane.kernel.membership.MembershipPlaces;
import io.expertlane.kernel.membership.MembershipWords;
import io.expertlane.kernel.memory.CallWord;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.ring.RingLayout;
import io.expertlane.kernel.zero.LowLatencyBuffers;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** The places in a rank's memory that one of its peers writes: words, blocks of counts and heads of records. */
final class GarbagePlaces {
    /** What a place holds, which says how to make garbage that passes for it. */
    enum Kind { CALL_WORD, RETURN_WORD, POSITION, INT, ROW_COUNT, ROW_COUNT_SIGNAL, LONG }

    /** A word of 8 bytes, or of 4 where it is an {@link Kind#INT} or a {@link Kind#ROW_COUNT}. */
    record Place(Kind kind, long offset) {
    }

    private static final int LAST_RETURN_KIND = 2;

    private final MoeShape shape;
    private final int writer;
    private final List<List<Place>> groups = new ArrayList<>();

    private GarbagePlaces(final MoeShape shape, final int writer) {
        this.shape = shape;
        this.writer = writer;
    }

    static GarbagePlaces of(final LowLatencyConfig config, final int writer) {
        final GarbagePlaces places = new GarbagePlaces(config.shape(), writer);
        if (config.path() == TransferPath.RING) {
            places.addRings(config, new RingBuffers(config));
        } else {
            places.addZero(config, LowLatencyExchange.buffers(config));
        }
        return places;
    }

    private void addZero(final LowLatencyConfig config, final LowLatencyBuffers buffers) {
        for (int buffer = 0; buffer < 2; buffer++) {
            for (int local = 0; local < shape.localExperts(); local++) {
                final List<Place> counts = group();
                final List<Place> flags = group();
                for (int lane = 0; lane < config.queuePairsPerExpert(); lane++) {
                    counts.add(new Place(Kind.CALL_WORD, buffers.count(buffer, local, writer, lane)));
                    flags.add(new Place(Kind.RETURN_WORD, buffers.flag(buffer, writer * shape.localExperts() + local, lane)));
                }
                final List<Place> headers = group();
                for (int slot = 0; slot < shape.maxTokensPerRank(); slot++) {
                    addInts(headers, buffers.receive(buffer, local, writer, slot), 2);
                    headers.add(new Place(Kind.LONG, buffers.receive(buffer, local, writer, slot) + 8));
                }
            }
        }
        addMembership(buffers.membership());
    }

    private void addRings(final LowLatencyConfig config, final RingBuffers buffers) {
        for (int buffer = 0; buffer < 2; buffer++) {
            final List<Place> words = group();
            for (int local = 0; local < shape.localExperts(); local++) {
                words.add(new Place(Kind.CALL_WORD, buffers.count(buffer, local, writer)));
            }
            group().add(new Place(Kind.RETURN_WORD, buffers.flag(buffer, writer)));
        }
        addRing(buffers.dispatch(), buffers.dispatchIn(writer), config.queuePairsPerExpert(), 4);
        addRing(buffers.combine(), buffers.combineIn(writer), config.queuePairsPerExpert(), 4);
        addHeads(buffers.dispatchOut(writer), config.queuePairsPerExpert());
        addHeads(buffers.combineOut(writer), config.queuePairsPerExpert());
        addMembership(buffers.membership());
    }

    /** Those in the memory of {@code victim}; the heads of rows that are not in rings move with each call: see {@link #rows}. */
    static GarbagePlaces of(final HighThroughputConfig config, final int writer, final int victim) {
        final GarbagePlaces places = new GarbagePlaces(config.shape(), writer);
        final Rails rails = Rails.of(config.shape(), victim);
        if (rails.isReached(writer)) {
            final HighThroughputMemory memory = new HighThroughputMemory(config, rails);
            for (int buffer = 0; buffer < config.liveCalls(); buffer++) {
                if (rails.isInNode(writer)) {
                    places.addNodeWords(config, rails, memory, buffer);
                } else {
                    places.addRailWords(config, rails, memory, buffer);
                }
            }
            if (config.path() == TransferPath.RING) {
                places.addRings(config, rails, memory);
            }
            places.addMembership(memory.membership());
        }
        return places;
    }

    private void addNodeWords(final HighThroughputConfig config, final Rails rails, final HighThroughputMemory memory, final int buffer) {
        final int local = writer % rails.perNode();
        final List<Place> counts = group();
        for (int at = 0; at < memory.rankCountsBytes(); at += Integer.BYTES) {
            counts.add(new Place(Kind.ROW_COUNT, memory.rankCounts(buffer, false, local) + at));
        }
        addInts(group(), memory.starts(buffer, false, local), memory.startsBytes() / Integer.BYTES);
        final List<Place> signals = group();
        signals.add(new Place(Kind.ROW_COUNT_SIGNAL, memory.rankCountsSignal(buffer, local)));
        signals.add(new Place(Kind.CALL_WORD, memory.startsSignal(buffer, local)));
        group().add(new Place(Kind.RETURN_WORD, memory.rankReturnSignal(buffer, local)));
        final List<Place> words = config.path() == TransferPath.ZERO ? group() : new ArrayList<>();
        for (int node = 0; node < rails.nodes(); node++) {
            for (int channel = 0; channel < config.channels(); channel++) {
                for (int lane = 0; lane < config.queuePairsPerChannel(); lane++) {
                    words.add(new Place(Kind.CALL_WORD, memory.rowWord(buffer, node, local, channel) + 8L * lane));
                    words.add(new Place(Kind.CALL_WORD, memory.slotWord(buffer, node, local, channel) + 8L * lane));
                }
            }
        }
    }

    private void addRailWords(final HighThroughputConfig config, final Rails rails, final HighThroughputMemory memory, final int buffer) {
        final int node = writer / rails.perNode();
        addInts(group(), memory.nodeCounts(buffer, false, node), memory.nodeCountsBytes() / Integer.BYTES);
        group().add(new Place(Kind.CALL_WORD, memory.nodeCountsSignal(buffer, node)));
        group().add(new Place(Kind.RETURN_WORD, memory.nodeReturnSignal(buffer, node)));
        final boolean zero = config.path() == TransferPath.ZERO;
        final List<Place> words = zero ? group() : new ArrayList<>();
        final List<Place> headers = zero ? group() : new ArrayList<>();
        for (int channel = 0; zero && channel < config.channels(); channel++) {
            for (int lane = 0; lane < config.queuePairsPerChannel(); lane++) {
                words.add(new Place(Kind.CALL_WORD, memory.transitWord(buffer, node, channel) + 8L * lane));
                words.add(new Place(Kind.CALL_WORD, memory.partialWord(buffer, node, channel) + 8L * lane));
            }
            for (int slot = 0; slot < memory.run(); slot++) {
                addInts(headers, memory.transit(buffer, node, channel) + (long) slot * memory.dispatched().stride(), 2 + shape.topK());
            }
        }
    }

    private void addRings(final HighThroughputConfig config, final Rails rails, final HighThroughputMemory memory) {
        final int local = writer % rails.perNode();
        final int writerNode = writer / rails.perNode();
        final int lanes = config.queuePairsPerChannel();
        for (int channel = 0; channel < config.channels(); channel++) {
            for (int node = 0; rails.isInNode(writer) && node < rails.nodes(); node++) {
                addRing(memory.dispatchRing(), memory.rowRing(true, false, node, local, channel), lanes, 2 + shape.topK());
                addRing(memory.returnRing(), memory.rowRing(false, false, node, local, channel), lanes, 0);
                addHeads(memory.rowRing(true, true, node, local, channel), lanes);
                addHeads(memory.rowRing(false, true, node, local, channel), lanes);
            }
            if (!rails.isInNode(writer)) {
                addRing(memory.dispatchRing(), memory.railRing(true, false, writerNode, channel), lanes, 2 + shape.topK());
                addRing(memory.returnRing(), memory.railRing(false, false, writerNode, channel), lanes, 0);
                addHeads(memory.railRing(true, true, writerNode, channel), lanes);
                addHeads(memory.railRing(false, true, writerNode, channel), lanes);
            }
        }
    }

    private void addRing(final RingLayout layout, final long end, final int lanes, final int headerInts) {
        final List<Place> tails = group();
        for (int lane = 0; lane < lanes; lane++) {
            tails.add(new Place(Kind.POSITION, end + 8L * lane));
        }
        final List<Place> headers = headerInts > 0 ? group() : null;
        for (int slot = 0; headers != null && slot < layout.capacity(); slot++) {
            addInts(headers, end + layout.slotOffset(slot), headerInts);
        }
    }

    private void addHeads(final long end, final int lanes) {
        final List<Place> heads = group();
        for (int lane = 0; lane < lanes; lane++) {
            heads.add(new Place(Kind.POSITION, end + 8L * lane));
        }
    }

    private void addMembership(final MembershipWords words) {
        final List<Place> block = group();
        for (long offset = MembershipPlaces.first(words, writer); offset < MembershipPlaces.end(words, writer); offset += Long.BYTES) {
            block.add(new Place(Kind.LONG, offset));
        }
    }

    private static void addInts(final List<Place> to, final long first, final int count) {
        for (int i = 0; i < count; i++) {
            to.add(new Place(Kind.INT, first + (long) i * Integer.BYTES));
        }
    }

    private List<Place> group() {
        final List<Place> made = new ArrayList<>();
        groups.add(made);
        return made;
    }

    boolean isEmpty() {
        return groups.isEmpty();
    }

    /** A random place; kinds that are few come as often as those that are many. */
    Place draw(final SplittableRandom random) {
        final List<Place> group = groups.get(random.nextInt(groups.size()));
        return group.get(random.nextInt(group.size()));
    }

    /** The heads of the rows that {@code writer} has written, or is to write, to their places for a call. */
    static List<Place> rows(final HighThroughputCall call, final HighThroughputMemory memory, final Rails rails, final HighThroughputConfig config,
                            final int writer) {
        final List<Place> heads = new ArrayList<>();
        for (int node = 0; call.isCounted() && node < rails.nodes(); node++) {
            final int source = rails.rank(node, writer % rails.perNode());
            for (int channel = 0; channel < config.channels(); channel++) {
                for (int row = 0; row < call.layout().receivedCount(source, channel); row++) {
                    addInts(heads, memory.receive(call.buffer(), call.layout().receivedStart(source, channel) + row), 2 + config.shape().topK());
                }
            }
        }
        return heads;
    }

    /**
     * Writes garbage: any value, or one that passes for that kind of word, of this call or one beside it. Not the other of the two ways to end a call,
     * which is taken for a mistake of the caller.
     */
    void write(final MemorySegment memory, final Place place, final long callNumber, final SplittableRandom random) {
        if (place.kind() == Kind.INT || place.kind() == Kind.ROW_COUNT) {
            final int old = memory.get(JAVA_INT, place.offset());
            memory.set(JAVA_INT, place.offset(), random.nextBoolean() ? random.nextInt(-3, 2 * shape.maxTokensPerRank() + 3) : (int) Words.mutate(old, random));
            return;
        }
        final long old = memory.get(JAVA_LONG, place.offset());
        final long found = random.nextInt(3) == 0 ? Words.mutate(old, random) : switch (place.kind()) {
            case CALL_WORD, RETURN_WORD, ROW_COUNT_SIGNAL -> CallWord.of(0, callNumber + random.nextInt(-1, 2), value(random));
            case POSITION -> old + random.nextInt(-70, 71);
            default -> Words.mutate(old, random);
        };
        final boolean ends = place.kind() == Kind.RETURN_WORD && CallWord.value(found) >= 1 && CallWord.value(found) <= LAST_RETURN_KIND;
        memory.set(JAVA_LONG, place.offset(), ends ? found + LAST_RETURN_KIND : found);
    }

    private int value(final SplittableRandom random) {
        return random.nextInt(4) == 0 ? random.nextInt(CallWord.MAX_VALUE + 1) : random.nextInt(2 * shape.maxTokensPerRank() + 3);
    }
}

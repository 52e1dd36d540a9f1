package io.expertlane.kernel.membership.model;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.function.IntUnaryOperator;

/** What three ranks know, what lies in their memory, and what is in flight between them. */
final class ModelState {
    static final int RANKS = 3;

    // What a rank is.
    static final int DEAD = 0;
    static final int MEMBER = 1;
    static final int JOINING = 2;

    // Fields of a rank.
    static final int STATUS = 0;
    static final int FROZEN = 1;
    static final int EPOCH = 2;
    /** Ghost: which life this is, whatever the protocol makes of it. */
    static final int LIFE = 3;
    /** Number of the last call dispatched. */
    static final int CALL = 4;
    /** One more than the call after which the callers let this rank join; 0: they don't. */
    static final int PLAN = 5;
    /** Place in the order in which callers let ranks join. */
    static final int ORDER = 6;
    /** Ghost: this life has been frozen, or wrongly taken for overdue, so that it or others may lose patience. */
    static final int TROUBLED = 7;
    private static final int RANK_FIELDS = 8;

    // Fields of a rank about a peer.
    static final int MASKED = 0;
    static final int EXCLUDED_BY = 1;
    static final int EPOCH_OF = 2;
    /** Ghost: the peer's life that was granted. */
    static final int LIFE_OF = 3;
    /** The peer has not revoked the keys of all since the link was opened. */
    static final int SAME_REGION = 4;
    static final int GRANTING = 5;
    static final int GRANT_EPOCH = 6;
    static final int GRANT_LIFE = 7;
    static final int GRANT_CALL = 8;
    static final int GRANT_KEY = 9;
    static final int IS_NEW = 10;
    static final int REQUESTED = 11;
    static final int ACCEPTED = 12;
    /** The peer has revoked the key of this rank's connection. */
    static final int GONE = 13;
    /** The live call waits for the peer's count. */
    static final int AWAITED = 14;
    /** The caller's {@code clearMask} of the peer was true, or the caller has stopped asking. */
    static final int CLEARED = 15;
    private static final int PAIR_FIELDS = 16;

    // Values of GRANTING.
    static final int NOT_GRANTING = 0;
    static final int TO_POST = 1;
    static final int POSTED = 2;

    // Words of a peer in a rank's memory.
    static final int REQUEST_WORD = 0;
    static final int GRANT_WORD = 1;
    static final int ACCEPTANCE_WORD = 2;
    static final int CONFIRMATION_WORD = 3;
    /** And the next: counts of even and odd calls. */
    static final int COUNT_WORD = 4;
    private static final int WORDS = 6;

    // Queue pairs of a writer to a target. What a dead life has posted stays in queues of its own.
    static final int MEMBERSHIP_QUEUE = 0;
    static final int CALL_QUEUE = 1;
    private static final int[] EMPTY = {};
    private static final int[][] ORDERS = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    private static final int MAX_BYTES = 4_096;

    private final byte[] ranks;
    private final byte[] pairs;
    private final int[] words;
    private final int[][][] queues;
    int faultsLeft;

    /** All are members with epoch 0; no call has been dispatched. */
    ModelState(final int faults) {
        this.ranks = new byte[RANKS * RANK_FIELDS];
        this.pairs = new byte[RANKS * RANKS * PAIR_FIELDS];
        this.words = new int[RANKS * RANKS * WORDS];
        this.queues = new int[RANKS * RANKS][][];
        Arrays.fill(queues, new int[][] {EMPTY, EMPTY});
        this.faultsLeft = faults;
        for (int rank = 0; rank < RANKS; rank++) {
            set(rank, STATUS, MEMBER);
            for (int peer = 0; peer < RANKS; peer++) {
                set(rank, peer, SAME_REGION, rank == peer ? 0 : 1);
            }
        }
    }

    private ModelState(final ModelState other) {
        this.ranks = other.ranks.clone();
        this.pairs = other.pairs.clone();
        this.words = other.words.clone();
        this.queues = other.queues.clone();
        this.faultsLeft = other.faultsLeft;
    }

    ModelState copy() {
        return new ModelState(this);
    }

    int get(final int rank, final int field) {
        return ranks[rank * RANK_FIELDS + field];
    }

    void set(final int rank, final int field, final int value) {
        ranks[rank * RANK_FIELDS + field] = (byte) value;
    }

    int get(final int rank, final int peer, final int field) {
        return pairs[(rank * RANKS + peer) * PAIR_FIELDS + field];
    }

    boolean is(final int rank, final int peer, final int field) {
        return get(rank, peer, field) != 0;
    }

    void set(final int rank, final int peer, final int field, final int value) {
        pairs[(rank * RANKS + peer) * PAIR_FIELDS + field] = (byte) value;
    }

    void clearPair(final int rank, final int peer) {
        Arrays.fill(pairs, (rank * RANKS + peer) * PAIR_FIELDS, (rank * RANKS + peer + 1) * PAIR_FIELDS, (byte) 0);
    }

    /** What {@code writer} has stored in {@code rank}'s memory. */
    int word(final int rank, final int writer, final int word) {
        return words[(rank * RANKS + writer) * WORDS + word];
    }

    void setWord(final int rank, final int writer, final int word, final int message) {
        words[(rank * RANKS + writer) * WORDS + word] = message;
    }

    /** The queues from a writer to a target, the oldest element of each first. */
    int[][] queues(final int writer, final int target) {
        return queues[writer * RANKS + target];
    }

    void post(final int writer, final int target, final int queue, final int message) {
        final int[][] all = queues(writer, target).clone();
        all[queue] = Arrays.copyOf(all[queue], all[queue].length + 1);
        all[queue][all[queue].length - 1] = message;
        queues[writer * RANKS + target] = all;
    }

    int take(final int writer, final int target, final int queue) {
        final int[][] all = queues(writer, target).clone();
        final int message = all[queue][0];
        all[queue] = Arrays.copyOfRange(all[queue], 1, all[queue].length);
        queues[writer * RANKS + target] = all;
        return message;
    }

    void dropInFlight(final int writer, final int target) {
        queues[writer * RANKS + target] = new int[][] {EMPTY, EMPTY};
    }

    /** The writer's queue pairs are abandoned: what they hold may still arrive, unordered with what is posted from now on. */
    void abandonQueues(final int writer) {
        for (int target = 0; target < RANKS; target++) {
            final int[][] all = queues(writer, target);
            final int[][] next = Arrays.copyOf(new int[][] {EMPTY, EMPTY}, all.length + 2);
            System.arraycopy(all, 0, next, 2, all.length);
            queues[writer * RANKS + target] = next;
        }
    }

    /** Replaces elements in flight. */
    void mapInFlight(final int writer, final int target, final IntUnaryOperator change) {
        final int[][] all = queues(writer, target).clone();
        for (int queue = 0; queue < all.length; queue++) {
            all[queue] = Arrays.stream(all[queue]).map(change).filter(message -> message != Message.NONE).toArray();
        }
        queues[writer * RANKS + target] = all;
    }

    /** Brings queues of dead lives into one order. */
    void sortQueues() {
        for (int pair = 0; pair < queues.length; pair++) {
            if (queues[pair].length > 2) {
                final int[][] old = Arrays.stream(queues[pair], 2, queues[pair].length).filter(queue -> queue.length > 0)
                    .sorted(Arrays::compare).toArray(int[][]::new);
                final int[][] next = Arrays.copyOf(new int[][] {queues[pair][0], queues[pair][1]}, 2 + old.length);
                System.arraycopy(old, 0, next, 2, old.length);
                queues[pair] = next;
            }
        }
    }

    boolean isSame(final ModelState other) {
        return faultsLeft == other.faultsLeft && Arrays.equals(ranks, other.ranks) && Arrays.equals(pairs, other.pairs)
            && Arrays.equals(words, other.words) && Arrays.deepEquals(queues, other.queues);
    }

    byte[] encode(final ByteBuffer buffer) {
        write(buffer, ORDERS[0]);
        return Arrays.copyOf(buffer.array(), buffer.position());
    }

    static ByteBuffer buffer() {
        return ByteBuffer.allocate(MAX_BYTES);
    }

    /** A hash that is the same for all states that differ only by which rank has which number. */
    long fingerprint(final ByteBuffer buffer) {
        long least = Long.MAX_VALUE;
        for (final int[] order : ORDERS) {
            write(buffer, order);
            least = Math.min(least, hash(buffer.array(), buffer.position()));
        }
        return least;
    }

    private static long hash(final byte[] bytes, final int length) {
        long hash = 0x9e3779b97f4a7c15L ^ length;
        for (int i = 0; i < length; i++) {
            hash = (hash ^ bytes[i] & 0xff) * 0xff51afd7ed558ccdL;
            hash ^= hash >>> 32;
        }
        hash = (hash ^ hash >>> 29) * 0xc4ceb9fe1a85ec53L;
        return hash ^ hash >>> 32;
    }

    private void write(final ByteBuffer buffer, final int[] order) {
        buffer.clear();
        buffer.put((byte) faultsLeft);
        for (final int rank : order) {
            nibbles(buffer, ranks, rank * RANK_FIELDS, RANK_FIELDS);
        }
        for (final int rank : order) {
            for (final int peer : order) {
                if (peer != rank) {
                    nibbles(buffer, pairs, (rank * RANKS + peer) * PAIR_FIELDS, PAIR_FIELDS);
                    writeWords(buffer, (rank * RANKS + peer) * WORDS);
                    writeQueues(buffer, queues(rank, peer));
                }
            }
        }
    }

    private static void nibbles(final ByteBuffer buffer, final byte[] values, final int from, final int count) {
        for (int i = from; i < from + count; i += 2) {
            buffer.put((byte) (values[i] | values[i + 1] << 4));
        }
    }

    private void writeWords(final ByteBuffer buffer, final int from) {
        int present = 0;
        for (int word = 0; word < WORDS; word++) {
            present |= words[from + word] == 0 ? 0 : 1 << word;
        }
        buffer.put((byte) present);
        for (int word = 0; word < WORDS; word++) {
            if (words[from + word] != 0) {
                buffer.putInt(words[from + word]);
            }
        }
    }

    private static void writeQueues(final ByteBuffer buffer, final int[][] all) {
        buffer.put((byte) all.length);
        for (final int[] queue : all) {
            buffer.put((byte) queue.length);
            for (final int message : queue) {
                buffer.putInt(message);
            }
        }
    }

    static ModelState decode(final byte[] bytes) {
        final ByteBuffer buffer = ByteBuffer.wrap(bytes);
        final ModelState state = new ModelState(buffer.get());
        for (int rank = 0; rank < RANKS; rank++) {
            readNibbles(buffer, state.ranks, rank * RANK_FIELDS, RANK_FIELDS);
        }
        for (int rank = 0; rank < RANKS; rank++) {
            for (int peer = 0; peer < RANKS; peer++) {
                if (peer != rank) {
                    readNibbles(buffer, state.pairs, (rank * RANKS + peer) * PAIR_FIELDS, PAIR_FIELDS);
                    state.readWords(buffer, (rank * RANKS + peer) * WORDS);
                    state.queues[rank * RANKS + peer] = readQueues(buffer);
                }
            }
        }
        return state;
    }

    private static void readNibbles(final ByteBuffer buffer, final byte[] values, final int from, final int count) {
        for (int i = from; i < from + count; i += 2) {
            final int two = buffer.get();
            values[i] = (byte) (two & 15);
            values[i + 1] = (byte) (two >>> 4 & 15);
        }
    }

    private void readWords(final ByteBuffer buffer, final int from) {
        final int present = buffer.get();
        for (int word = 0; word < WORDS; word++) {
            words[from + word] = (present & 1 << word) == 0 ? 0 : buffer.getInt();
        }
    }

    private static int[][] readQueues(final ByteBuffer buffer) {
        final int[][] all = new int[buffer.get()][];
        for (int queue = 0; queue < all.length; queue++) {
            all[queue] = new int[buffer.get()];
            for (int i = 0; i < all[queue].length; i++) {
                all[queue][i] = buffer.getInt();
            }
        }
        return all;
    }

    /** For people. */
    @Override
    public String toString() {
        final StringBuilder text = new StringBuilder();
        for (int rank = 0; rank < RANKS; rank++) {
            text.append("  rank ").append(rank).append(new String[] {" dead", " member", " joining"}[get(rank, STATUS)])
                .append(get(rank, FROZEN) == 0 ? "" : " frozen").append(" e").append(get(rank, EPOCH)).append(" call ").append(get(rank, CALL))
                .append(get(rank, PLAN) == 0 ? "" : " to join after " + (get(rank, PLAN) - 1));
            for (int peer = 0; peer < RANKS; peer++) {
                if (peer != rank) {
                    appendPeer(text, rank, peer);
                }
            }
            text.append('\n');
        }
        return text.toString();
    }

    private void appendPeer(final StringBuilder text, final int rank, final int peer) {
        text.append(" | ").append(peer).append(is(rank, peer, MASKED) ? " masked" : "").append(is(rank, peer, EXCLUDED_BY) ? " by it" : "")
            .append(" e").append(get(rank, peer, EPOCH_OF)).append(new String[] {"", " to grant", " granting"}[get(rank, peer, GRANTING)])
            .append(is(rank, peer, IS_NEW) ? " new" : "").append(is(rank, peer, GONE) ? " gone" : "")
            .append(is(rank, peer, AWAITED) ? " awaited" : "").append(is(rank, peer, CLEARED) ? " cleared" : "");
        for (int word = 0; word < WORDS; word++) {
            text.append(word(rank, peer, word) == 0 ? "" : " [" + Message.text(word(rank, peer, word)) + "]");
        }
        for (final int[] queue : queues(rank, peer)) {
            for (final int message : queue) {
                text.append(" >").append(Message.text(message));
            }
        }
    }
}

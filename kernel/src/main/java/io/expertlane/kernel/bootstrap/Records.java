package io.expertlane.kernel.bootstrap;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * The records of a {@link Rendezvous}: of fixed length, numbers big-endian.
 *
 * <pre>
 *   greeting  rank 0 to a rank   magic 8, version 4, nonce 16
 *   hello     a rank to rank 0   magic 8, version 4, rank 4, ranks 4, bytes of the layout 4, layout 400, nonce 16, proof 32
 *   answer    rank 0 to a rank   magic 8, status 4, job 8, bytes of the text 4, text 1000, proof 32
 *   part      a rank to rank 0   magic 4, step 4, length 4, then as many bytes
 *   release   rank 0 to a rank   magic 4, step 4, value 8
 * </pre>
 *
 * <p>A proof is the HMAC-SHA-256, under the job's secret, of the other side's nonce and of all of the record that is before it; proofs are compared in
 * constant time. The secret itself is never sent.
 */
final class Records {
    static final int GREETING_BYTES = 28;
    static final int HELLO_BYTES = 472;
    static final int ANSWER_BYTES = 1056;
    static final int PART_BYTES = 12;
    static final int RELEASE_BYTES = 16;
    static final int MAX_LAYOUT_BYTES = 400;
    static final int NONCE_BYTES = 16;
    static final int ACCEPTED = 0;
    static final int REFUSED = 1;
    static final int WRONG_SECRET = 2;

    private static final long MAGIC = 0x5850_4C4D_4545_5431L;
    private static final int STEP_MAGIC = 0x5850_4C53;
    private static final int VERSION = 1;
    private static final int MAX_TEXT_BYTES = 1000;
    private static final int PROOF_BYTES = 32;
    private static final int VERSION_OFFSET = 8;
    private static final SecureRandom RANDOM = new SecureRandom();

    /** What a rank says of itself. */
    record Hello(int rank, int ranks, String layout, byte[] nonce) {
    }

    /** What rank 0 says to that. */
    record Answer(int status, long job, String text) {
    }

    private Records() {
    }

    static byte[] nonce() {
        final byte[] nonce = new byte[NONCE_BYTES];
        RANDOM.nextBytes(nonce);
        return nonce;
    }

    static long job() {
        return RANDOM.nextLong();
    }

    static byte[] greeting(final byte[] nonce) {
        return ByteBuffer.allocate(GREETING_BYTES).putLong(MAGIC).putInt(VERSION).put(nonce).array();
    }

    /**
     * The nonce of a greeting.
     *
     * @throws IllegalArgumentException if it is none, or of another version
     */
    static byte[] nonceOfGreeting(final byte[] greeting) {
        requireMagic(greeting, "greeting");
        final byte[] nonce = new byte[NONCE_BYTES];
        ByteBuffer.wrap(greeting).position(VERSION_OFFSET + Integer.BYTES).get(nonce);
        return nonce;
    }

    private static void requireMagic(final byte[] record, final String what) {
        final ByteBuffer buffer = ByteBuffer.wrap(record);
        final long magic = buffer.getLong();
        if (magic != MAGIC) {
            throw new IllegalArgumentException(String.format("%s magic=%016x: not a rendezvous of ranks", what, magic));
        }
        final int version = buffer.getInt();
        if (version != VERSION) {
            throw new IllegalArgumentException(what + " version=" + version + ": this program's is " + VERSION);
        }
    }

    static byte[] hello(final Hello hello, final String secret, final byte[] greetingNonce) {
        final byte[] layout = hello.layout().getBytes(StandardCharsets.UTF_8);
        if (layout.length > MAX_LAYOUT_BYTES) {
            throw new IllegalArgumentException("layout bytes=" + layout.length + ": at most " + MAX_LAYOUT_BYTES);
        }
        final ByteBuffer record = ByteBuffer.allocate(HELLO_BYTES).putLong(MAGIC).putInt(VERSION).putInt(hello.rank()).putInt(hello.ranks())
            .putInt(layout.length).put(layout);
        record.position(HELLO_BYTES - PROOF_BYTES - NONCE_BYTES).put(hello.nonce());
        return proven(record.array(), secret, greetingNonce);
    }

    /** Whether who sent the record knows the secret. */
    static boolean isProven(final byte[] record, final String secret, final byte[] nonce) {
        final byte[] proof = new byte[PROOF_BYTES];
        System.arraycopy(record, record.length - PROOF_BYTES, proof, 0, PROOF_BYTES);
        return MessageDigest.isEqual(proof, proof(record, secret, nonce));
    }

    private static byte[] proven(final byte[] record, final String secret, final byte[] nonce) {
        System.arraycopy(proof(record, secret, nonce), 0, record, record.length - PROOF_BYTES, PROOF_BYTES);
        return record;
    }

    private static byte[] proof(final byte[] record, final String secret, final byte[] nonce) {
        try {
            final Mac mac = Mac.getInstance("HmacSHA256");
            mac.init(new SecretKeySpec(secret.getBytes(StandardCharsets.UTF_8), "HmacSHA256"));
            mac.update(nonce);
            mac.update(record, 0, record.length - PROOF_BYTES);
            return mac.doFinal();
        } catch (final GeneralSecurityException e) {
            throw new IllegalStateException("HmacSHA256: every JDK has it", e);
        }
    }

    /**
     * Reads a hello.
     *
     * @throws IllegalArgumentException if it is none, of another version, or has a length out of its range
     */
    static Hello hello(final byte[] record) {
        requireMagic(record, "hello");
        final ByteBuffer buffer = ByteBuffer.wrap(record).position(VERSION_OFFSET + Integer.BYTES);
        final int rank = buffer.getInt();
        final int ranks = buffer.getInt();
        final String layout = text(buffer, "layout", MAX_LAYOUT_BYTES);
        final byte[] nonce = new byte[NONCE_BYTES];
        buffer.position(HELLO_BYTES - PROOF_BYTES - NONCE_BYTES).get(nonce);
        return new Hello(rank, ranks, layout, nonce);
    }

    private static String text(final ByteBuffer buffer, final String what, final int most) {
        final int length = buffer.getInt();
        if (length < 0 || length > most) {
            throw new IllegalArgumentException(what + " bytes=" + length + ": 0 to " + most);
        }
        final byte[] bytes = new byte[length];
        buffer.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    static byte[] answer(final Answer answer, final String secret, final byte[] helloNonce) {
        final byte[] text = answer.text().getBytes(StandardCharsets.UTF_8);
        final int length = Math.min(text.length, MAX_TEXT_BYTES);
        final ByteBuffer record = ByteBuffer.allocate(ANSWER_BYTES).putLong(MAGIC).putInt(answer.status()).putLong(answer.job()).putInt(length)
            .put(text, 0, length);
        return proven(record.array(), secret, helloNonce);
    }

    /**
     * Reads an answer.
     *
     * @throws IllegalArgumentException if it is none, or has a length out of its range
     */
    static Answer answer(final byte[] record) {
        final ByteBuffer buffer = ByteBuffer.wrap(record);
        final long magic = buffer.getLong();
        if (magic != MAGIC) {
            throw new IllegalArgumentException(String.format("answer magic=%016x: not a rendezvous of ranks", magic));
        }
        final int status = buffer.getInt();
        final long job = buffer.getLong();
        return new Answer(status, job, text(buffer, "text", MAX_TEXT_BYTES).lines().findFirst().orElse(""));
    }

    static byte[] part(final int step, final int length) {
        return ByteBuffer.allocate(PART_BYTES).putInt(STEP_MAGIC).putInt(step).putInt(length).array();
    }

    /**
     * The length of a part.
     *
     * @throws IllegalArgumentException if it is none, of another step, or longer than {@code most}
     */
    static int lengthOfPart(final byte[] record, final int step, final int most) {
        final ByteBuffer buffer = ByteBuffer.wrap(record);
        requireStep(buffer, step);
        final int length = buffer.getInt();
        if (length < 0 || length > most) {
            throw new IllegalArgumentException("part bytes=" + length + ": 0 to " + most);
        }
        return length;
    }

    private static void requireStep(final ByteBuffer buffer, final int step) {
        final int magic = buffer.getInt();
        final int found = buffer.getInt();
        if (magic != STEP_MAGIC || found != step) {
            throw new IllegalArgumentException(String.format("step magic=%08x number=%d: %08x and %d", magic, found, STEP_MAGIC, step));
        }
    }

    static byte[] release(final int step, final long value) {
        return ByteBuffer.allocate(RELEASE_BYTES).putInt(STEP_MAGIC).putInt(step).putLong(value).array();
    }

    /**
     * The value of a release.
     *
     * @throws IllegalArgumentException if it is none, or of another step
     */
    static long valueOfRelease(final byte[] record, final int step) {
        final ByteBuffer buffer = ByteBuffer.wrap(record);
        requireStep(buffer, step);
        return buffer.getLong();
    }
}

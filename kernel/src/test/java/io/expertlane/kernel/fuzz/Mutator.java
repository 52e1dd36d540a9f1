package io.expertlane.kernel.fuzz;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Makes bad input of good: takes one of the seeds and changes it one to eight times. Bytes are flipped, set, cut, doubled, spliced in from another
 * seed, or overwritten by integers at the edges of their types; text is also changed by {@link Tokens}.
 *
 * <p>Stateless but for its seeds: what a random makes does not depend on earlier cases.
 */
public final class Mutator {
    private static final int MAX_CHANGES = 8;
    /** Inputs stay below this, or twice the longest seed: long ones cost time and say little more. */
    private static final int MIN_LIMIT_BYTES = 4096;
    private static final int RARE = 512;

    private final List<byte[]> seeds;
    private final Tokens tokens;
    private final int limitBytes;

    private Mutator(final List<byte[]> seeds, final Tokens tokens) {
        this.seeds = List.copyOf(seeds);
        this.tokens = tokens;
        this.limitBytes = Math.max(MIN_LIMIT_BYTES, 2 * seeds.stream().mapToInt(seed -> seed.length).max().orElseThrow());
    }

    /** Of binary formats. */
    public static Mutator ofBytes(final List<byte[]> seeds) {
        return new Mutator(seeds, null);
    }

    /** Of text formats; {@code words} are put in beside those that trouble any reader. */
    public static Mutator ofText(final List<byte[]> seeds, final String... words) {
        return new Mutator(seeds, new Tokens(words));
    }

    /** The good inputs. */
    public List<byte[]> seeds() {
        return seeds;
    }

    /** One input. */
    public byte[] next(final SplittableRandom random) {
        if (random.nextInt(RARE) == 0) {
            final byte[] noise = new byte[random.nextInt(64)];
            random.nextBytes(noise);
            return noise;
        }
        byte[] input = seed(random).clone();
        final int changes = 1 + Math.min(random.nextInt(MAX_CHANGES), random.nextInt(MAX_CHANGES));
        for (int i = 0; i < changes; i++) {
            input = tokens != null && random.nextInt(8) != 0 ? tokens.change(input, seed(random), random) : change(input, random);
            if (input.length > limitBytes) {
                input = Arrays.copyOf(input, limitBytes);
            }
        }
        return input;
    }

    private byte[] seed(final SplittableRandom random) {
        return seeds.get(random.nextInt(seeds.size()));
    }

    private byte[] change(final byte[] input, final SplittableRandom random) {
        if (input.length == 0) {
            return seed(random).clone();
        }
        final int at = random.nextInt(input.length);
        final int length = 1 + random.nextInt(Math.min(input.length - at, 1 << random.nextInt(8)));
        return switch (random.nextInt(9)) {
            case 0 -> {
                input[at] ^= (byte) (1 << random.nextInt(Byte.SIZE));
                yield input;
            }
            case 1 -> {
                input[at] = (byte) random.nextInt();
                yield input;
            }
            case 2, 3 -> overwrite(input, random);
            case 4 -> splice(input, at, at + length, new byte[0], 0, 0);
            case 5 -> splice(input, at, at, input, at, length);
            case 6 -> Arrays.copyOf(input, at);
            case 7 -> splice(input, at, at, new byte[] {(byte) random.nextInt()}, 0, 1);
            default -> {
                final byte[] other = seed(random);
                final int from = Math.min(random.nextBoolean() ? at : random.nextInt(other.length + 1), other.length);
                yield splice(input, at, at + length, other, from, Math.min(other.length - from, 1 << random.nextInt(8)));
            }
        };
    }

    /** An integer of 2, 4 or 8 bytes, aligned in most cases, changed as {@link Words} does. */
    private static byte[] overwrite(final byte[] input, final SplittableRandom random) {
        final int size = 2 << random.nextInt(3);
        if (input.length >= size) {
            final int any = random.nextInt(input.length - size + 1);
            final int at = random.nextInt(4) == 0 ? any : any / size * size;
            final ByteBuffer bytes = ByteBuffer.wrap(input).order(random.nextInt(4) == 0 ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
            switch (size) {
                case Short.BYTES -> bytes.putShort(at, (short) Words.mutate(bytes.getShort(at), random));
                case Integer.BYTES -> bytes.putInt(at, (int) Words.mutate(bytes.getInt(at), random));
                default -> bytes.putLong(at, Words.mutate(bytes.getLong(at), random));
            }
        }
        return input;
    }

    /** {@code input} with {@code count} bytes of {@code other} in place of those from {@code from} to {@code to}. */
    static byte[] splice(final byte[] input, final int from, final int to, final byte[] other, final int otherFrom, final int count) {
        final byte[] result = new byte[input.length - (to - from) + count];
        System.arraycopy(input, 0, result, 0, from);
        System.arraycopy(other, otherFrom, result, from, count);
        System.arraycopy(input, to, result, from + count, input.length - to);
        return result;
    }
}

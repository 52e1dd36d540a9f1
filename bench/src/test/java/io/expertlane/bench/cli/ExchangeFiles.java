package io.expertlane.bench.cli;

import io.expertlane.bench.npy.NpyReader;
import io.expertlane.bench.npy.NpyType;
import io.expertlane.bench.npy.NpyWriter;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.SplittableRandom;

/**
 * Input of the exchange command as arrays, and its files.
 *
 * @param tokens  BF16 bits [R, T, H]
 * @param ids     [R, T, K]
 * @param weights [R, T, K]
 */
record ExchangeFiles(int ranks, int tokensPerRank, int hidden, int topK, int experts, short[] tokens, long[] ids,
    float[] weights) {
    /**
     * Random normal rows; a quarter of the selections is none, experts may repeat in a token, weights may be negative.
     */
    static ExchangeFiles random(final int ranks, final int tokensPerRank, final int hidden, final int topK,
        final int experts, final long seed) {
        final SplittableRandom random = new SplittableRandom(seed);
        final short[] tokens = new short[ranks * tokensPerRank * hidden];
        for (int i = 0; i < tokens.length; i++) {
            tokens[i] = PlainArithmetic.toBf16((float) random.nextGaussian());
        }
        final long[] ids = new long[ranks * tokensPerRank * topK];
        final float[] weights = new float[ids.length];
        for (int i = 0; i < ids.length; i++) {
            ids[i] = random.nextInt(4) == 0 ? -1 : random.nextInt(experts);
            weights[i] = (float) random.nextDouble(-0.25, 1);
        }
        return new ExchangeFiles(ranks, tokensPerRank, hidden, topK, experts, tokens, ids, weights);
    }

    /** Writes t.npy, i.npy and w.npy to {@code folder}. */
    ExchangeFiles write(final Path folder, final NpyType idType) throws IOException {
        final ByteBuffer rows = ByteBuffer.allocate(tokens.length * Short.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        rows.asShortBuffer().put(tokens);
        NpyWriter.write(folder.resolve("t.npy"), NpyType.UINT16, MemorySegment.ofArray(rows.array()), ranks,
            tokensPerRank, hidden);
        final ByteBuffer choices = ByteBuffer.allocate(ids.length * idType.sizeBytes()).order(ByteOrder.LITTLE_ENDIAN);
        for (final long id : ids) {
            if (idType == NpyType.INT32) {
                choices.putInt((int) id);
            } else {
                choices.putLong(id);
            }
        }
        NpyWriter.write(folder.resolve("i.npy"), idType, MemorySegment.ofArray(choices.array()), ranks, tokensPerRank,
            topK);
        final ByteBuffer gate = ByteBuffer.allocate(weights.length * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
        gate.asFloatBuffer().put(weights);
        NpyWriter.write(folder.resolve("w.npy"), NpyType.FLOAT32, MemorySegment.ofArray(gate.array()), ranks,
            tokensPerRank, topK);
        return this;
    }

    /** Runs the command without warm-up on the files of {@code folder}. */
    CommandRun run(final Path folder, final Path out, final Object... more) {
        final Object[] fixed = {"exchange", "--tokens", folder.resolve("t.npy"), "--topk-idx", folder.resolve("i.npy"),
            "--topk-weights",
            folder.resolve("w.npy"), "--experts", experts, "--warmup-seconds", 0, "--out", out};
        final Object[] all = new Object[fixed.length + more.length];
        System.arraycopy(fixed, 0, all, 0, fixed.length);
        System.arraycopy(more, 0, all, fixed.length, more.length);
        return CommandRun.of(all);
    }

    static short[] readShorts(final Path file, final long... shape) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            return NpyReader.read(file, arena, shape.length, NpyType.UINT16).requireShape(shape).data()
                .toArray(ValueLayout.JAVA_SHORT);
        }
    }

    static int[] readInts(final Path file, final long... shape) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            return NpyReader.read(file, arena, shape.length, NpyType.INT32).requireShape(shape).data()
                .toArray(ValueLayout.JAVA_INT);
        }
    }
}

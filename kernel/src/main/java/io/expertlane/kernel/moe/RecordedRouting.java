package io.expertlane.kernel.moe;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * Choices of a real gate: those of DeepSeek-V2-Lite as published with ESFT (64 routed experts, top-6).
 *
 * <p>Format: text files, one sequence a line; fields are separated by tabs: the expert ids, 6 a token; an empty field;
 * as many gate weights in the same order. The files of a folder whose names end in {@code .txt} are read in the order
 * of their names.
 *
 * <p>Tokens are dealt to ranks in order: rank 0 gets the first T of them, rank 1 the next T, and so on.
 */
public final class RecordedRouting implements RoutingSource {
    /** Routed experts of the recorded model. */
    public static final int EXPERTS = 64;
    /** Selections a token of the recorded model. */
    public static final int TOP_K = 6;
    private static final int MAX_SHOWN_CHARS = 80;
    private static final Pattern NOT_PRINTABLE = Pattern.compile("[\\p{Cntrl}\\x80-\\x9f\\u2028\\u2029]");

    private final Path folder;
    private final int[] ids;
    private final float[] weights;

    private RecordedRouting(final Path folder, final int[] ids, final float[] weights) {
        this.folder = folder;
        this.ids = ids;
        this.weights = weights;
    }

    /**
     * Reads all files of {@code folder}.
     *
     * @throws IllegalArgumentException if there is no such folder or file, or a line is not in the format; the message
     *         names file, line and field
     * @throws IOException              if reading fails
     */
    public static RecordedRouting read(final Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new IllegalArgumentException("esft=" + folder + ": expected a folder");
        }
        final List<Path> files;
        try (Stream<Path> entries = Files.list(folder)) {
            files = entries.filter(file -> file.getFileName().toString().endsWith(".txt")).sorted().toList();
        }
        if (files.isEmpty()) {
            throw new IllegalArgumentException("esft=" + folder + ": has no .txt file");
        }
        final Entries entries = new Entries();
        for (final Path file : files) {
            final List<String> lines = lines(file);
            for (int line = 0; line < lines.size(); line++) {
                entries.add(file.getFileName() + " line " + (line + 1), lines.get(line).split("\t", -1));
            }
        }
        return new RecordedRouting(folder, Arrays.copyOf(entries.ids, entries.count),
            Arrays.copyOf(entries.weights, entries.count));
    }

    /** Ids and weights read so far, in arrays that double: the work stays linear in the lines. */
    private static final class Entries {
        private int[] ids = new int[TOP_K];
        private float[] weights = new float[TOP_K];
        private int count;

        void add(final String place, final String[] fields) {
            final int more = fields.length / 2;
            if (fields.length % 2 == 0 || more % TOP_K != 0 || !fields[more].isEmpty()) {
                throw new IllegalArgumentException(place + " fields=" + fields.length
                    + ": ids, an empty field and as many weights, a multiple of "
                    + TOP_K + " each");
            }
            if (ids.length - count < more) {
                final int length = Math.max(Math.addExact(count, more),
                    (int) Math.min(2L * ids.length, Integer.MAX_VALUE - Long.BYTES));
                ids = Arrays.copyOf(ids, length);
                weights = Arrays.copyOf(weights, length);
            }
            for (int i = 0; i < more; i++) {
                ids[count] = id(place, i, fields[i]);
                weights[count] = weight(place, i, fields[more + 1 + i]);
                count++;
            }
        }
    }

    private static List<String> lines(final Path file) throws IOException {
        try {
            return Files.readAllLines(file);
        } catch (final CharacterCodingException e) {
            throw new IllegalArgumentException(file.getFileName() + ": expected text in UTF-8", e);
        }
    }

    private static int id(final String place, final int index, final String field) {
        int id = -1;
        try {
            id = Integer.parseInt(field);
        } catch (final NumberFormatException _) {
            // Reported below, as any other id out of range.
        }
        if (id < 0 || id >= EXPERTS) {
            throw new IllegalArgumentException(place + " id " + index + "=" + shown(field) + ": 0 to " + (EXPERTS - 1));
        }
        return id;
    }

    private static float weight(final String place, final int index, final String field) {
        float weight = Float.NaN;
        try {
            weight = Float.parseFloat(field);
        } catch (final NumberFormatException _) {
            // Reported below, as any other weight that is no finite number.
        }
        if (!Float.isFinite(weight)) {
            throw new IllegalArgumentException(place + " weight " + index + "=" + shown(field) + ": a finite number");
        }
        return weight;
    }

    /** A field as it goes into a message: short, and on one line. */
    private static String shown(final String field) {
        final String start = field.length() <= MAX_SHOWN_CHARS ? field : field.substring(0, MAX_SHOWN_CHARS) + "...";
        return NOT_PRINTABLE.matcher(start).replaceAll("?");
    }

    /** Tokens there are. */
    public int tokens() {
        return ids.length / TOP_K;
    }

    @Override
    public int experts() {
        return EXPERTS;
    }

    @Override
    public int topK() {
        return TOP_K;
    }

    @Override
    public void check(final MoeShape shape, final int tokensPerRank) {
        if (shape.experts() != EXPERTS || shape.topK() != TOP_K) {
            throw new IllegalArgumentException("experts=" + shape.experts() + " topK=" + shape.topK() + ": " + EXPERTS
                + " and " + TOP_K
                + ", as the recorded model has");
        }
        if ((long) tokensPerRank * shape.ranks() > tokens()) {
            throw new IllegalArgumentException("tokensPerRank=" + tokensPerRank + " on ranks=" + shape.ranks() + ": "
                + folder + " has "
                + tokens() + " tokens");
        }
    }

    @Override
    public Routing[] routings(final MoeShape shape, final int tokensPerRank, final long seed, final Arena arena) {
        check(shape, tokensPerRank);
        final Routing[] routings = new Routing[shape.ranks()];
        final int entries = tokensPerRank * TOP_K;
        for (int rank = 0; rank < routings.length; rank++) {
            final MemorySegment idx = arena.allocate((long) entries * Integer.BYTES, Integer.BYTES);
            final MemorySegment rankWeights = arena.allocate((long) entries * Float.BYTES, Float.BYTES);
            MemorySegment.copy(ids, rank * entries, idx, JAVA_INT, 0, entries);
            MemorySegment.copy(weights, rank * entries, rankWeights, JAVA_FLOAT, 0, entries);
            routings[rank] = new Routing(tokensPerRank, TOP_K, EXPERTS, idx, rankWeights);
        }
        return routings;
    }

    @Override
    public String toString() {
        return "esft:" + folder;
    }
}

package io.expertlane.bench.reproduce;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * Reads measurements from CSV (RFC 4180) with a header line. Columns are found by name, in any order: id, hardware,
 * mode, op, ep, tokens, hidden, topk, experts, dtype, knob, metric, value, unit, note; others are ignored. Only rows of
 * mode LL and HT need numbers in all of the number columns.
 */
public final class Measurements {
    private static final String BUILT_IN = "measurements.csv";
    private static final char QUOTE = '"';

    private Measurements() {
    }

    /** The published measurements that come with Expertlane. */
    public static List<Measurement> builtIn() throws IOException {
        try (InputStream in = Objects.requireNonNull(Measurements.class.getResourceAsStream(BUILT_IN))) {
            return parse(BUILT_IN, new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    /**
     * Reads a file.
     *
     * @throws IllegalArgumentException naming file, line and column of what cannot be read, or if there is nothing to
     *         simulate
     */
    public static List<Measurement> read(final Path file) throws IOException {
        try {
            return parse(file.toString(), Files.readString(file, StandardCharsets.UTF_8));
        } catch (final CharacterCodingException e) {
            throw new IllegalArgumentException(file + ": not UTF-8", e);
        }
    }

    private static List<Measurement> parse(final String file, final String text) {
        final List<List<String>> lines = records(text);
        if (lines.isEmpty()) {
            throw new IllegalArgumentException(file + ": no header line");
        }
        final List<Measurement> rows = new ArrayList<>();
        for (int i = 1; i < lines.size(); i++) {
            final Map<String, String> cells = new TreeMap<>();
            for (int column = 0; column < Math.min(lines.getFirst().size(), lines.get(i).size()); column++) {
                cells.put(lines.getFirst().get(column).strip(), lines.get(i).get(column).strip());
            }
            rows.add(row(file + " record " + (i + 1), cells));
        }
        if (rows.stream().noneMatch(Measurement::isExchange)) {
            throw new IllegalArgumentException(file + ": no rows of mode LL or HT below the header line");
        }
        return rows;
    }

    private static Measurement row(final String place, final Map<String, String> cells) {
        final String mode = text(place, cells, "mode");
        final boolean needed = mode.equals("LL") || mode.equals("HT");
        return new Measurement(text(place, cells, "id"), cells.getOrDefault("hardware", ""), mode,
            text(place, cells, "op"),
            integer(place, cells, "ep", needed), integer(place, cells, "tokens", needed),
            integer(place, cells, "hidden", needed),
            integer(place, cells, "topk", needed), integer(place, cells, "experts", needed),
            cells.getOrDefault("dtype", ""),
            cells.getOrDefault("knob", ""), text(place, cells, "metric"), number(place, cells, needed),
            cells.getOrDefault("unit", ""),
            cells.getOrDefault("note", ""));
    }

    private static String text(final String place, final Map<String, String> cells, final String column) {
        final String cell = cells.getOrDefault(column, "");
        if (cell.isEmpty()) {
            throw new IllegalArgumentException(place + ": " + column + " is missing");
        }
        return cell;
    }

    private static int integer(final String place, final Map<String, String> cells, final String column,
        final boolean needed) {
        final String cell = needed ? text(place, cells, column) : cells.getOrDefault(column, "");
        try {
            return cell.isEmpty() ? 0 : Integer.parseInt(cell);
        } catch (final NumberFormatException e) {
            throw new IllegalArgumentException(place + ": " + column + "=" + cell + ": an integer", e);
        }
    }

    private static double number(final String place, final Map<String, String> cells, final boolean needed) {
        final String cell = cells.getOrDefault("value", "");
        try {
            final double value = Double.parseDouble(cell);
            if (value > 0 && Double.isFinite(value)) {
                return value;
            }
        } catch (final NumberFormatException e) {
            if (!needed) {
                return Double.NaN;
            }
        }
        if (!needed) {
            return Double.NaN;
        }
        throw new IllegalArgumentException(place + ": value=" + cell + ": a number above 0");
    }

    /** Splits into records and cells: cells in quotes may hold commas, line ends and doubled quotes. */
    private static List<List<String>> records(final String text) {
        final List<List<String>> records = new ArrayList<>();
        List<String> cells = new ArrayList<>();
        final StringBuilder cell = new StringBuilder();
        boolean quoted = false;
        for (int i = 0; i < text.length(); i++) {
            final char c = text.charAt(i);
            if (quoted) {
                if (c != QUOTE) {
                    cell.append(c);
                } else if (i + 1 < text.length() && text.charAt(i + 1) == QUOTE) {
                    cell.append(c);
                    i++;
                } else {
                    quoted = false;
                }
            } else if (c == QUOTE) {
                quoted = true;
            } else if (c == ',' || c == '\n') {
                cells.add(cell.toString());
                cell.setLength(0);
                if (c == '\n') {
                    add(records, cells);
                    cells = new ArrayList<>();
                }
            } else if (c != '\r') {
                cell.append(c);
            }
        }
        cells.add(cell.toString());
        add(records, cells);
        return records;
    }

    private static void add(final List<List<String>> records, final List<String> cells) {
        if (cells.size() > 1 || !cells.getFirst().isBlank()) {
            records.add(cells);
        }
    }
}

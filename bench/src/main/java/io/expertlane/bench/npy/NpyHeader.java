package io.expertlane.bench.npy;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The dictionary at the start of an {@code .npy} file: type, order and shape.
 * Layout: 6 magic bytes, major and minor version, header length (u16 in version 1.0, u32 in 2.0 and 3.0), then a Python
 * dictionary literal of exactly three keys, padded with blanks and ended by a newline. Source: numpy, NEP 1 and {@code
 * numpy.lib.format}.
 */
record NpyHeader(String descr, boolean fortranOrder, List<Long> shape) {
    static final byte[] MAGIC = {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y'};
    /** Bytes of header that are read; numpy's own limit ({@code max_header_size}). */
    static final int MAX_LENGTH_BYTES = 10_000;
    /** More than numpy's own limit, so every array numpy writes is read. */
    static final int MAX_DIMENSIONS = 64;
    private static final int ALIGNMENT_BYTES = 64;
    private static final int PREFIX_BYTES = MAGIC.length + 4;

    /** The bytes in front of the data of a version 1.0 file. */
    static byte[] encode(final NpyType type, final List<Long> shape) {
        final String dictionary = "{'descr': '" + type.descr() + "', 'fortran_order': False, 'shape': "
            + shapeText(shape) + ", }";
        final int unpadded = PREFIX_BYTES + dictionary.length() + 1;
        final int total = Math.ceilDiv(unpadded, ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
        final byte[] bytes = new byte[total];
        System.arraycopy(MAGIC, 0, bytes, 0, MAGIC.length);
        bytes[MAGIC.length] = 1;
        final int length = total - PREFIX_BYTES;
        bytes[MAGIC.length + 2] = (byte) length;
        bytes[MAGIC.length + 3] = (byte) (length >>> Byte.SIZE);
        final String padded = dictionary + " ".repeat(total - unpadded) + '\n';
        System.arraycopy(padded.getBytes(StandardCharsets.US_ASCII), 0, bytes, PREFIX_BYTES, length);
        return bytes;
    }

    /** A shape as Python writes a tuple. */
    static String shapeText(final List<Long> shape) {
        return shape.size() == 1 ? "(" + shape.getFirst()
            + ",)" : shape.stream().map(String::valueOf).collect(Collectors.joining(", ", "(", ")"));
    }

    /** Reads the dictionary literal {@code text} of {@code file}. */
    static NpyHeader parse(final Path file, final String text) {
        return new Parser(file, text).header();
    }

    /** Recursive descent over the few literals that numpy writes; anything else is refused. */
    private static final class Parser {
        private final Path file;
        private final String text;
        private int position;

        private String descr;
        private Boolean fortranOrder;
        private List<Long> shape;

        Parser(final Path file, final String text) {
            this.file = file;
            this.text = text;
        }

        NpyHeader header() {
            expect('{');
            while (!accept('}')) {
                entry();
                if (!accept(',')) {
                    expect('}');
                    break;
                }
            }
            skipBlanks();
            if (position != text.length()) {
                throw malformed("nothing after the dictionary");
            }
            require("descr", descr);
            require("fortran_order", fortranOrder);
            require("shape", shape);
            return new NpyHeader(descr, fortranOrder, shape);
        }

        private void entry() {
            final String key = string();
            expect(':');
            switch (key) {
                case "descr" -> {
                    once(key, descr);
                    skipBlanks();
                    if (!at('\'') && !at('"')) {
                        throw new NpyException(file, "dtype", text.substring(position).strip(),
                            "expected a simple type, not a structure");
                    }
                    descr = string();
                }
                case "fortran_order" -> {
                    once(key, fortranOrder);
                    fortranOrder = bool();
                }
                case "shape" -> {
                    once(key, shape);
                    shape = tuple();
                }
                default -> throw new NpyException(file, "header key", key, "expected descr, fortran_order, shape");
            }
        }

        private void once(final String key, final Object seen) {
            if (seen != null) {
                throw new NpyException(file, "header key", key, "expected once");
            }
        }

        private void require(final String key, final Object value) {
            if (value == null) {
                throw new NpyException(file, "header", text.strip(), "expected a key " + key);
            }
        }

        private String string() {
            skipBlanks();
            final char quote = at('"') ? '"' : '\'';
            expect(quote);
            final int end = text.indexOf(quote, position);
            if (end < 0) {
                throw malformed("a closing " + quote);
            }
            final String value = text.substring(position, end);
            position = end + 1;
            return value;
        }

        private boolean bool() {
            skipBlanks();
            for (final String literal : List.of("True", "False")) {
                if (text.startsWith(literal, position)) {
                    position += literal.length();
                    return "True".equals(literal);
                }
            }
            throw malformed("True or False");
        }

        private List<Long> tuple() {
            expect('(');
            final List<Long> lengths = new ArrayList<>();
            while (!accept(')')) {
                lengths.add(length());
                if (lengths.size() > MAX_DIMENSIONS) {
                    throw new NpyException(file, "dimensions", "more than " + MAX_DIMENSIONS, "expected at most "
                        + MAX_DIMENSIONS);
                }
                if (!accept(',')) {
                    if (lengths.size() == 1) {
                        throw malformed("',' (a tuple of one)");
                    }
                    expect(')');
                    break;
                }
            }
            return List.copyOf(lengths);
        }

        private long length() {
            skipBlanks();
            final int start = position;
            while (position < text.length() && text.charAt(position) >= '0' && text.charAt(position) <= '9') {
                position++;
            }
            if (position == start) {
                throw malformed("a length");
            }
            final String digits = text.substring(start, position);
            try {
                return Long.parseLong(digits);
            } catch (final NumberFormatException e) {
                throw new NpyException(file, "shape", digits, "expected lengths below 2^63");
            }
        }

        private void expect(final char c) {
            if (!accept(c)) {
                throw malformed("'" + c + "'");
            }
        }

        private boolean accept(final char c) {
            skipBlanks();
            if (at(c)) {
                position++;
                return true;
            }
            return false;
        }

        private boolean at(final char c) {
            return position < text.length() && text.charAt(position) == c;
        }

        private void skipBlanks() {
            while (at(' ') || at('\n')) {
                position++;
            }
        }

        private NpyException malformed(final String expected) {
            return new NpyException(file, "header", text.strip(), "expected " + expected + " at character " + position);
        }
    }
}

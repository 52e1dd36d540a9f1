package io.expertlane.kernel.fuzz;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.SplittableRandom;

/**
 * Changes of text that keep its form more often than changes of bytes do: words, numbers and bracketed or quoted parts
 * are replaced, removed, doubled, swapped and taken from other texts. Text is read byte by byte, so that text that is
 * not UTF-8 stays as it is.
 */
final class Tokens {
    private static final int LONG_DIGITS = 2000;
    private static final int DEEP = 700;
    private static final int MANY = 32;
    private static final String[] WORDS = {"0", "-0", "1", "-1", "2", "127", "128", "255", "256", "65535", "65536",
        "2147483647", "2147483648", "-2147483648", "4294967296", "9223372036854775807", "9223372036854775808",
        "-9223372036854775809", "0.5",
        "1e3", "1e-400", "1e308", "1e400", "1.0", "01", "+1", "0x10", "1_000", "1d", "NaN", "Infinity", "-Infinity",
        "null", "true", "false", "", " ",
        "\t", "\n", "\r\n", "\0", ",", ":",
        ";", "=", "\"", "'", "\\", "\\u0000", "\\ud800", "/", "../", "%s", "$1", "[", "]", "{", "}", "[]", "{}",
        "\"\"", "[[1]]", "{\"a\":1}", "(", ")",
        "*", "(a+)+", "#", "//", "\uFEFF", "\u2028", "\u00e4", "\uD83D\uDE00", "9".repeat(LONG_DIGITS),
        "[".repeat(DEEP), "{\"a\":".repeat(DEEP),
        "(".repeat(DEEP), "a".repeat(LONG_DIGITS)};

    private final byte[][] words;

    Tokens(final String... more) {
        words = new byte[WORDS.length + more.length][];
        for (int i = 0; i < words.length; i++) {
            words[i] = (i < WORDS.length ? WORDS[i] : more[i - WORDS.length]).getBytes(StandardCharsets.UTF_8);
        }
    }

    byte[] change(final byte[] text, final byte[] other, final SplittableRandom random) {
        final int[] starts = starts(text);
        if (starts.length == 1) {
            return words[random.nextInt(words.length)].clone();
        }
        final int token = random.nextInt(starts.length - 1);
        final int from = starts[token];
        final int to = starts[random.nextInt(3) == 0 ? token + 1 : end(text, starts, token)];
        return switch (random.nextInt(8)) {
            case 0, 1 -> {
                final byte[] word = words[random.nextInt(words.length)];
                yield Mutator.splice(text, from, to, word, 0, word.length);
            }
            case 2, 3 -> number(text, starts, random);
            case 4 -> Mutator.splice(text, from, to < text.length && text[to] == ',' ? to + 1 : to, new byte[0], 0, 0);
            case 5 -> repeat(text, from, to, random.nextInt(8) == 0 ? random.nextInt(MANY) : 1);
            case 6 -> swap(text, starts, token, random.nextInt(starts.length - 1));
            default -> {
                final int[] others = starts(other);
                if (others.length == 1) {
                    yield text;
                }
                final int taken = random.nextInt(others.length - 1);
                final int takenEnd = others[end(other, others, taken)];
                yield Mutator.splice(text, from, random.nextBoolean() ? from : to, other, others[taken],
                    takenEnd - others[taken]);
            }
        };
    }

    /** Changes the next number from a token on, if there is one. */
    private static byte[] number(final byte[] text, final int[] starts, final SplittableRandom random) {
        final int first = random.nextInt(starts.length - 1);
        for (int i = 0; i < starts.length - 1; i++) {
            final int token = (first + i) % (starts.length - 1);
            final int from = starts[token];
            if (text[from] >= '0' && text[from] <= '9') {
                final String digits = new String(text, from, starts[token + 1] - from, StandardCharsets.ISO_8859_1);
                final byte[] changed = number(digits, random).getBytes(StandardCharsets.ISO_8859_1);
                return Mutator.splice(text, from, starts[token + 1], changed, 0, changed.length);
            }
        }
        return text;
    }

    private static String number(final String digits, final SplittableRandom random) {
        return switch (random.nextInt(6)) {
            case 0 -> "-" + digits;
            case 1 -> digits + "0";
            case 2 -> digits + ".5";
            case 3 -> Long.toString(Words.edge(random));
            case 4 -> Integer.toString(random.nextInt(-4, 5000));
            default -> {
                try {
                    yield Long.toString(Long.parseLong(digits) + random.nextInt(-2, 3));
                } catch (final NumberFormatException _) {
                    yield digits + "1";
                }
            }
        };
    }

    private static byte[] repeat(final byte[] text, final int from, final int to, final int times) {
        byte[] result = text;
        for (int i = 0; i < times; i++) {
            result = Mutator.splice(result, to, to, text, from, to - from);
        }
        return result;
    }

    private static byte[] swap(final byte[] text, final int[] starts, final int one, final int two) {
        final int left = Math.min(one, two);
        final int right = Math.max(one, two);
        if (left == right) {
            return text;
        }
        final int leftLength = starts[left + 1] - starts[left];
        final int rightLength = starts[right + 1] - starts[right];
        final byte[] result = Mutator.splice(text, starts[right], starts[right + 1], text, starts[left], leftLength);
        return Mutator.splice(result, starts[left], starts[left + 1], text, starts[right], rightLength);
    }

    /** Where tokens begin, then the end: words, blanks, and other characters one by one. */
    private static int[] starts(final byte[] text) {
        final int[] starts = new int[text.length + 1];
        int count = 0;
        int kind = -1;
        for (int i = 0; i < text.length; i++) {
            final int next = kind(text[i]);
            if (next != kind || next == 0) {
                starts[count++] = i;
            }
            kind = next;
        }
        starts[count++] = text.length;
        return Arrays.copyOf(starts, count);
    }

    private static int kind(final byte c) {
        if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
            return 1;
        }
        return Character.isLetterOrDigit(c & 0xFF) || c == '_' || c == '.' ? 2 : 0;
    }

    /**
     * Index of the token behind the part that {@code token} begins: up to the closing quote or bracket, and of a key up
     * to the end of its value.
     */
    private static int end(final byte[] text, final int[] starts, final int token) {
        final int end = part(text, starts, token);
        if (text[starts[token]] == '"' && end < starts.length - 1 && text[starts[end]] == ':') {
            int value = end + 1;
            while (value < starts.length - 1 && kind(text[starts[value]]) == 1) {
                value++;
            }
            return value < starts.length - 1 ? part(text, starts, value) : value;
        }
        return end;
    }

    private static int part(final byte[] text, final int[] starts, final int token) {
        final byte open = text[starts[token]];
        if (open == '"') {
            for (int i = token + 1; i < starts.length - 1; i++) {
                if (text[starts[i]] == '"') {
                    return i + 1;
                }
            }
        } else if (open == '[' || open == '{' || open == '(') {
            int depth = 0;
            for (int i = token; i < starts.length - 1; i++) {
                final byte c = text[starts[i]];
                depth += c == '[' || c == '{' || c == '(' ? 1 : c == ']' || c == '}' || c == ')' ? -1 : 0;
                if (depth == 0) {
                    return i + 1;
                }
            }
        }
        return token + 1;
    }
}

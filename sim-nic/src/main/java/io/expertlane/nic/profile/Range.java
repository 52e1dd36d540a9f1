package io.expertlane.nic.profile;

/** Range checks whose messages name field, value and limits. */
final class Range {
    private Range() {
    }

    static void check(final String field, final double value, final double min, final double max) {
        if (!(value >= min && value <= max)) {
            throw new IllegalArgumentException(field + "=" + plain(value) + ": " + plain(min) + " to " + plain(max));
        }
    }

    static void checkPowerOfTwo(final String field, final int value, final int min, final int max) {
        if (value < min || value > max || Integer.bitCount(value) != 1) {
            throw new IllegalArgumentException(field + "=" + value + ": a power of two, " + min + " to " + max);
        }
    }

    static <T> T checkPresent(final String field, final T value) {
        if (value == null) {
            throw new IllegalArgumentException(field + " is missing");
        }
        return value;
    }

    private static String plain(final double value) {
        return value == Math.rint(value)
            && Math.abs(value) < 1e15 ? Long.toString((long) value) : Double.toString(value);
    }
}

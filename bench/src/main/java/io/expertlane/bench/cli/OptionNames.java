package io.expertlane.bench.cli;

import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;
import picocli.CommandLine.ParseResult;

/** A command whose options are values of the library: what the library says of a field is about the option that the user gave. */
interface OptionNames {
    /** Options by the field that takes their value. */
    Map<String, String> optionNames();

    /** {@code message} with {@code --option=} for the {@code field=} of every option that was given; defaults keep the field's name. */
    default String named(final String message, final ParseResult given) {
        String named = message;
        for (final Map.Entry<String, String> option : optionNames().entrySet()) {
            if (given.hasMatchedOption(option.getValue())) {
                named = Pattern.compile("(?<![\\w.-])" + option.getKey() + "=").matcher(named).replaceAll(option.getValue() + "=");
            }
        }
        return named;
    }

    /** The fields of {@link KindOptions} and {@code more}, which are pairs of field and option. */
    static Map<String, String> ofKindAnd(final String... more) {
        final Map<String, String> names = new HashMap<>(Map.of("segmentBytes", "--segment", "channels", "--channels", "chunkTokens", "--chunk",
            "ringTokens", "--ring", "combine", "--combine"));
        for (int i = 0; i < more.length; i += 2) {
            names.put(more[i], more[i + 1]);
        }
        return Map.copyOf(names);
    }
}

package io.expertlane.bench.cli;

import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParseResult;

/**
 * A command whose options are values of the library: what the library says of a field is about the option that the user
 * gave.
 */
interface OptionNames {
    /** {@code message} of the library's about a field, in the words of who called the command. */
    String named(String message);

    /**
     * {@code message} with {@code --option=} for the {@code field=} of every option that was given; defaults keep the
     * field's name.
     *
     * @param options options by the field that takes their value
     * @param spec    of the command, which has been parsed
     */
    static String named(final String message, final Map<String, String> options, final CommandSpec spec) {
        final ParseResult given = spec.commandLine().getParseResult();
        String named = message;
        for (final Map.Entry<String, String> option : options.entrySet()) {
            if (given.hasMatchedOption(option.getValue())) {
                named = Pattern.compile("(?<![\\w.-])" + option.getKey() + "=").matcher(named)
                    .replaceAll(option.getValue() + "=");
            }
        }
        return named;
    }

    /**
     * The fields of {@link KindOptions}, {@link GroupOptions} and {@code more}, which are pairs of field and option.
     */
    static Map<String, String> ofExchangeAnd(final String... more) {
        final Map<String, String> names =
            new HashMap<>(Map.of("segmentBytes", "--segment", "channels", "--channels", "chunkTokens", "--chunk",
            "ringTokens", "--ring", "combine", "--combine", "topkGroups", "--topk-groups", "groups", "--groups"));
        for (int i = 0; i < more.length; i += 2) {
            names.put(more[i], more[i + 1]);
        }
        return Map.copyOf(names);
    }
}

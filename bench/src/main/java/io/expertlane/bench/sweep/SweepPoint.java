package io.expertlane.bench.sweep;

import io.expertlane.bench.results.Json;
import java.util.LinkedHashMap;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A line of a journal or of {@code points.jsonl}: the number of a point, its parameters, its values. */
final class SweepPoint {
    private static final JsonMapper STRICT = Json.mapper().rebuild().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

    private SweepPoint() {
    }

    static String line(final int index, final Map<String, String> parameters, final Map<String, Number> values) {
        final Map<String, Object> line = new LinkedHashMap<>();
        line.put("index", index);
        line.put("point", parameters);
        line.put("values", values);
        return Json.mapper().<JsonNode>valueToTree(line).toString();
    }

    /**
     * The number of the point that {@code text} is of.
     *
     * @param place where it was read, for messages
     * @throws IllegalArgumentException if it is not a point of {@code definition} with all its values
     */
    static int index(final String place, final String text, final SweepDefinition definition) {
        final JsonNode line = tree(place, text);
        final JsonNode index = line.path("index");
        if (!index.isInt() || index.intValue() < 0 || index.intValue() >= definition.size()) {
            throw new IllegalArgumentException(place + " is no result of one of the " + definition.size() + " points");
        }
        final JsonNode parameters = Json.mapper().valueToTree(definition.parameters(index.intValue()));
        if (!line.path("point").equals(parameters)) {
            throw new IllegalArgumentException(place + " has other parameters than point " + index.intValue());
        }
        for (final String column : SweepValues.COLUMNS) {
            final JsonNode value = line.path("values").path(column);
            if (!value.isNumber() && !value.isNull()) {
                throw new IllegalArgumentException(place + " has no number as " + column);
            }
        }
        if (!line.toString().equals(text)) {
            // It would be copied as it is: blanks may be line ends, a field may be there twice.
            throw new IllegalArgumentException(place + " is not in the form in which results are written");
        }
        return index.intValue();
    }

    private static JsonNode tree(final String place, final String text) {
        try {
            return STRICT.readTree(text);
        } catch (final JacksonException e) {
            throw new IllegalArgumentException(place + " is not whole JSON", e);
        }
    }
}

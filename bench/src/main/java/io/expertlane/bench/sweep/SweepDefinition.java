package io.expertlane.bench.sweep;

import io.expertlane.bench.results.Json;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * What a sweep file says. JSON:
 * <pre>
 * {"base": {"model": "deepseek-v3", "ep": 32},
 *  "grid": {"tokens": [16, 32, 64], "set.nic.mtuBytes": [1024, 4096]},
 *  "plots": [{"x": "tokens", "y": "tpotMicros", "series": "set.nic.mtuBytes"}]}
 * </pre>
 * Names in {@code base} and {@code grid} are options of {@code simulate} without their dashes, or {@code set.FIELD} for
 * a field of the cluster. Points are numbered from 0, the last parameter of the grid changing fastest.
 *
 * @param base  options of every point
 * @param grid  options that vary, each with its values
 * @param plots charts to draw
 */
public record SweepDefinition(Map<String, String> base, Map<String, List<String>> grid, List<Plot> plots) {
    private static final Set<String> FIELDS = Set.of("base", "grid", "plots");
    private static final Set<String> PLOT_FIELDS = Set.of("x", "y", "series");
    private static final Set<String> NOT_SWEPT = Set.of("json", "trace", "attribute", "help", "version");
    private static final JsonMapper STRICT = Json.mapper().rebuild()
        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();
    private static final String SET = "set.";
    private static final int MAX_POINTS = 1_000_000;

    /**
     * A chart.
     *
     * @param x      parameter of the grid, whose values are numbers
     * @param y      column of the results
     * @param series parameter of the grid with a line a value, or null
     */
    public record Plot(String x, String y, String series) {
    }

    /**
     * Reads a definition.
     *
     * @throws IllegalArgumentException naming field, value and limit
     */
    public static SweepDefinition parse(final String text) {
        final JsonNode tree;
        try {
            tree = STRICT.readTree(text);
        } catch (final JacksonException e) {
            final String place = e.getLocation() == null ? "" : ", line " + e.getLocation().getLineNr();
            throw new IllegalArgumentException("not JSON" + place + ": " + e.getOriginalMessage(), e);
        }
        requireObject("sweep", tree, FIELDS);
        final Map<String, String> base = new LinkedHashMap<>();
        if (tree.has("base")) {
            requireObject("base", tree.get("base"), null);
            tree.get("base").properties()
                .forEach(entry -> base.put(option("base", entry.getKey()),
                scalar("base." + entry.getKey(), entry.getValue())));
        }
        final Map<String, List<String>> grid = new LinkedHashMap<>();
        if (!tree.has("grid")) {
            throw new IllegalArgumentException("grid: missing");
        }
        requireObject("grid", tree.get("grid"), null);
        tree.get("grid").properties()
            .forEach(entry -> grid.put(option("grid", entry.getKey()),
            values("grid." + entry.getKey(), entry.getValue())));
        grid.keySet().stream().filter(base::containsKey).findFirst().ifPresent(name -> {
            throw new IllegalArgumentException("grid." + name + ": is in base, too");
        });
        final SweepDefinition definition = new SweepDefinition(base, grid, plots(tree.get("plots"), grid));
        if (definition.exactSize() > MAX_POINTS) {
            throw new IllegalArgumentException("grid points=" + definition.exactSize() + ": at most " + MAX_POINTS);
        }
        return definition;
    }

    private static void requireObject(final String field, final JsonNode node, final Set<String> known) {
        if (!node.isObject()) {
            throw new IllegalArgumentException(field + "=" + node + ": expected an object");
        }
        if (known != null) {
            node.propertyNames().stream().filter(name -> !known.contains(name)).findFirst().ifPresent(name -> {
                throw new IllegalArgumentException(name + ": unknown field, expected "
                    + String.join(", ", known.stream().sorted().toList()));
            });
        }
    }

    private static String option(final String field, final String name) {
        if (NOT_SWEPT.contains(name) || name.startsWith("-") || name.isEmpty()) {
            throw new IllegalArgumentException(field + "." + name
                + ": expected an option of simulate without dashes, not of its output");
        }
        return name;
    }

    private static String scalar(final String field, final JsonNode value) {
        if (!value.isValueNode() || value.isNull()) {
            throw new IllegalArgumentException(field + "=" + value + ": expected a number or a string");
        }
        return value.asString();
    }

    private static List<String> values(final String field, final JsonNode array) {
        if (!array.isArray() || array.isEmpty()) {
            throw new IllegalArgumentException(field + "=" + array + ": expected an array of at least one value");
        }
        final Set<String> values = new LinkedHashSet<>();
        for (int i = 0; i < array.size(); i++) {
            final String value = scalar(field + "[" + i + "]", array.get(i));
            if (!values.add(value)) {
                throw new IllegalArgumentException(field + "[" + i + "]=" + value + ": is there twice");
            }
        }
        return List.copyOf(values);
    }

    private static List<Plot> plots(final JsonNode array, final Map<String, List<String>> grid) {
        final List<Plot> plots = new ArrayList<>();
        if (array == null) {
            return plots;
        }
        if (!array.isArray()) {
            throw new IllegalArgumentException("plots=" + array + ": expected an array");
        }
        for (int i = 0; i < array.size(); i++) {
            final String place = "plots[" + i + "]";
            final JsonNode plot = array.get(i);
            requireObject(place, plot, PLOT_FIELDS);
            plots.add(new Plot(parameter(place + ".x", plot.get("x"), grid), column(place + ".y", plot.get("y")),
                plot.hasNonNull("series") ? parameter(place + ".series", plot.get("series"), grid) : null));
            requireNumbers(place + ".x", plots.getLast().x(), grid);
        }
        return plots;
    }

    private static String parameter(final String field, final JsonNode value, final Map<String, List<String>> grid) {
        if (value == null || !value.isValueNode() || !grid.containsKey(value.asString())) {
            throw new IllegalArgumentException(field + "=" + value + ": expected a parameter of the grid: "
                + String.join(", ", grid.keySet()));
        }
        return value.asString();
    }

    private static String column(final String field, final JsonNode value) {
        if (value == null || !value.isValueNode() || !SweepValues.COLUMNS.contains(value.asString())) {
            throw new IllegalArgumentException(field + "=" + value + ": expected one of "
                + String.join(", ", SweepValues.COLUMNS));
        }
        return value.asString();
    }

    private static void requireNumbers(final String field, final String parameter, final Map<String,
        List<String>> grid) {
        for (final String value : grid.get(parameter)) {
            try {
                Double.parseDouble(value);
            } catch (final NumberFormatException e) {
                throw new IllegalArgumentException(field + "=" + parameter + ": has the value " + value
                    + ", expected numbers", e);
            }
        }
    }

    private long exactSize() {
        long size = 1;
        for (final List<String> values : grid.values()) {
            size = Math.min(size * values.size(), Integer.MAX_VALUE);
        }
        return size;
    }

    /** Number of points. */
    public int size() {
        return Math.toIntExact(exactSize());
    }

    /** Values of the grid at point {@code index}. */
    public Map<String, String> parameters(final int index) {
        final List<String> names = new ArrayList<>(grid.keySet());
        final String[] chosen = new String[names.size()];
        int rest = index;
        for (int i = chosen.length - 1; i >= 0; i--) {
            final List<String> values = grid.get(names.get(i));
            chosen[i] = values.get(rest % values.size());
            rest /= values.size();
        }
        final Map<String, String> parameters = new LinkedHashMap<>();
        for (int i = 0; i < chosen.length; i++) {
            parameters.put(names.get(i), chosen[i]);
        }
        return parameters;
    }

    /** All options, each with the values that points have. */
    Map<String, List<String>> values() {
        final Map<String, List<String>> values = new LinkedHashMap<>(grid);
        base.forEach((name, value) -> values.put(name, List.of(value)));
        return values;
    }

    /** Arguments of {@code simulate} for point {@code index}. */
    public List<String> arguments(final int index) {
        final Map<String, String> all = new LinkedHashMap<>(base);
        all.putAll(parameters(index));
        final List<String> arguments = new ArrayList<>();
        all.forEach((name, value) -> {
            if (name.startsWith(SET)) {
                arguments.add("--set");
                arguments.add(name.substring(SET.length()) + "=" + value);
            } else {
                arguments.add("--" + name);
                arguments.add(value);
            }
        });
        return arguments;
    }

    /** {@code message} about options of {@code simulate}, by the names that they have in the file. */
    public String named(final String message) {
        String named = message;
        for (final String name : base.keySet()) {
            named = named(named, name, "base.");
        }
        for (final String name : grid.keySet()) {
            named = named(named, name, "grid.");
        }
        return named;
    }

    private static String named(final String message, final String name, final String place) {
        final String option = name.startsWith(SET) ? "--set " + name.substring(SET.length()) : "--" + name;
        return Pattern.compile("(?<![\\w-])" + Pattern.quote(option) + "(?![\\w.-])").matcher(message)
            .replaceAll(Matcher.quoteReplacement(place + name));
    }

    /** The definition as a line of JSON; equal definitions give equal lines. */
    String line() {
        return Json.mapper().<JsonNode>valueToTree(this).toString();
    }

    /**
     * The definition that {@link #line} wrote.
     *
     * @throws IllegalArgumentException if it wrote none such
     */
    static SweepDefinition ofLine(final String line) {
        return parse(line);
    }
}

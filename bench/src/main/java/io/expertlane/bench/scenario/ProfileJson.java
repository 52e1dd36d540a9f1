package io.expertlane.bench.scenario;

import io.expertlane.bench.results.Json;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.MapperFeature;
import tools.jackson.databind.cfg.CoercionAction;
import tools.jackson.databind.cfg.CoercionInputShape;
import tools.jackson.databind.cfg.EnumFeature;
import tools.jackson.databind.exc.MismatchedInputException;
import tools.jackson.databind.exc.UnrecognizedPropertyException;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;
import tools.jackson.databind.type.LogicalType;

/**
 * Hardware and model descriptions as JSON: every field of the record, each once, and no other. Messages name field,
 * value and limit.
 */
public final class ProfileJson {
    private static final JsonMapper STRICT = Json.mapper().rebuild()
        .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES,
        DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES,
            DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES, DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
        .enable(EnumFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
        .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
        .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
        .withCoercionConfig(LogicalType.Textual,
        config -> config.setCoercion(CoercionInputShape.Integer, CoercionAction.Fail)
            .setCoercion(CoercionInputShape.Float, CoercionAction.Fail)
            .setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail))
        .build();

    private ProfileJson() {
    }

    /**
     * The record that {@code text} describes.
     *
     * @throws IllegalArgumentException if it describes none
     */
    public static <T> T read(final String text, final Class<T> type) {
        return read(parse(text), type);
    }

    /** The JSON schema of {@link io.expertlane.nic.profile.ClusterProfile}. */
    public static String clusterSchema() {
        try (InputStream in = Objects.requireNonNull(ProfileJson.class.getResourceAsStream("cluster.schema.json"))) {
            return new String(in.readAllBytes(), StandardCharsets.UTF_8);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static JsonNode parse(final String text) {
        try {
            final JsonNode tree = STRICT.readTree(text);
            if (!tree.isObject()) {
                throw new IllegalArgumentException("expected a JSON object");
            }
            return tree;
        } catch (final JacksonException e) {
            throw new IllegalArgumentException(message(e, null), e);
        }
    }

    private static <T> T read(final JsonNode tree, final Class<T> type) {
        try {
            return STRICT.treeToValue(tree, type);
        } catch (final JacksonException e) {
            throw new IllegalArgumentException(message(e, tree), e);
        }
    }

    /**
     * {@code record} with one field changed.
     *
     * @param path  the field's place, as {@code nic.pcie.lanes}
     * @param value what the field is to be, as in JSON; text needs no quotes
     * @throws IllegalArgumentException if there is no such field, or it may not have that value
     */
    public static <T extends Record> T with(final T record, final String path, final String value) {
        final ObjectNode tree = STRICT.valueToTree(record);
        final int last = path.lastIndexOf('.');
        final String name = path.substring(last + 1);
        final JsonNode parent = last < 0 ? tree : tree.at("/" + path.substring(0, last).replace('.', '/'));
        if (!(parent instanceof final ObjectNode object) || !object.has(name)) {
            final String known = parent.isObject() ? String.join(", ", parent.propertyNames())
                : String.join(", ", tree.propertyNames());
            throw new IllegalArgumentException(path + ": unknown field, expected " + known);
        }
        object.set(name, scalar(value));
        @SuppressWarnings("unchecked")
        final Class<T> type = (Class<T>) record.getClass();
        return read(tree, type);
    }

    private static JsonNode scalar(final String value) {
        try {
            return STRICT.readTree(value);
        } catch (final JacksonException e) {
            return STRICT.getNodeFactory().stringNode(value);
        }
    }

    private static String message(final JacksonException failure, final JsonNode tree) {
        if (failure.getCause() instanceof IllegalArgumentException limit) {
            return limit.getMessage();
        }
        final String path = failure.getPath().stream().map(JacksonException.Reference::getPropertyName)
            .collect(Collectors.joining("."));
        if (failure instanceof UnrecognizedPropertyException unknown) {
            return path + ": unknown field, expected "
                + unknown.getKnownPropertyIds().stream().map(Object::toString).sorted()
                .collect(Collectors.joining(", "));
        }
        final String said = failure.getOriginalMessage();
        if (said.startsWith("Missing creator property")) {
            return path + ": missing";
        }
        if (failure instanceof MismatchedInputException mismatch && !path.isEmpty()) {
            return path + "=" + tree.at("/" + path.replace('.', '/')) + ": expected " + kind(mismatch.getTargetType());
        }
        final String place = failure.getLocation() == null || failure.getLocation().getLineNr() < 1 ? "" : ", line "
            + failure.getLocation().getLineNr();
        return (path.isEmpty() ? "" : path + ": ")
            + said.lines().findFirst().orElse("not JSON").replaceAll("`(?:\\w+\\.)*(\\w+)(?:\\$\\w+)?`", "`$1`")
            + place;
    }

    private static String kind(final Class<?> type) {
        if (type.isEnum()) {
            return "one of " + Arrays.stream(type.getEnumConstants()).map(Object::toString)
                .collect(Collectors.joining(", "));
        }
        if (type == int.class || type == long.class) {
            return "an integer";
        }
        return type == String.class ? "a string" : type == double.class ? "a number" : type == boolean.class
            ? "true or false" : "an object";
    }
}

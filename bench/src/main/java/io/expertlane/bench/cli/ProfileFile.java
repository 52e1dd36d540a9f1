package io.expertlane.bench.cli;

import io.expertlane.bench.results.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.function.Function;
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
import tools.jackson.databind.type.LogicalType;

/** A hardware or model description: the name of a preset, or a JSON file with every field of the record, each once, and no other. */
final class ProfileFile {
    private static final JsonMapper STRICT = Json.mapper().rebuild()
        .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES,
            DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES, DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
        .enable(EnumFeature.FAIL_ON_NUMBERS_FOR_ENUMS)
        .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
        .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
        .withCoercionConfig(LogicalType.Textual, config -> config.setCoercion(CoercionInputShape.Integer, CoercionAction.Fail)
            .setCoercion(CoercionInputShape.Float, CoercionAction.Fail).setCoercion(CoercionInputShape.Boolean, CoercionAction.Fail))
        .build();

    private ProfileFile() {
    }

    /** The preset that {@code text} names, or what the file says if it ends in {@code .json}. */
    static <T> T read(final String option, final String text, final Class<T> type, final List<String> names, final Function<String, T> preset)
        throws IOException {
        if (!text.endsWith(".json")) {
            if (!names.contains(text)) {
                throw new UsageException(option, text, "expected one of " + String.join(", ", names) + ", or a file that ends in .json");
            }
            return preset.apply(text);
        }
        final Path file = Path.of(text);
        if (Files.isDirectory(file)) {
            throw new UsageException(option, text, "is a folder");
        }
        if (!Files.isReadable(file)) {
            throw new UsageException(option, text, Files.exists(file) ? "may not be read" : "no such file");
        }
        JsonNode tree = null;
        try {
            tree = STRICT.readTree(file.toFile());
            if (!tree.isObject()) {
                throw new UsageException(option, text, "expected a JSON object");
            }
            return STRICT.treeToValue(tree, type);
        } catch (final JacksonException e) {
            throw new UsageException(option, text, message(e, tree));
        }
    }

    private static String message(final JacksonException failure, final JsonNode tree) {
        if (failure.getCause() instanceof IllegalArgumentException limit) {
            return limit.getMessage();
        }
        final String path = failure.getPath().stream().map(JacksonException.Reference::getPropertyName).collect(Collectors.joining("."));
        if (failure instanceof UnrecognizedPropertyException unknown) {
            return path + ": unknown field, expected "
                + unknown.getKnownPropertyIds().stream().map(Object::toString).sorted().collect(Collectors.joining(", "));
        }
        final String said = failure.getOriginalMessage();
        if (said.startsWith("Missing creator property")) {
            return path + ": missing";
        }
        if (failure instanceof MismatchedInputException mismatch && !path.isEmpty()) {
            return path + "=" + tree.at("/" + path.replace('.', '/')) + ": expected " + kind(mismatch.getTargetType());
        }
        final String place = failure.getLocation() == null || failure.getLocation().getLineNr() < 1 ? "" : ", line " + failure.getLocation().getLineNr();
        return (path.isEmpty() ? "" : path + ": ") + said.lines().findFirst().orElse("not JSON").replaceAll("`(?:\\w+\\.)*(\\w+)(?:\\$\\w+)?`", "`$1`") + place;
    }

    private static String kind(final Class<?> type) {
        if (type.isEnum()) {
            return "one of " + Arrays.stream(type.getEnumConstants()).map(Object::toString).collect(Collectors.joining(", "));
        }
        if (type == int.class || type == long.class) {
            return "an integer";
        }
        return type == String.class ? "a string" : type == double.class ? "a number" : type == boolean.class ? "true or false" : "an object";
    }
}

package io.expertlane.bench.cli;

import io.expertlane.bench.results.Json;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Function;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DatabindException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** A hardware or model description: the name of a preset, or a JSON file with every field of the record and no other. */
final class ProfileFile {
    private static final JsonMapper STRICT = Json.mapper().rebuild()
        .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES,
            DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES, DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
        .build();

    private ProfileFile() {
    }

    /** The preset that {@code text} names, or what the file says if it ends in {@code .json}. */
    static <T> T read(final String option, final String text, final Class<T> type, final Function<String, T> preset) throws IOException {
        if (!text.endsWith(".json")) {
            return preset.apply(text);
        }
        final Path file = Path.of(text);
        if (!Files.isReadable(file)) {
            throw new UsageException(option, text, "no such file");
        }
        try {
            return STRICT.readValue(file.toFile(), type);
        } catch (final JacksonException e) {
            throw new UsageException(option, text, message(e));
        }
    }

    private static String message(final JacksonException failure) {
        if (failure.getCause() instanceof IllegalArgumentException limit) {
            return limit.getMessage();
        }
        final String place = failure instanceof DatabindException && !failure.getPath().isEmpty() ? " at " + failure.getPathReference() : "";
        return failure.getOriginalMessage().lines().findFirst().orElse("not JSON") + place;
    }
}

package io.expertlane.bench.results;

import com.networknt.schema.Error;
import com.networknt.schema.Schema;
import com.networknt.schema.SchemaRegistry;
import com.networknt.schema.SpecificationVersion;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Collectors;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamReadFeature;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * The JSON Schema of the files of a results folder ({@code run-2.schema.json}), and their reading: what does not fit is
 * refused in one line that names file, field, value and limit.
 */
final class RunSchema {
    private static final String RESOURCE = "run-" + RunSummary.SCHEMA + ".schema.json";
    private static final int MAX_SHOWN_CHARS = 80;
    private static final JsonMapper STRICT = Json.mapper().rebuild()
        .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
        .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
        .build();
    private static final JsonNode DEFINITIONS = definitions();

    private final Schema schema;

    private RunSchema(final String definition) {
        final ObjectNode root = (ObjectNode) DEFINITIONS.deepCopy();
        root.put("$ref", "#/$defs/" + definition);
        this.schema = SchemaRegistry.withDefaultDialect(SpecificationVersion.DRAFT_2020_12).getSchema(root);
    }

    /** The part of the schema named {@code definition}. */
    static RunSchema of(final String definition) {
        return new RunSchema(definition);
    }

    /**
     * Reads {@code file} as {@code type}.
     *
     * @throws IllegalArgumentException if the file is missing, is not JSON, or does not fit
     */
    <T> T read(final Path file, final Class<T> type) throws IOException {
        final JsonNode tree = tree(file);
        require(file, tree);
        try {
            return STRICT.treeToValue(tree, type);
        } catch (final JacksonException e) {
            throw new IllegalArgumentException(file + ": " + place(e) + ": "
                + e.getOriginalMessage().lines().findFirst().orElse(""), e);
        }
    }

    /** The field whose value fits the schema but no type: numbers too large for it, days that no calendar has. */
    private static String place(final JacksonException failure) {
        return failure.getPath().stream()
            .map(step -> step.getPropertyName() == null ? String.valueOf(step.getIndex()) : step.getPropertyName())
            .collect(Collectors.joining("/"));
    }

    /** Refuses files of other versions of the format, before anything else is found wrong with them. */
    void requireVersion(final Path file) throws IOException {
        final JsonNode version = tree(file).path("schema");
        if (!version.isMissingNode() && !(version.isInt() && version.intValue() == RunSummary.SCHEMA)) {
            throw new IllegalArgumentException(file + ": schema=" + shown(version) + ": version " + RunSummary.SCHEMA
                + " is read");
        }
    }

    private void require(final Path file, final JsonNode tree) {
        final List<Error> errors = errors(file, tree);
        // The deepest place says most: a wrong field rather than the object that does not match because of it.
        errors.stream().max(Comparator.comparingInt(error -> error.getInstanceLocation().getNameCount()))
            .ifPresent(error -> {
            throw new IllegalArgumentException(file + ": " + message(error));
        });
    }

    private List<Error> errors(final Path file, final JsonNode tree) {
        try {
            return schema.validate(tree);
        } catch (final JacksonException e) {
            // The validator reads an integer such as 1e38 as one of 64 bits, and does not say where it stands.
            throw new IllegalArgumentException(file + ": an integer beyond 64 bits ("
                + e.getOriginalMessage().lines().findFirst().orElse("") + ")", e);
        }
    }

    private static JsonNode tree(final Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException(file + ": " + (Files.exists(file) ? "not a file" : "missing"));
        }
        try (InputStream in = Files.newInputStream(file)) {
            return STRICT.readTree(in);
        } catch (final JacksonException e) {
            final String place = e.getLocation() == null || e.getLocation().getLineNr() < 1 ? "" : ", line "
                + e.getLocation().getLineNr();
            throw new IllegalArgumentException(file + ": not whole JSON ("
                + e.getOriginalMessage().lines().findFirst().orElse("") + place + ")", e);
        }
    }

    private static String message(final Error error) {
        final String place = error.getInstanceLocation().toString();
        return switch (error.getKeyword()) {
            case "required" -> field(place, error.getProperty()) + ": missing";
            case "additionalProperties", "unevaluatedProperties" -> field(place, error.getProperty())
                + ": unknown field";
            default -> field(place, null) + "=" + shown(error.getInstanceNode()) + ": " + error.getKeyword() + " "
                + shown(error.getSchemaNode());
        };
    }

    private static String field(final String pointer, final String property) {
        final String parent = pointer.isEmpty() ? "" : pointer.substring(1);
        if (property == null) {
            return parent.isEmpty() ? "file" : parent;
        }
        return parent.isEmpty() ? property : parent + "/" + property;
    }

    private static String shown(final JsonNode node) {
        final String text = String.valueOf(node);
        return text.length() <= MAX_SHOWN_CHARS ? text : text.substring(0, MAX_SHOWN_CHARS) + "...";
    }

    private static JsonNode definitions() {
        try (InputStream in = RunSchema.class.getResourceAsStream(RESOURCE)) {
            return STRICT.readTree(in);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}

package io.expertlane.bench.results;

import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import tools.jackson.core.JacksonException;
import tools.jackson.core.StreamWriteFeature;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;

/** The one way that Expertlane writes JSON: indented, in declaration order, missing values as null. */
public final class Json {
    private static final JsonMapper MAPPER = JsonMapper.builder()
        .enable(SerializationFeature.INDENT_OUTPUT)
        .disable(StreamWriteFeature.AUTO_CLOSE_TARGET)
        .build();

    private Json() {
    }

    /** The mapper, for reading trees and for writers that stream. */
    public static JsonMapper mapper() {
        return MAPPER;
    }

    /** {@code value} as text without a final newline. */
    public static String text(final Object value) {
        return MAPPER.writeValueAsString(value);
    }

    /** Writes {@code value} to {@code file}, which appears whole or not at all. */
    public static void write(final Path file, final Object value) throws IOException {
        AtomicFile.write(file, channel -> write(channel, value));
    }

    /** Jackson wraps what goes wrong with the file, such as a full disk. */
    private static void write(final WritableByteChannel channel, final Object value) throws IOException {
        try {
            MAPPER.writeValue(Channels.newOutputStream(channel), value);
        } catch (final JacksonException e) {
            if (e.getCause() instanceof IOException cause) {
                throw cause;
            }
            throw e;
        }
    }
}

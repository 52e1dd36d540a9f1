package io.expertlane.bench.cli;

import io.expertlane.bench.scenario.ProfileJson;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.Function;

/**
 * A hardware or model description: the name of a preset, or a JSON file with every field of the record, each once, and
 * no other.
 */
final class ProfileFile {
    private ProfileFile() {
    }

    /** The preset that {@code text} names, or what the file says if it ends in {@code .json}. */
    static <T> T read(final String option, final String text, final Class<T> type, final List<String> names,
        final Function<String, T> preset)
        throws IOException {
        if (!text.endsWith(".json")) {
            if (!names.contains(text)) {
                throw new UsageException(option, text, "expected one of " + String.join(", ", names)
                    + ", or a file that ends in .json");
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
        try {
            return ProfileJson.read(Files.readString(file, StandardCharsets.UTF_8), type);
        } catch (final CharacterCodingException e) {
            throw new UsageException(option, text, "not UTF-8");
        } catch (final IllegalArgumentException e) {
            throw new UsageException(option, text, e.getMessage());
        }
    }
}

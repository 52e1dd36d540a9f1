package io.expertlane.bench.cli;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * Paths of options. An empty one is refused: to Java it is the working directory, to the user a variable without a
 * value.
 */
final class PathConverter implements ITypeConverter<Path> {
    @Override
    public Path convert(final String text) {
        if (text.isEmpty()) {
            throw new TypeConversionException("is empty; the working directory is .");
        }
        try {
            return Path.of(text);
        } catch (final InvalidPathException e) {
            throw new TypeConversionException("no file can have this name (" + e.getReason() + ") in the encoding "
                + System.getProperty("sun.jnu.encoding") + ": try LC_ALL=C.UTF-8");
        }
    }
}

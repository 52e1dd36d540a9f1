package io.expertlane.bench.results;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The file {@code SHA256SUMS} of a folder, in the form of {@code sha256sum}: {@code sha256sum -c SHA256SUMS} checks it
 * too.
 */
public final class Checksums {
    /** Its name. */
    public static final String FILE = "SHA256SUMS";
    private static final Pattern LINE = Pattern.compile("([0-9a-f]{64})  ([^/].*)");

    private Checksums() {
    }

    /** Writes the file for all others below {@code folder}. */
    static void write(final Path folder) throws IOException {
        final StringBuilder text = new StringBuilder();
        for (final String name : names(folder)) {
            text.append(digest(folder.resolve(name))).append("  ").append(name).append('\n');
        }
        Files.writeString(folder.resolve(FILE), text);
    }

    /**
     * Checks that {@code folder} holds what was written, no less and no more.
     *
     * @throws IllegalArgumentException naming the first file that differs, is missing or was added
     */
    static void verify(final Path folder) throws IOException {
        final Map<String, String> expected = read(folder.resolve(FILE));
        final Set<String> present = new LinkedHashSet<>(names(folder));
        for (final Map.Entry<String, String> file : expected.entrySet()) {
            if (!present.contains(file.getKey())) {
                throw new IllegalArgumentException(folder.resolve(file.getKey()) + ": missing, but named in " + FILE);
            }
            final String found = digest(folder.resolve(file.getKey()));
            if (!found.equals(file.getValue())) {
                throw new IllegalArgumentException(folder.resolve(file.getKey()) + ": sha256=" + found + ": " + FILE
                    + " says " + file.getValue());
            }
        }
        present.stream().filter(name -> !expected.containsKey(name)).findFirst().ifPresent(name -> {
            throw new IllegalArgumentException(folder.resolve(name) + ": not named in " + FILE);
        });
    }

    private static Map<String, String> read(final Path file) throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new IllegalArgumentException(file + ": missing");
        }
        final Map<String, String> sums = new TreeMap<>();
        int number = 0;
        for (final String line : Files.readAllLines(file, StandardCharsets.ISO_8859_1)) {
            number++;
            final Matcher matcher = LINE.matcher(line);
            if (!matcher.matches() || sums.put(matcher.group(2), matcher.group(1)) != null) {
                throw new IllegalArgumentException(file + " line " + number
                    + ": expected 64 hex digits, two spaces and a file name, each file once");
            }
        }
        return sums;
    }

    private static List<String> names(final Path folder) throws IOException {
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(Files::isRegularFile).map(file -> folder.relativize(file).toString().replace('\\', '/'))
                .filter(name -> !name.equals(FILE)).sorted().toList();
        }
    }

    /** SHA-256 of a file's content, in hex digits. */
    public static String digest(final Path file) throws IOException {
        final MessageDigest sha256;
        try {
            sha256 = MessageDigest.getInstance("SHA-256");
        } catch (final NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
        try (InputStream in = new DigestInputStream(Files.newInputStream(file), sha256)) {
            in.transferTo(OutputStream.nullOutputStream());
        }
        return HexFormat.of().formatHex(sha256.digest());
    }
}

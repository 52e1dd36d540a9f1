package io.expertlane.bench.architecture;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** {@code docs/dependencies.md} names each library that the root pom manages, with the version that is pinned there. */
class DependenciesDocumentTest {
    private static final Pattern MANAGED =
        Pattern.compile("<artifactId>([^<]+)</artifactId>\\s*<version>\\$\\{([a-z0-9-]+\\.version)}</version>");

    @Test
    void namesEveryPinnedVersion() throws IOException {
        final String pom = Files.readString(Path.of("../pom.xml"));
        final List<String> rows = Files.readAllLines(Path.of("../docs/dependencies.md")).stream()
            .filter(l -> l.startsWith("|")).toList();
        final List<MatchResult> managed = MANAGED.matcher(pom).results().filter(m -> !m.group(2).startsWith("project."))
            .toList();
        assertThat(managed).hasSizeGreaterThan(5);
        for (final MatchResult library : managed) {
            final String version = property(pom, library.group(2));
            assertThat(rows).as("%s %s", library.group(1), version)
                .anyMatch(row -> row.contains("`" + library.group(1) + "`") && row.contains("| " + version + " |"));
        }
    }

    private static String property(final String pom, final String name) {
        final MatchResult value = Pattern.compile("<" + Pattern.quote(name) + ">([^<]+)<").matcher(pom).results()
            .findFirst().orElseThrow();
        return value.group(1);
    }
}

package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The launcher on a source tree of its own, with a Maven and JDKs that are shell scripts. */
class LauncherTest {
    private static final String CLASSES = "bench/target/classes/io/expertlane/bench";

    @TempDir
    private Path folder;
    private Path root;
    private Path bin;
    private Path launcher;
    private final Map<String, String> environment = new HashMap<>();

    private record Run(int exitCode, String out, String err) {
    }

    @BeforeEach
    void makeTree() throws IOException {
        root = Files.createDirectories(folder.resolve("source tree")).toRealPath();
        bin = Files.createDirectory(folder.resolve("bin"));
        launcher = root.resolve("bench/bin/expertlane");
        Files.createDirectories(launcher.getParent());
        Files.copy(Path.of("bin/expertlane"), launcher, StandardCopyOption.COPY_ATTRIBUTES);
        for (final String module : List.of("kernel", "sim-nic", "bench")) {
            Files.createDirectories(root.resolve(module + "/src/main"));
            Files.writeString(root.resolve(module + "/pom.xml"), "");
        }
        Files.writeString(root.resolve("pom.xml"), "");
        script(bin.resolve("mvn"), """
            echo "mvn $* in $PWD with $JAVA_HOME" >>"$HOME/builds"
            mkdir -p "%1$s" && echo '--flag=one --flag=two' >"%1$s/jvm.flags" && touch bench/target/benchmarks.jar
            """.formatted(CLASSES));
        final Path noJdks = Files.createDirectory(folder.resolve("none"));
        environment.put("HOME", folder.toString());
        environment.put("PATH", bin + ":/usr/bin:/bin");
        environment.put("EXPERTLANE_JDK_FOLDERS", noJdks.toString());
        jdk(folder, "17");
    }

    @Test
    void passesOverOldJdksAndTakesTheFirstThatWillDo() throws IOException, InterruptedException {
        final Path old = jdk(folder.resolve("old jdk"), "17");
        final Path good = jdk(folder.resolve("jdks/good one"), "25");
        jdk(folder.resolve("jdks/aged"), "21");
        environment.put("JAVA_HOME", old.toString());
        environment.put("EXPERTLANE_JDK_FOLDERS", folder.resolve("none") + ":" + folder.resolve("jdks"));
        final Run run = run(launcher, "bench", "--include", "a b");
        assertThat(run.exitCode).as(run.err).isEqualTo(7);
        assertThat(run.out.lines()).containsExactly(good + "/bin/java", "--flag=one", "--flag=two", "-cp",
            root.resolve("bench/target/benchmarks.jar").toString(), "io.expertlane.bench.cli.ExpertlaneCommand", "bench", "--include", "a b",
            "home=" + root, "terminal=false");
        assertThat(builds()).containsExactly("mvn -q -B -DskipTests package in " + root + " with " + good);
    }

    @Test
    void prefersJavaHomeThenPath() throws IOException, InterruptedException {
        final Path home = jdk(folder.resolve("home jdk"), "26");
        final Path onPath = jdk(folder.resolve("path jdk"), "25");
        environment.put("PATH", onPath.resolve("bin") + ":" + environment.get("PATH"));
        assertThat(run(launcher).out).startsWith(onPath + "/bin/java\n");
        environment.put("JAVA_HOME", home.toString());
        assertThat(run(launcher).out).startsWith(home + "/bin/java\n");
    }

    @Test
    void saysWhatToInstallWhereThereIsNoJdkOrNoMaven() throws IOException, InterruptedException {
        final Run noJdk = run(launcher);
        assertThat(noJdk.exitCode).isEqualTo(2);
        assertThat(noJdk.err).hasLineCount(1).startsWith("expertlane: JDK 25 not found").contains("install", "JAVA_HOME");

        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        Files.delete(bin.resolve("mvn"));
        environment.put("PATH", bin + ":" + toolsWithoutMaven());
        final Run noMaven = run(launcher);
        assertThat(noMaven.exitCode).isEqualTo(2);
        assertThat(noMaven.err).hasLineCount(1).startsWith("expertlane: Maven not found").contains("install");
        assertThat(noMaven.out).isEmpty();
    }

    @Test
    void buildsOnlyWhatIsStale() throws IOException, InterruptedException {
        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        assertThat(run(launcher).err).isEqualTo("expertlane: building " + root.resolve("bench/target/benchmarks.jar")
            + " (the first time Maven fetches its plugins) ...\nfrom java\n");
        final Run again = run(launcher);
        assertThat(again.err).as("without the warning of incubator modules").isEqualTo("from java\n");
        assertThat(builds()).hasSize(1);
        final Path source = Files.writeString(root.resolve("kernel/src/main/A.java"), "");
        Files.setLastModifiedTime(source, FileTime.from(Instant.now().plusSeconds(5)));
        run(launcher);
        assertThat(builds()).hasSize(2);
    }

    @Test
    void showsTheOutputOfAFailedBuild() throws IOException, InterruptedException {
        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        script(bin.resolve("mvn"), "echo 'missing semicolon'; exit 1");
        final Run run = run(launcher);
        assertThat(run.exitCode).isEqualTo(1);
        assertThat(run.err).contains("missing semicolon").endsWith("expertlane: the build failed\n");
        assertThat(run.out).isEmpty();
    }

    @Test
    void worksThroughSymbolicLinks() throws IOException, InterruptedException {
        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        final Path absolute = Files.createSymbolicLink(folder.resolve("absolute"), launcher);
        final Path links = Files.createDirectory(folder.resolve("my links"));
        final Path relative = Files.createSymbolicLink(links.resolve("relative"), Path.of("../absolute"));
        assertThat(run(absolute).out).contains("home=" + root + "\n");
        assertThat(run(relative).out).contains("home=" + root + "\n");
    }

    private List<String> builds() throws IOException {
        return Files.readAllLines(folder.resolve("builds"));
    }

    /** A folder with all that the launcher needs of the system, and no mvn. */
    private Path toolsWithoutMaven() throws IOException {
        final Path tools = Files.createDirectory(folder.resolve("tools"));
        for (final String tool : List.of("bash", "env", "sed", "find", "head", "cat", "dirname", "readlink", "mktemp", "rm")) {
            final Path target = Stream.of("/usr/bin", "/bin").map(d -> Path.of(d, tool)).filter(Files::exists).findFirst().orElseThrow();
            Files.writeString(tools.resolve(tool), "#!/bin/sh\nexec " + target + " \"$@\"\n");
            Files.setPosixFilePermissions(tools.resolve(tool), PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        return tools;
    }

    /** A JDK that tells its version, or prints how it was called, warns as JDK 25 does, and exits with 7. */
    private static Path jdk(final Path home, final String version) throws IOException {
        Files.createDirectories(home.resolve("bin"));
        script(home.resolve("bin/javac"), "");
        return script(home.resolve("bin/java"), """
            if [ "$1" = -XshowSettings:properties ]; then
                printf '    java.home = %%s\\n    java.specification.version = %%s\\n' '%s' '%s' >&2
                exit
            fi
            printf '%%s\\n' "$0" "$@" "home=$EXPERTLANE_HOME" "terminal=$EXPERTLANE_TERMINAL"
            echo 'WARNING: Using incubator modules: jdk.incubator.vector' >&2
            echo 'from java' >&2
            exit 7
            """.formatted(home, version)).getParent().getParent();
    }

    private static Path script(final Path file, final String body) throws IOException {
        Files.writeString(file, "#!/usr/bin/env bash\n" + body);
        return Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private Run run(final Path command, final String... arguments) throws IOException, InterruptedException {
        final Path out = folder.resolve("out");
        final ProcessBuilder builder = new ProcessBuilder(command.toString()).directory(folder.toFile())
            .redirectOutput(out.toFile());
        builder.command().addAll(List.of(arguments));
        builder.environment().clear();
        builder.environment().putAll(environment);
        final Process process = builder.start();
        process.getOutputStream().close();
        final String errors = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Run(process.waitFor(), Files.readString(out), errors);
    }
}

package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
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
        maven("");
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
        assertThat(run.out.lines())
            .containsExactly(good + "/bin/java", "--flag=one", "--flag=two", "-cp", jar(run).toString(),
            "io.expertlane.bench.cli.ExpertlaneCommand", "bench", "--include", "a b", "home=" + root, "terminal=false",
            "charset=C.UTF-8",
            "git=,");
        assertThat(jar(run)).hasSameTextualContentAs(root.resolve("bench/target/benchmarks.jar"));
        assertThat(builds()).containsExactly("mvn -q -B -DskipTests package -pl bench -am with " + good);
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
        assertThat(noJdk.err).hasLineCount(1).startsWith("expertlane: JDK 25 not found")
            .contains("install", "JAVA_HOME");

        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        Files.delete(bin.resolve("mvn"));
        environment.put("PATH", bin + ":" + tools());
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
        Files.writeString(root.resolve("kernel/src/main/A.java"), "1");
        run(launcher);
        assertThat(builds()).as("a new file").hasSize(2);
        Files.writeString(root.resolve("kernel/src/main/A.java"), "2");
        Files.setLastModifiedTime(root.resolve("kernel/src/main/A.java"), FileTime.from(Instant.EPOCH));
        run(launcher);
        assertThat(builds()).as("a changed file of an old date").hasSize(3);
        Files.delete(root.resolve("kernel/src/main/A.java"));
        run(launcher);
        assertThat(builds()).as("a file removed").hasSize(4);
    }

    @Test
    void buildsOnceWhateverTheDatesOfFiles() throws IOException, InterruptedException {
        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        Files.setLastModifiedTime(root.resolve("kernel/pom.xml"),
            FileTime.from(Instant.now().plus(Duration.ofDays(2))));
        run(launcher);
        run(launcher);
        assertThat(builds()).hasSize(1);
    }

    @Test
    void commandsAtOnceBuildOnce() throws IOException, InterruptedException {
        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        // The first build waits for the second command to say that it waits.
        maven("until grep -q 'another command builds' \"$HOME\"/err-*; do sleep 0.1; done");
        final List<Process> commands = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            commands.add(start(launcher, folder.resolve("out-" + i), errors(i)));
        }
        for (final Process command : commands) {
            assertThat(command.waitFor()).isEqualTo(7);
        }
        assertThat(builds()).hasSize(1);
        final List<String> said = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            said.addAll(Files.readAllLines(errors(i).file().toPath()));
        }
        assertThat(said).filteredOn(line -> line.startsWith("expertlane: building")).hasSize(1);
        assertThat(said).filteredOn("expertlane: another command builds, waiting for it ..."::equals).isNotEmpty();
    }

    @Test
    void commandsAtOnceBuildOnceWithoutFlock() throws IOException, InterruptedException {
        Files.delete(bin.resolve("mvn"));
        environment.put("PATH", bin + ":" + tools());
        commandsAtOnceBuildOnce();
        final Path lock = Files.createDirectory(root.resolve("bench/.builds/lock.d"));
        final Process ended = new ProcessBuilder("true").start();
        ended.waitFor();
        Files.writeString(lock.resolve("pid"), ended.pid() + "\n");
        Files.writeString(root.resolve("pom.xml"), "changed");
        assertThat(run(launcher).exitCode).as("the lock of a command that was killed").isEqualTo(7);
        assertThat(builds()).hasSize(2);
    }

    @Test
    void keepsTheJarOfARunWhileOthersBuild() throws IOException, InterruptedException {
        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        environment.put("HOLD", folder.resolve("hold").toString());
        final Process first = start(launcher, folder.resolve("first"), errors(0));
        while (Files.notExists(folder.resolve("hold"))) {
            Thread.sleep(10);
        }
        environment.remove("HOLD");
        Files.writeString(root.resolve("kernel/src/main/A.java"), "1");
        final Run second = run(launcher);
        final Path jarOfFirst = jar(new Run(0, Files.readString(folder.resolve("first")), ""));
        assertThat(jar(second)).isNotEqualTo(jarOfFirst).hasContent("build 2");
        assertThat(jarOfFirst).hasContent("build 1");
        assertThat(root.resolve("bench/target/benchmarks.jar")).hasContent("build 2");
        Files.delete(folder.resolve("hold"));
        first.waitFor();
        Files.writeString(root.resolve("kernel/src/main/A.java"), "2");
        run(launcher);
        assertThat(jarOfFirst).as("no run uses it any more").doesNotExist();
    }

    @Test
    void saysWhichCommitTheJarIsOf() throws IOException, InterruptedException {
        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        Files.writeString(root.resolve(".gitignore"), "target/\n");
        git("init", "-q");
        git("add", "-A");
        git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "-m", "first");
        final String commit = git("rev-parse", "HEAD");
        // The first look at the files finds them as committed; then one is edited.
        script(bin.resolve("cksum"), """
            if [ "$1" != "" ] && [ ! -e "$HOME/looked" ]; then
                /usr/bin/env -i /usr/bin/cksum "$@"
                touch "$HOME/looked"
                echo 1 >'%s/kernel/src/main/A.java'
                exit
            fi
            exec /usr/bin/env -i /usr/bin/cksum "$@"
            """.formatted(root));
        final Run edited = run(launcher);
        assertThat(edited.out).as(edited.err).contains("git=" + commit + ",true\n");
        assertThat(builds()).hasSize(1);
        Files.delete(root.resolve("kernel/src/main/A.java"));
        assertThat(run(launcher).out).contains("git=" + commit + ",false\n");
        assertThat(builds()).as("the jar had the edit").hasSize(2);
    }

    private String git(final String... arguments) throws IOException, InterruptedException {
        final List<String> all = new ArrayList<>(List.of("git", "-C", root.toString()));
        all.addAll(List.of(arguments));
        final Process process = new ProcessBuilder(all).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        final String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
        assertThat(process.waitFor()).isZero();
        return said;
    }

    @Test
    void buildsAgainWhatIsEditedWhileItBuilds() throws IOException, InterruptedException {
        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        maven("[ -e \"$HOME/edited\" ] || echo 1 >'" + root + "/kernel/src/main/A.java'; touch \"$HOME/edited\"");
        final Run run = run(launcher);
        assertThat(run.exitCode).as(run.err).isEqualTo(7);
        assertThat(jar(run)).hasContent("build 2");
        maven("date +%N >>'" + root + "/kernel/src/main/A.java'");
        Files.writeString(root.resolve("pom.xml"), "changed");
        final Run restless = run(launcher);
        assertThat(restless.exitCode).isEqualTo(2);
        assertThat(restless.err).endsWith("expertlane: " + root
            + ": the sources changed while they were built, 3 times\n");
    }

    @Test
    void findsItsRootWhateverCdpath() throws IOException, InterruptedException {
        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        environment.put("CDPATH", ".:" + folder);
        final Run run = run(launcher.getRoot().resolve("usr/bin/env"), "-C", root.toString(), "bench/bin/expertlane",
            "x");
        assertThat(run.exitCode).as(run.err).isEqualTo(7);
        assertThat(run.out).contains("home=" + root + "\n");
    }

    @Test
    void givesJavaALocaleInWhichFilesCanBeNamed() throws IOException, InterruptedException {
        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        for (final String locale : List.of("C", "POSIX", "xx_YY.UTF-8")) {
            environment.put("LC_ALL", locale);
            final Run run = run(launcher);
            assertThat(run.out).as(locale).contains("charset=C.UTF-8\n");
            assertThat(run.err).as(locale).doesNotContain("cannot change locale (C.UTF-8)").endsWith("from java\n");
        }
        environment.put("LC_ALL", "C.utf8");
        assertThat(run(launcher).out).as("one that will do").contains("charset=C.utf8\n");
    }

    @Test
    void saysWhatAJvmThatDoesNotStartSays() throws IOException, InterruptedException {
        final Path broken = jdk(folder.resolve("broken"), "25");
        environment.put("JAVA_HOME", broken.toString());
        script(broken.resolve("bin/java"), """
            echo "Picked up JAVA_TOOL_OPTIONS: -XX:+NoSuchFlag" >&2
            echo "Unrecognized VM option 'NoSuchFlag'" >&2
            echo "Error: Could not create the Java Virtual Machine." >&2
            echo "Error: A fatal exception has occurred. Program will exit." >&2
            exit 1
            """);
        final Run run = run(launcher);
        assertThat(run.exitCode).isEqualTo(2);
        assertThat(run.err).isEqualTo("expertlane: " + broken
            + "/bin/java does not start: Picked up JAVA_TOOL_OPTIONS: -XX:+NoSuchFlag; "
            + "Unrecognized VM option 'NoSuchFlag'\n");
        environment.put("EXPERTLANE_JDK_FOLDERS", folder.resolve("jdks").toString());
        final Path good = jdk(folder.resolve("jdks/good"), "25");
        assertThat(run(launcher).out).as("another one starts").startsWith(good + "/bin/java\n");
    }

    @Test
    void leavesOutWhatTheJvmPicksUp() throws IOException, InterruptedException {
        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        environment.put("JAVA_TOOL_OPTIONS", "-Xmx1g");
        run(launcher);
        assertThat(run(launcher).err).isEqualTo("OpenJDK 64-Bit Server VM warning: old flag\nfrom java\n");
    }

    @Test
    void refusesAClosedOutput() throws IOException, InterruptedException {
        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        final Run run = run(launcher.getRoot().resolve("bin/sh"), "-c", "exec '" + launcher + "' profile >&-");
        assertThat(run.exitCode).isEqualTo(2);
        assertThat(run.err).isEqualTo("expertlane: standard output is closed\n");
    }

    @Test
    void showsTheOutputOfAFailedBuild() throws IOException, InterruptedException {
        environment.put("JAVA_HOME", jdk(folder.resolve("jdk"), "25").toString());
        script(bin.resolve("mvn"), "echo \"$PWD/kernel/src/main/A.java:1: missing semicolon\"; exit 1");
        final Run run = run(launcher);
        assertThat(run.exitCode).isEqualTo(1);
        assertThat(run.err).contains("\n" + root + "/kernel/src/main/A.java:1: missing semicolon\n")
            .endsWith("expertlane: the build failed\n");
        assertThat(run.out).isEmpty();
        try (Stream<Path> left = Files.list(root.resolve("bench/.builds"))) {
            assertThat(left.map(file -> file.getFileName().toString())).containsExactlyInAnyOrder(".gitignore", "lock");
        }
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

    private ProcessBuilder.Redirect errors(final int command) {
        return ProcessBuilder.Redirect.to(folder.resolve("err-" + command).toFile());
    }

    private List<String> builds() throws IOException {
        return Files.readAllLines(folder.resolve("builds"));
    }

    /** A Maven that first does {@code work}; its jars say how many there were. */
    private void maven(final String work) throws IOException {
        script(bin.resolve("mvn"), """
            echo "mvn $* with $JAVA_HOME" >>"$HOME/builds"
            %2$s
            mkdir -p "%1$s" && echo '--flag=one --flag=two' >"%1$s/jvm.flags"
            echo "build" $(cat "$HOME/builds" | wc -l) >bench/target/benchmarks.jar
            """.formatted(CLASSES, work));
    }

    /** The jar of a run. */
    private static Path jar(final Run run) {
        final List<String> lines = run.out.lines().toList();
        return Path.of(lines.get(lines.indexOf("-cp") + 1));
    }

    /** A folder with all that the launcher needs of the system, and neither mvn nor flock. */
    private Path tools() throws IOException {
        final Path tools = Files.createDirectories(folder.resolve("tools"));
        for (final String tool : List.of("bash", "env", "sed", "find", "cat", "dirname", "readlink", "mktemp", "rm",
            "mkdir", "cp", "mv", "cksum",
            "sort", "tr", "cut", "awk", "locale", "sleep", "grep", "touch", "wc")) {
            final Path target = Stream.of("/usr/bin", "/bin").map(d -> Path.of(d, tool)).filter(Files::exists)
                .findFirst().orElseThrow();
            Files.writeString(tools.resolve(tool), "#!/bin/sh\nexec " + target + " \"$@\"\n");
            Files.setPosixFilePermissions(tools.resolve(tool), PosixFilePermissions.fromString("rwxr-xr-x"));
        }
        return tools;
    }

    /**
     * A JDK that tells its version, or prints how it was called, waits while $HOLD exists, warns as JDK 25 does, and
     * exits with 7.
     */
    private static Path jdk(final Path home, final String version) throws IOException {
        Files.createDirectories(home.resolve("bin"));
        script(home.resolve("bin/javac"), "");
        return script(home.resolve("bin/java"), """
            if [ "$1" = -XshowSettings:properties ]; then
                printf '    java.home = %%s\\n    java.specification.version = %%s\\n' '%s' '%s' >&2
                exit
            fi
            printf '%%s\\n' "$0" "$@" "home=$EXPERTLANE_HOME" "terminal=$EXPERTLANE_TERMINAL" "charset=${LC_ALL:-null}" \\
                "git=$EXPERTLANE_COMMIT,$EXPERTLANE_DIRTY"
            if [ -n "${HOLD:-}" ]; then
                touch "$HOLD"
                while [ -e "$HOLD" ]; do sleep 0.1; done
            fi
            if [ -n "${JAVA_TOOL_OPTIONS:-}" ]; then
                echo "Picked up JAVA_TOOL_OPTIONS: $JAVA_TOOL_OPTIONS" >&2
                echo "OpenJDK 64-Bit Server VM warning: old flag" >&2
            fi
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
        final Process process = start(command, out, ProcessBuilder.Redirect.PIPE, arguments);
        // To its end: what reads Java's error stream may outlive Java.
        final String errors = new String(process.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Run(process.waitFor(), Files.readString(out), errors);
    }

    private Process start(final Path command, final Path out, final ProcessBuilder.Redirect err,
        final String... arguments)
        throws IOException {
        final ProcessBuilder builder = new ProcessBuilder(command.toString()).directory(folder.toFile())
            .redirectOutput(out.toFile())
            .redirectError(err);
        builder.command().addAll(List.of(arguments));
        builder.environment().clear();
        builder.environment().putAll(environment);
        final Process process = builder.start();
        process.getOutputStream().close();
        return process;
    }
}

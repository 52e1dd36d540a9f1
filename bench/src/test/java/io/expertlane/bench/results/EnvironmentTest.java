package io.expertlane.bench.results;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;

class EnvironmentTest {
    private static final Clock CLOCK = Clock.fixed(Instant.parse("2026-01-02T03:04:05.678Z"), ZoneOffset.UTC);

    @TempDir
    private Path root;

    @Test
    void readsWhatLinuxTells() throws IOException {
        file("proc/cpuinfo", "processor\t: 0\nmodel name\t: A CPU @ 2 GHz: new\nprocessor\t: 1\nmodel name\t: A CPU @ "
            + "2 GHz: new\n");
        file("proc/meminfo", "MemTotal:        2048 kB\nMemFree: 1 kB\n");
        file("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
        file("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
        file("sys/fs/cgroup/cpu.max", "150000 100000\n");
        file("sys/fs/cgroup/memory.max", "1048576\n");
        final JsonNode json = Json.mapper()
            .readTree(Json.text(Environment.capture(CLOCK, root, Optional.empty(), List.of("bench", "--json"))));
        assertThat(json.at("/date").asString()).isEqualTo("2026-01-02T03:04:05Z");
        assertThat(json.at("/commandLine").toString()).isEqualTo("[\"bench\",\"--json\"]");
        assertThat(json.at("/cpu/model").asString()).isEqualTo("A CPU @ 2 GHz: new");
        assertThat(json.at("/cpu/cores").asInt()).isEqualTo(2);
        assertThat(json.at("/cpu/governor").asString()).isEqualTo("performance");
        assertThat(json.at("/memory/totalBytes").asLong()).isEqualTo(2048 * 1024);
        assertThat(json.at("/memory/transparentHugePages").asString()).isEqualTo("madvise");
        assertThat(json.at("/container/cpus").asDouble()).isEqualTo(1.5);
        assertThat(json.at("/container/memoryBytes").asLong()).isEqualTo(1_048_576);
        assertThat(json.at("/jdk/version").asString()).isEqualTo(Runtime.version().toString());
    }

    @Test
    void readsControlGroupsOfVersionOne() throws IOException {
        file("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n");
        file("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
        file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        final Environment.Container container = Environment.capture(CLOCK, root, Optional.empty(), List.of())
            .container();
        assertThat(container).isEqualTo(new Environment.Container(0.5, null));
    }

    @Test
    void saysNullForWhatIsMissingOrOdd() throws IOException {
        file("proc/meminfo", "MemTotal: lots\n");
        file("sys/fs/cgroup/cpu.max", "max 100000\n");
        file("sys/fs/cgroup/memory.max", "max\n");
        file("sys/kernel/mm/transparent_hugepage/enabled", "");
        final Environment environment = Environment.capture(CLOCK, root, Optional.of(root.resolve("no such folder")),
            List.of());
        assertThat(environment.cpu().model()).isNull();
        assertThat(environment.cpu().cores()).isNull();
        assertThat(environment.cpu().governor()).isNull();
        assertThat(environment.memory()).isEqualTo(new Environment.Memory(null, null));
        assertThat(environment.container()).isEqualTo(new Environment.Container(null, null));
        assertThat(environment.git()).isEqualTo(new Environment.Git(null, null));
        assertThat(environment.shortCommit()).isEqualTo("nocommit");
        assertThat(Json.text(environment)).contains("\"commit\" : null");
    }

    @Test
    void tellsTheCommitAndWhetherTheTreeIsDirty() throws IOException, InterruptedException {
        git("init", "-q");
        git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-q", "--allow-empty", "-m", "first");
        final Environment clean = Environment.capture(CLOCK, root, Optional.of(root), List.of());
        assertThat(clean.git().commit()).matches("[0-9a-f]{40,64}");
        assertThat(clean.git().dirty()).isFalse();
        assertThat(clean.shortCommit()).hasSize(10);
        file("new", "1");
        assertThat(Environment.capture(CLOCK, root, Optional.of(root), List.of()).git().dirty()).isTrue();
    }

    private void git(final String... arguments) throws IOException, InterruptedException {
        final ProcessBuilder builder = new ProcessBuilder("git", "-C", root.toString());
        builder.command().addAll(List.of(arguments));
        assertThat(builder.inheritIO().start().waitFor()).isZero();
    }

    private void file(final String name, final String content) throws IOException {
        final Path file = root.resolve(name);
        Files.createDirectories(file.getParent());
        Files.writeString(file, content);
    }
}

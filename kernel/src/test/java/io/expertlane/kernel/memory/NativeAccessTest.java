package io.expertlane.kernel.memory;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The memory of JVMs that deny native access, as JDKs after 25 do unless they are told otherwise. */
class NativeAccessTest {
    private static final String DENIED = "native access is denied";

    /** Makes heaps, copies between regions, and reads what the copies must hold. */
    static final class Copies {
        private static final long BYTES = 1 << 20;

        private Copies() {
        }

        public static void main(final String[] args) {
            for (final Pages pages : Pages.values()) {
                try (SymmetricHeap heap = new SymmetricHeap(2, BYTES, pages)) {
                    final MemorySegment from = heap.region(0);
                    if (from.get(ValueLayout.JAVA_LONG, BYTES - Long.BYTES) != 0) {
                        throw new AssertionError("not zero at first");
                    }
                    for (long at = 0; at < BYTES; at += Long.BYTES) {
                        from.set(ValueLayout.JAVA_LONG, at, at * at + 1);
                    }
                    heap.copy(from, 0, heap.region(1), 0, BYTES);
                    System.out.println(pages + " " + from.mismatch(heap.region(1)));
                }
            }
        }
    }

    @Test
    void deniedHeapsWorkAndSaySoOnce() throws IOException, InterruptedException {
        final List<String> lines = run("--illegal-native-access=deny");
        assertThat(lines).contains("BASE -1", "HUGE -1");
        assertThat(lines).filteredOn(line -> line.contains(DENIED)).singleElement().asString()
            .contains("--enable-native-access=ALL-UNNAMED");
    }

    @Test
    void allowedOnesSayNothing() throws IOException, InterruptedException {
        assertThat(run("--illegal-native-access=deny", "--enable-native-access=ALL-UNNAMED"))
            .containsExactlyInAnyOrder("BASE -1", "HUGE -1");
    }

    private static List<String> run(final String... flags) throws IOException, InterruptedException {
        final List<String> command =
            new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        command.addAll(List.of(flags));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), Copies.class.getName()));
        final Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        final List<String> lines = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).lines()
            .toList();
        assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        assertThat(process.exitValue()).as(() -> String.join("\n", lines)).isZero();
        return lines;
    }
}

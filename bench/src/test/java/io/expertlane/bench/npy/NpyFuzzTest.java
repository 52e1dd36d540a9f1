package io.expertlane.bench.npy;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.fuzz.FuzzSuite;
import io.expertlane.kernel.fuzz.FuzzTarget;
import io.expertlane.kernel.fuzz.MemoryFolder;
import io.expertlane.kernel.fuzz.Mutator;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.io.TempDir;

class NpyFuzzTest extends FuzzSuite {
    @TempDir(factory = MemoryFolder.class)
    private Path folder;

    @Override
    protected List<FuzzTarget> targets() {
        final List<byte[]> seeds = new ArrayList<>();
        for (final NpyType type : NpyType.values()) {
            for (int major = 1; major <= 3; major++) {
                seeds.add(file(type, major));
            }
        }
        return List.of(new FuzzTarget("npy", Mutator.ofText(seeds, "'<u2'", "'>u2'", "'|V2'", "True", "(2, 3,)", "()", "(0, 5)", ",}", "\\x93NUMPY"),
            this::readAndWrite, NpyException.class));
    }

    private static byte[] file(final NpyType type, final int major) {
        final String text = "{'descr': '" + type.descr() + "', 'fortran_order': False, 'shape': (2, 3), }";
        final String header = text + " ".repeat(major * 7) + "\n";
        final ByteBuffer bytes = ByteBuffer.allocate(12 + header.length() + 6 * type.sizeBytes()).order(ByteOrder.LITTLE_ENDIAN);
        bytes.put(new byte[] {(byte) 0x93, 'N', 'U', 'M', 'P', 'Y', (byte) major, 0});
        if (major == 1) {
            bytes.putShort((short) header.length());
        } else {
            bytes.putInt(header.length());
        }
        bytes.put(header.getBytes(StandardCharsets.ISO_8859_1));
        return Arrays.copyOf(bytes.array(), bytes.position() + 6 * type.sizeBytes());
    }

    private void readAndWrite(final byte[] input) throws IOException {
        final Path file = Files.write(folder.resolve("a.npy"), input);
        try (Arena arena = Arena.ofConfined()) {
            final NpyArray read = NpyReader.read(file, arena, 2, NpyType.values());
            final Path copy = folder.resolve("b.npy");
            NpyWriter.write(copy, read.type(), read.data(), read.length(0), read.length(1));
            final NpyArray again = NpyReader.read(copy, arena, 2, NpyType.values());
            assertThat(again.shape()).isEqualTo(read.shape());
            assertThat(again.type()).isEqualTo(read.type());
            assertThat(bytes(again.data())).isEqualTo(bytes(read.data()));
        }
    }

    private static byte[] bytes(final MemorySegment data) {
        return data.toArray(ValueLayout.JAVA_BYTE);
    }
}

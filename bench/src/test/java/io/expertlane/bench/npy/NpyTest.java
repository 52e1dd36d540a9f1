package io.expertlane.bench.npy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class NpyTest {
    /** {@code numpy.save(f, numpy.arange(6, dtype='<i4').reshape(2, 3))}, by numpy 1.26. */
    private static final String NUMPY_HEADER = "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }";

    @TempDir
    private Path folder;

    @Test
    void writesTheBytesThatNumpyWrites() throws IOException {
        final Path file = folder.resolve("a.npy");
        NpyWriter.write(file, NpyType.INT32, MemorySegment.ofArray(new int[] {0, 1, 2, 3, 4, 5}), 2, 3);
        final byte[] bytes = Files.readAllBytes(file);
        final byte[] expectedHeader = ("\u0093NUMPY\u0001\u0000\u0076\u0000" + NUMPY_HEADER
            + " ".repeat(128 - 10 - NUMPY_HEADER.length() - 1) + "\n")
            .getBytes(StandardCharsets.ISO_8859_1);
        assertThat(Arrays.copyOf(bytes, 128)).isEqualTo(expectedHeader);
        assertThat(bytes).hasSize(128 + 24);
        assertThat(bytes[128 + 4]).isEqualTo((byte) 1);
    }

    @ParameterizedTest
    @EnumSource(NpyType.class)
    void readsWhatItWrites(final NpyType type) throws IOException {
        final Random random = new Random(7);
        for (final long[] shape : new long[][] {{}, {5}, {3, 4}, {2, 3, 7}, {2, 0, 3}}) {
            final byte[] content = new byte[(int) Arrays.stream(shape).reduce(type.sizeBytes(), (a, b) -> a * b)];
            random.nextBytes(content);
            final Path file = folder.resolve("a.npy");
            NpyWriter.write(file, type, MemorySegment.ofArray(content), shape);
            try (Arena arena = Arena.ofConfined()) {
                final NpyArray array = NpyReader.read(file, arena, shape.length, NpyType.values());
                assertThat(array.type()).isEqualTo(type);
                assertThat(array.shape()).containsExactlyElementsOf(Arrays.stream(shape).boxed().toList());
                assertThat(array.data().toArray(ValueLayout.JAVA_BYTE)).isEqualTo(content);
                assertThat(array.data().byteSize() == 0 || array.data().isReadOnly()).isTrue();
            }
        }
        try (Stream<Path> files = Files.list(folder)) {
            assertThat(files).as("no temporary file is left").hasSize(1);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void readsAllVersionsAndAnyLegalSpelling(final int version) throws IOException {
        final Path file = write(version, "{\"shape\":(2,3),\"fortran_order\":False,\"descr\":\"<i4\"}", new byte[24]);
        try (Arena arena = Arena.ofConfined()) {
            final NpyArray array = NpyReader.read(file, arena, 2, NpyType.INT32);
            assertThat(array.shape()).containsExactly(2L, 3L);
            assertThat(array.data().get(ValueLayout.JAVA_INT, 20)).as("aligned although the header is not padded")
                .isZero();
        }
    }

    @Test
    void readsMoreThanTwoGigabytes() throws IOException {
        final Path file = folder.resolve("big.npy");
        final long length = (1L << 31) + 8;
        final byte[] header = NpyHeader.encode(NpyType.UINT16, List.of(length));
        Files.write(file, header);
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(header.length + 2 * length);
            sparse.seek(header.length + 2 * (length - 1));
            sparse.write(new byte[] {0x34, 0x12});
        }
        try (Arena arena = Arena.ofConfined()) {
            assertThat(NpyReader.read(file, arena, 1, NpyType.UINT16).data()
                .getAtIndex(ValueLayout.JAVA_SHORT, length - 1)).isEqualTo((short) 0x1234);
        }
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '"', value = {
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2, 3), }|dtype=<f8: expected <i4 (int32) or <i8 (int64)",
        "{'descr': '>i4', 'fortran_order': False, 'shape': (2, 3), }|dtype=>i4: big endian, expected <i4 (int32) or "
        + "<i8 (int64)",
        "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (2, 3), }|dtype=[('a', '<i4')], 'fortran_order': "
        + "False, 'shape': (2, 3), }: expected a simple type, not a structure",
        "{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }|fortran_order=True: expected False "
        + "(numpy.ascontiguousarray makes it so)",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (6,), }|shape=(6,): expected 2 dimensions",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (2, 4), }|data bytes=24: truncated, expected 32 for shape "
        + "(2, 4) of <i4",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (1, 4), }|data bytes=24: trailing bytes, expected 16 for "
        + "shape (1, 4) of <i4",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }|shape=(4294967296, 4294967296): "
        + "expected less than 2^63 bytes of <i4",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (99999999999999999999, 1), }|shape=99999999999999999999: "
        + "expected lengths below 2^63",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (-2, 3), }|header={'descr': '<i4', 'fortran_order': False, "
        + "'shape': (-2, 3), }: expected a length at character 51",
        "{'descr': '<i4', 'fortran_order': False, }|header={'descr': '<i4', 'fortran_order': False, }: expected a key "
        + "shape",
        "{'descr': '<i4', 'descr': '<i4', }|header key=descr: expected once",
        "{'colour': 'red', }|header key=colour: expected descr, fortran_order, shape",
    })
    void refusesHeadersInOneLine(final String header, final String message) throws IOException {
        final Path file = write(1, header, new byte[24]);
        try (Arena arena = Arena.ofConfined()) {
            assertThatThrownBy(() -> NpyReader.read(file, arena, 2, NpyType.INT32, NpyType.INT64))
                .isInstanceOf(NpyException.class)
                .hasMessage(file + ": " + message);
        }
    }

    @Test
    void refusesFilesThatAreNone() throws IOException {
        assertRefused(folder.resolve("none.npy"), "no such file");
        assertRefused(folder, "is a folder, expected an npy file");
        if (Files.exists(Path.of("/dev/null"))) {
            assertRefused(Path.of("/dev/null"), "is a pipe or device, and an array is mapped: needs a regular file");
        }
        assertRefused(Files.write(folder.resolve("empty.npy"), new byte[0]), "bytes=0: empty, expected an npy file");
        assertRefused(Files.writeString(folder.resolve("text.npy"), "PK zip file"),
            "not an npy file, expected it to start with \\x93NUMPY");
        assertRefused(write(4, NUMPY_HEADER, new byte[24]), "version=4.0: expected 1.0, 2.0 or 3.0");
        assertRefused(write(2, NUMPY_HEADER + " ".repeat(10_000), new byte[24]),
            "header length=10059: expected at most 10000");
    }

    @Test
    void refusesOtherShapes() throws IOException {
        final Path file = write(1, NUMPY_HEADER, new byte[24]);
        try (Arena arena = Arena.ofConfined()) {
            final NpyArray array = NpyReader.read(file, arena, 2, NpyType.INT32);
            assertThat(array.requireShape(NpyArray.ANY, 3)).isSameAs(array);
            assertThatThrownBy(() -> array.requireShape(NpyArray.ANY, 4)).isInstanceOf(NpyException.class)
                .hasMessage(file + ": shape=(2, 3): expected (any, 4)");
            assertThatThrownBy(() -> array.requireShape(2, 3, 1))
                .hasMessage(file + ": shape=(2, 3): expected (2, 3, 1)");
        }
    }

    @Test
    void refusesEveryTruncation() throws IOException {
        final byte[] whole = Files.readAllBytes(write(1, NUMPY_HEADER, new byte[24]));
        for (int length = 0; length < whole.length; length++) {
            final Path file = Files.write(folder.resolve("cut.npy"), Arrays.copyOf(whole, length));
            try (Arena arena = Arena.ofConfined()) {
                assertThatExceptionOfType(NpyException.class).as("cut to %d bytes", length)
                    .isThrownBy(() -> NpyReader.read(file, arena, 2, NpyType.INT32))
                    .withMessageMatching(".*cut\\.npy: [^\\n\\r]*");
            }
        }
    }

    @Test
    void readsOrRefusesMutatedFilesAndDoesNothingElse() throws IOException {
        final byte[] whole = Files.readAllBytes(write(1, NUMPY_HEADER, new byte[24]));
        final int headerBytes = whole.length - 24;
        int refused = 0;
        for (int seed = 0; seed < 4_000; seed++) {
            final Random random = new Random(seed);
            final byte[] mutated = whole.clone();
            final int mutations = 1 + random.nextInt(4);
            for (int i = 0; i < mutations; i++) {
                mutated[random.nextInt(headerBytes)] = (byte) (random.nextBoolean() ? random.nextInt()
                    : "(),:'\"{}0123456789<>TFL \n".charAt(random.nextInt(25)));
            }
            final Path file = Files.write(folder.resolve("mutated.npy"), mutated);
            try (Arena arena = Arena.ofConfined()) {
                final NpyArray array = NpyReader.read(file, arena, 2, NpyType.INT32);
                assertThat(array.data().byteSize()).as("seed %d", seed)
                    .isEqualTo(4 * array.length(0) * array.length(1));
            } catch (final NpyException e) {
                refused++;
                assertThat(e.getMessage()).as("seed %d", seed).startsWith(file + ": ").doesNotContain("\n", "\r");
            }
        }
        assertThat(refused).isGreaterThan(1_000);
    }

    @Test
    void refusesDataThatDoesNotFitTheShape() {
        final Path file = folder.resolve("a.npy");
        assertThatThrownBy(() -> NpyWriter.write(file, NpyType.INT32, MemorySegment.ofArray(new int[5]), 2, 3))
            .isInstanceOf(IllegalArgumentException.class).hasMessage("data bytes=20: shape (2, 3) of <i4 takes 24");
        assertThat(file).doesNotExist();
    }

    private static void assertRefused(final Path file, final String message) {
        try (Arena arena = Arena.ofConfined()) {
            assertThatThrownBy(() -> NpyReader.read(file, arena, 2, NpyType.INT32)).isInstanceOf(NpyException.class)
                .hasMessage(file + ": " + message);
        }
    }

    private Path write(final int version, final String header, final byte[] data) throws IOException {
        final int length = header.length();
        final String prefix = "\u0093NUMPY" + (char) version + '\0' + (char) (length & 0xff) + (char) (length >>> 8)
            + (version == 1 ? "" : "\0\0");
        final byte[] head = (prefix + header).getBytes(StandardCharsets.ISO_8859_1);
        final byte[] bytes = Arrays.copyOf(head, head.length + data.length);
        System.arraycopy(data, 0, bytes, head.length, data.length);
        return Files.write(folder.resolve("v" + version + ".npy"), bytes);
    }
}

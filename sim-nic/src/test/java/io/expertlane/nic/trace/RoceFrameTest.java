package io.expertlane.nic.trace;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Random;
import org.junit.jupiter.api.Test;

class RoceFrameTest {
    private final InvariantCrc crc = new InvariantCrc();

    /** The CRC-32 of Ethernet, bit by bit. */
    private static int bitwiseCrc(final byte[] bytes) {
        int crc = -1;
        for (final byte b : bytes) {
            crc ^= b & 0xFF;
            for (int bit = 0; bit < 8; bit++) {
                crc = crc >>> 1 ^ ((crc & 1) != 0 ? 0xEDB88320 : 0);
            }
        }
        return ~crc;
    }

    /** The invariant CRC in the plainest way, from the bytes of a whole frame. */
    static int plainInvariantCrc(final byte[] frame) {
        final byte[] masked = new byte[8 + frame.length - 14 - 4];
        System.arraycopy(frame, 14, masked, 8, masked.length - 8);
        for (final int at : new int[] {0, 1, 2, 3, 4, 5, 6, 7, 8 + 1, 8 + 8, 8 + 10, 8 + 11, 8 + 26, 8 + 27, 8 + 32}) {
            masked[at] = (byte) 0xFF;
        }
        return Integer.reverseBytes(bitwiseCrc(masked));
    }

    @Test
    void crcOfTheStandardCheckString() {
        assertThat(bitwiseCrc("123456789".getBytes(StandardCharsets.US_ASCII))).isEqualTo(0xcbf43926);
    }

    /** A congestion notification of a ConnectX-4 Lx, published in the tests of Scapy (test/contrib/roce.uts). */
    @Test
    void invariantCrcOfACapturedPacket() {
        final byte[] frame = HexFormat.of()
            .parseHex("e41d2dab2bc27cfe90643b32080045c2003c718c4000401191610a0011010a001201000012b70028"
            + "00008100ffff40000118000000000000000000000000000000000000000082fd002a");
        assertThat(Integer.reverseBytes(crc.of(frame, 14, frame.length - 4))).isEqualTo(0x82fd002a)
            .isEqualTo(plainInvariantCrc(frame));
    }

    /** An unreliable-connection send, published with its CRC in the tests of Scapy (test/contrib/roce.uts). */
    @Test
    void invariantCrcOfAPublishedPacket() {
        final byte[] frame = HexFormat.of()
            .parseHex("248a07a8fa22248a07a8fa22080045010040047840004011b4d5c0a80007c0a80007c00012b7002caca2"
            + "2460ffff000000d300cf1710" + "4630818be28935d90e9a95505401be885e500000" + "00000000");
        assertThat(Integer.reverseBytes(crc.of(frame, 14, frame.length - 4))).isEqualTo(0x78f353f3);
    }

    @Test
    void frameOfAWriteByteByByte() {
        final RoceFrame frame = new RoceFrame(256);
        frame.begin(0x0a000001, 0x0a000102, 0xc123, RoceFrame.WRITE_ONLY, 0x101, 0x1234567, true);
        frame.rdmaHeader(0x1122334455667788L, 0x99, 6);
        frame.payload(MemorySegment.ofArray(new byte[] {0, 1, 2, 3, 4}), 1, 4, 6);
        frame.end();
        final byte[] bytes = Arrays.copyOf(frame.bytes(), frame.length());
        final String ip = "456a0044" + "00004000" + "4011" + "253d" + "0a000001" + "0a000102";
        assertThat(HexFormat.of().formatHex(bytes, 0, bytes.length - 4))
            .isEqualTo("02000a000102" + "02000a000001" + "0800" + ip + "c12312b700300000"
            + "0a60ffff" + "00000101" + "80234567" + "1122334455667788" + "00000099" + "00000006" + "010203040000"
            + "0000");
        assertThat(Integer.parseUnsignedInt(HexFormat.of().formatHex(bytes, bytes.length - 4, bytes.length), 16))
            .isEqualTo(plainInvariantCrc(bytes));
    }

    @Test
    void congestionMarksAndHopsDoNotChangeTheCrc() {
        final Random random = new Random(1);
        for (int i = 0; i < 200; i++) {
            final RoceFrame frame = new RoceFrame(4096);
            frame.begin(random.nextInt(), random.nextInt(), random.nextInt(1 << 16), RoceFrame.WRITE_MIDDLE,
                random.nextInt(1 << 24),
                random.nextInt(), false);
            final int length = random.nextInt(4097);
            final byte[] payload = new byte[length];
            random.nextBytes(payload);
            frame.payload(MemorySegment.ofArray(payload), 0, length, length);
            frame.end();
            final byte[] bytes = Arrays.copyOf(frame.bytes(), frame.length());
            assertThat(bytes.length % 4).as("Ethernet header is 14 bytes, the rest a multiple of 4").isEqualTo(2);
            final int sent = plainInvariantCrc(bytes);
            bytes[14 + 1] |= 3;
            bytes[14 + 8]--;
            bytes[14 + 20 + 8 + 4] = (byte) 0xC0;
            assertThat(plainInvariantCrc(bytes)).isEqualTo(sent);
            assertThat(Integer.parseUnsignedInt(HexFormat.of().formatHex(bytes, bytes.length - 4, bytes.length), 16))
                .isEqualTo(sent);
            bytes[bytes.length - 5] ^= 1;
            assertThat(plainInvariantCrc(bytes)).isNotEqualTo(sent);
        }
    }
}

package io.expertlane.kernel.verbs;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Random;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;
import java.util.zip.Checksum;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

final class FlowHashTest {
    private static final byte[] CHECK = "123456789".getBytes(StandardCharsets.US_ASCII);

    /** Verification suite of Microsoft's RSS specification, as in DPDK app/test/test_thash.c. */
    @ParameterizedTest
    @CsvSource({
        "66.9.149.187, 2794, 161.142.100.80, 1766, 323e8fc2, 51ccc178",
        "199.92.111.2, 14230, 65.69.140.83, 4739, d718262a, c626b0ea",
        "24.19.198.95, 12898, 12.22.207.184, 38024, d2d0a5de, 5c2b394a",
        "38.27.205.30, 48228, 209.142.163.6, 2217, 82989176, afc7327f",
        "153.39.163.191, 44251, 202.188.127.2, 1303, 5d1809c5, 10e828a2",
        "3ffe:2501:200:1fff::7, 2794, 3ffe:2501:200:3::1, 1766, 2cc18cd5, 40207d3d",
        "3ffe:501:8::260:97ff:fe40:efab, 14230, ff02::1, 4739, 0f0c461c, dde51bbf",
        "3ffe:1900:4545:3:200:f8ff:fe21:67cf, 44251, fe80::200:f8ff:fe21:67cf, 38024, 4b61e985, 02d1feef"})
    void toeplitzMatchesTheMicrosoftSuite(
        final String source, final int sourcePort, final String destination, final int destinationPort, final String l3,
        final String l4) {
        final FlowTuple flow = FlowTuple.of(InetAddress.ofLiteral(source), InetAddress.ofLiteral(destination),
            sourcePort, destinationPort, 6);
        assertThat(HexFormat.of().toHexDigits(Toeplitz.MICROSOFT.hashAddresses(flow))).isEqualTo(l3);
        assertThat(HexFormat.of().toHexDigits(FlowHashAlgorithm.TOEPLITZ.hash(flow))).isEqualTo(l4);
    }

    @ParameterizedTest
    @CsvSource({"c000, 0d73df44", "c001, 9fed7e95", "c002, c43c8fac", "c003, 56a22e7d"})
    void toeplitzOfRoceFlows(final String sourcePort, final String expected) {
        assertHash(FlowHashAlgorithm.TOEPLITZ, sourcePort, expected);
    }

    @Test
    void toeplitzWithAPeriodicKeyIsSymmetric() {
        final byte[] key = new byte[Toeplitz.KEY_LENGTH_BYTES];
        for (int i = 0; i < key.length; i++) {
            key[i] = (byte) (i % 2 == 0 ? 0x6d : 0x5a);
        }
        final Toeplitz symmetric = new Toeplitz(key);
        final InetAddress a = InetAddress.ofLiteral("10.1.2.3");
        final InetAddress b = InetAddress.ofLiteral("10.200.7.1");
        assertThat(symmetric.hash(FlowTuple.of(a, b, 1000, 2000, 17)))
            .isEqualTo(symmetric.hash(FlowTuple.of(b, a, 2000, 1000, 17)));
        assertThatIllegalArgumentException().isThrownBy(() -> new Toeplitz(new byte[39]))
            .withMessage("key.length=39 must be 40");
    }

    @ParameterizedTest
    @CsvSource({
        "c000, 5bd25232, b7a4a464", "c001, 5bd252b2, b7a4a565", "c002, 5bd25333, b7a4a666", "c003, 5bd253b3, b7a4a767",
        "c100, 5bd25232, b7a4a465", "d000, 5bd2523a, b7a4a474", "ffff, 5bd22dd2, b7a45ba4"})
    void bondLayer34InBothVariants(final String sourcePort, final String shifted, final String unshifted) {
        assertHash(FlowHashAlgorithm.BOND_L34, sourcePort, shifted);
        assertHash(FlowHashAlgorithm.BOND_L34_NOSHIFT, sourcePort, unshifted);
    }

    @ParameterizedTest
    @CsvSource({"2710, eee67aa6", "2711, ec9e4fb9", "2712, 67428c6c", "c000, ede9be55", "c001, d30df522",
        "c002, 9bb0304e"})
    void murmurOfRoceFlows(final String sourcePort, final String expected) {
        assertHash(FlowHashAlgorithm.MURMUR3, sourcePort, expected);
    }

    @ParameterizedTest
    @CsvSource({"'', 0, 00000000", "'', 1, 514e28b7", "test, 0, ba6bd213", "'Hello, world!', 0, c0363e43"})
    void murmurOfBytes(final String text, final int seed, final String expected) {
        assertThat(HexFormat.of().toHexDigits(Murmur3.hash(text.getBytes(StandardCharsets.UTF_8), seed)))
            .isEqualTo(expected);
    }

    @Test
    void murmurOfAFlowIsMurmurOfItsLittleEndianWords() {
        for (final FlowTuple flow
            : new FlowTuple[] {FlowTuple.roce("10.0.0.1", "192.168.255.254"),
            FlowTuple.roce("fd00::1", "fd00:f::ffff")}) {
            final ByteBuffer bytes = ByteBuffer.allocate((flow.addressWordCount() + 1) * 4)
                .order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < flow.addressWordCount(); i++) {
                bytes.putInt(flow.addressWord(i));
            }
            bytes.putShort((short) 0xFEDC).putShort((short) 4791);
            assertThat(Murmur3.hash(flow, 0xFEDC, 77)).isEqualTo(Murmur3.hash(bytes.array(), 77));
        }
    }

    @Test
    void crcCheckValues() {
        assertThat(Crc.CRC32.of(CHECK)).isEqualTo(0xcbf43926);
        assertThat(Crc.CRC32C.of(CHECK)).isEqualTo(0xe3069283);
        assertThat(Crc.CRC16_ARC.of(CHECK)).isEqualTo(0xbb3d);
        assertThat(Crc.CRC16_CCITT_FALSE.of(CHECK)).isEqualTo(0x29b1);
        assertThat(Crc.CRC16_XMODEM.of(CHECK)).isEqualTo(0x31c3);
        assertThat(Crc.CRC16_KERMIT.of(CHECK)).isEqualTo(0x2189);
    }

    @Test
    void crcOfAFlowIsTheCrcOfItsNetworkOrderBytes() {
        final long seed = new Random().nextLong();
        final Random random = new Random(seed);
        for (int i = 0; i < 200; i++) {
            final FlowTuple flow = FlowTuples.random(random, i % 2 == 1).withSourcePort(random.nextInt(0x10000));
            final byte[] bytes = FlowTuples.networkOrder(flow);
            assertThat(FlowHashAlgorithm.CRC32.hash(flow)).as("seed %d", seed).isEqualTo(of(new CRC32(), bytes));
            assertThat(FlowHashAlgorithm.CRC32C.hash(flow)).as("seed %d", seed).isEqualTo(of(new CRC32C(), bytes));
            assertThat(FlowHashAlgorithm.CRC16_ARC.hash(flow)).as("seed %d", seed).isEqualTo(Crc.CRC16_ARC.of(bytes))
                .isBetween(0, 0xFFFF);
            assertThat(FlowHashAlgorithm.CRC16_CCITT.hash(flow)).as("seed %d", seed)
                .isEqualTo(Crc.CRC16_CCITT_FALSE.of(bytes)).isBetween(0, 0xFFFF);
        }
    }

    private static int of(final Checksum checksum, final byte[] bytes) {
        checksum.update(bytes, 0, bytes.length);
        return (int) checksum.getValue();
    }

    @Test
    void xorFoldsSixteenBitWords() {
        final FlowTuple flow = FlowTuple.roce("1.2.3.4", "5.6.7.8");
        assertThat(FlowHashAlgorithm.XOR.hash(flow, 0xC123))
            .isEqualTo(0x0102 ^ 0x0304 ^ 0x0506 ^ 0x0708 ^ 0xC123 ^ 4791 ^ 17);
        assertThat(FlowHashAlgorithm.XOR.hash(FlowTuple.roce("::1:2", "8000::4"), 0xFFFF))
            .isEqualTo(1 ^ 2 ^ 0x8000 ^ 4 ^ 0xFFFF ^ 4791 ^ 17);
    }

    @Test
    void bondOfIpv6FoldsTheAddressWords() {
        final FlowTuple folded = FlowTuple.roce(0x11223344 ^ 0x01020304, 0x55667788);
        final FlowTuple ipv6 = FlowTuple.roce("1122:3344:0102:0304::", "::5566:7788");
        assertThat(FlowHashAlgorithm.BOND_L34.hash(ipv6, 0xC042))
            .isEqualTo(FlowHashAlgorithm.BOND_L34.hash(folded, 0xC042));
    }

    @ParameterizedTest
    @EnumSource
    void namesRoundTrip(final FlowHashAlgorithm algorithm) {
        assertThat(FlowHashAlgorithm.ofName(algorithm.toString())).isSameAs(algorithm);
        assertThat(algorithm.toString()).isEqualTo(switch (algorithm) {
            case TOEPLITZ -> "toeplitz";
            case BOND_L34 -> "bond-l34";
            case BOND_L34_NOSHIFT -> "bond-l34-noshift";
            case MURMUR3 -> "murmur3";
            case CRC16_ARC -> "crc16-arc";
            case CRC16_CCITT -> "crc16-ccitt";
            case CRC32 -> "crc32";
            case CRC32C -> "crc32c";
            case XOR -> "xor";
        });
    }

    @ParameterizedTest
    @EnumSource
    void hashingAllocatesNothing(final FlowHashAlgorithm algorithm) {
        final FlowTuple flow = FlowTuple.roce("fd00::1", "fd00::2");
        final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        int sum = hashAll(algorithm, flow);
        final long before = threads.getCurrentThreadAllocatedBytes();
        sum += hashAll(algorithm, flow);
        final long allocated = threads.getCurrentThreadAllocatedBytes() - before;
        assertThat(allocated).as("bytes allocated by %d hashes (sum %d)", RoceSourcePorts.COUNT, sum)
            .isLessThan(RoceSourcePorts.COUNT);
    }

    private static int hashAll(final FlowHash hash, final FlowTuple flow) {
        int sum = 0;
        for (int sourcePort = RoceSourcePorts.FIRST; sourcePort <= RoceSourcePorts.LAST; sourcePort++) {
            sum += hash.hash(flow, sourcePort);
        }
        return sum;
    }

    @Test
    void rejectsBadInput() {
        assertThatIllegalArgumentException().isThrownBy(() -> FlowHashAlgorithm.ofName("md5"))
            .withMessage("hash=md5 must be one of toeplitz, bond-l34, bond-l34-noshift, murmur3, crc16-arc, "
            + "crc16-ccitt, crc32, crc32c, xor");
        assertThatIllegalArgumentException().isThrownBy(() -> FlowTuple.roce("10.0.0.1", "fd00::1"))
            .withMessage("source=10.0.0.1 and destination=fd00:0:0:0:0:0:0:1 are of different IP versions");
        assertThatIllegalArgumentException()
            .isThrownBy(() -> FlowTuple.roce("10.0.0.1", "10.0.0.2").withSourcePort(65536))
            .withMessage("sourcePort=65536 must be 0 to 65535");
        assertThatIllegalArgumentException().isThrownBy(() -> FlowTuple.roce("localhost", "10.0.0.2"));
    }

    @Test
    void tuplesPrintAndCompare() {
        final FlowTuple flow = FlowTuple.roce("10.0.0.1", "10.0.1.255");
        assertThat(flow).hasToString("10.0.0.1:49152 -> 10.0.1.255:4791 protocol 17")
            .isEqualTo(FlowTuple.roce(0x0a000001, 0x0a0001ff))
            .hasSameHashCodeAs(FlowTuple.roce(0x0a000001, 0x0a0001ff)).isNotEqualTo(flow.withSourcePort(1));
        assertThat(FlowTuple.roce("fd00::1", "::2"))
            .hasToString("[fd00:0:0:0:0:0:0:1]:49152 -> [0:0:0:0:0:0:0:2]:4791 protocol 17");
    }

    private static void assertHash(final FlowHash hash, final String sourcePort, final String expected) {
        final FlowTuple flow = FlowTuple.roce("10.0.0.1", "10.0.1.1");
        assertThat(HexFormat.of().toHexDigits(hash.hash(flow, HexFormat.fromHexDigits(sourcePort))))
            .isEqualTo(expected);
    }
}

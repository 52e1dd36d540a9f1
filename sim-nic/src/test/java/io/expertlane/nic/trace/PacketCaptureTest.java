package io.expertlane.nic.trace;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.device.TestProfiles;
import io.expertlane.nic.profile.FaultProfile;
import io.expertlane.nic.profile.NicProfile.Granularity;
import io.expertlane.nic.profile.RecoveryProfile;
import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PacketCaptureTest {
    private static final int HEAP_BYTES = 1 << 20;
    private static final int COUNTERS = 1 << 19;
    private static final int MTU = 1024;

    private record Packet(long nanos, byte[] frame) {
        int opcode() {
            return frame[42] & 0xFF;
        }

        int u32(final int at) {
            return ByteBuffer.wrap(frame).getInt(at);
        }

        int sourcePort() {
            return ByteBuffer.wrap(frame).getShort(34) & 0xFFFF;
        }
    }

    /**
     * A run of all kinds of elements between three ranks on two ports; gives the capture, and what the NICs have
     * counted in {@code counts}.
     */
    private static byte[] capture(final long seed, final long[] counts) throws IOException {
        return capture(seed, counts, Granularity.PACKET, null);
    }

    /** With faults there are writes with immediate, too. */
    private static byte[] capture(final long seed, final long[] counts, final Granularity granularity,
        final FaultProfile faults) throws IOException {
        final TestProfiles profile = new TestProfiles();
        profile.granularity = granularity;
        profile.recovery = new RecoveryProfile(RecoveryProfile.Method.GO_BACK_N, 50_000, 255, 10_000, 7);
        profile.ports = 2;
        profile.portRateGbps = 200;
        profile.mtuBytes = MTU;
        profile.quantumBytes = 3 * MTU;
        final Random random = new Random(seed);
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (SymmetricHeap heap = new SymmetricHeap(3, HEAP_BYTES);
             SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.HASHED, 256,
                 faults);
             PacketCapture capture = new PacketCapture(transport, out)) {
            transport.trace(capture);
            for (int rank = 0; rank < 3; rank++) {
                for (int i = 0; i < COUNTERS; i++) {
                    heap.region(rank).set(JAVA_BYTE, i, (byte) (i * 31 + rank));
                }
            }
            final List<QueuePair> queuePairs = new ArrayList<>();
            for (int i = 0; i < 12; i++) {
                queuePairs.add(transport.connect(i % 3, (i + 1 + i / 6) % 3, 8, 0));
                if (faults != null) {
                    transport.openReceiveQueue(queuePairs.getLast(), 32);
                }
            }
            for (int round = 0; round < 20; round++) {
                for (final QueuePair queuePair : queuePairs) {
                    final int length = switch (random.nextInt(3)) {
                        case 0 -> random.nextInt(100);
                        case 1 -> MTU * random.nextInt(4);
                        default -> random.nextInt(10_000);
                    };
                    queuePair.postWrite(random.nextInt(1000), random.nextInt(1000), length, random.nextInt(length + 1));
                    queuePair.postInline(COUNTERS, random.nextLong());
                    if (faults != null) {
                        queuePair.receiveQueue().post();
                        queuePair.postWriteImmediate(0, 0, length, length, 0xABCDEF);
                    }
                    queuePair.postAtomicAdd(COUNTERS + 8, 5);
                    queuePair.ringDoorbell();
                }
                transport.simulation().run();
                for (int rank = 0; rank < 3; rank++) {
                    transport.completionQueue(rank).poll();
                }
            }
            assertThat(heap.region(0).get(JAVA_LONG, COUNTERS + 8) % 5).isZero();
            counts[0] = transport.total(NicCounter.SENT_PACKETS);
            counts[1] = transport.total(NicCounter.SENT_ACKS);
            counts[2] = transport.total(NicCounter.SENT_BYTES);
            counts[3] = transport.total(NicCounter.SENT_NAKS) + transport.total(NicCounter.SENT_RNR_NAKS);
            counts[4] = transport.total(NicCounter.RECEIVED_ELEMENTS);
        }
        return out.toByteArray();
    }

    private static List<Packet> parse(final byte[] file) {
        final ByteBuffer in = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
        assertThat(in.getInt()).isEqualTo(0xa1b23c4d);
        assertThat(in.getShort()).isEqualTo((short) 2);
        assertThat(in.getShort()).isEqualTo((short) 4);
        assertThat(in.getLong()).isZero();
        assertThat(in.getInt()).isEqualTo(65_535);
        assertThat(in.getInt()).isEqualTo(1);
        final List<Packet> packets = new ArrayList<>();
        while (in.hasRemaining()) {
            final long seconds = in.getInt();
            final long nanos = in.getInt();
            final byte[] frame = new byte[in.getInt()];
            assertThat(in.getInt()).isEqualTo(frame.length);
            in.get(frame);
            packets.add(new Packet(seconds * 1_000_000_000 + nanos, frame));
        }
        return packets;
    }

    @Test
    void everyPacketIsThereOnceAndSound() throws IOException {
        final long[] counts = new long[5];
        final byte[] file = capture(1, counts);
        final List<Packet> packets = parse(file);
        assertThat(packets).extracting(Packet::nanos).isSorted();
        assertThat(packets.stream().filter(p -> p.opcode() == 0x11 || p.opcode() == 0x12)).hasSize((int) counts[1]);
        assertThat(packets).hasSize((int) (counts[0] + counts[1]));
        assertThat(packets).extracting(Packet::opcode).contains(0x06, 0x07, 0x08, 0x0a, 0x11, 0x12, 0x14);
        final Map<List<Integer>, Integer> nextPsn = new HashMap<>();
        long writtenBytes = 0;
        for (final Packet packet : packets) {
            assertThat(packet.u32(packet.frame.length - 4)).isEqualTo(RoceFrameTest.plainInvariantCrc(packet.frame));
            if (isRequest(packet)) {
                final List<Integer> flow = List.of(packet.u32(26), packet.u32(30), packet.sourcePort(), packet.u32(46));
                assertThat(packet.u32(50) & 0xFF_FFFF).as("packet sequence number of %s", flow)
                    .isEqualTo(nextPsn.merge(flow, 1, Integer::sum) - 1);
                final int headers = packet.opcode() == 0x06
                    || packet.opcode() == 0x0a ? 16 : packet.opcode() == 0x14 ? 28 : 0;
                writtenBytes += packet.frame.length - 54 - headers - 4 - (packet.frame[43] >> 4 & 3)
                    + (packet.opcode() == 0x14 ? 8 : 0);
            }
        }
        assertThat(nextPsn).hasSize(12);
        assertThat(writtenBytes).isEqualTo(counts[2]);
        assertThat(capture(1, counts)).isEqualTo(file);
        assertThat(capture(2, counts)).isNotEqualTo(file);
    }

    @Test
    void aMessageMovedAsOneIsCutIntoItsPackets() throws IOException {
        final long[] counts = new long[5];
        final List<Packet> packets = parse(capture(4, counts, Granularity.MESSAGE, null));
        assertThat(packets).extracting(Packet::nanos).isSorted();
        assertThat(packets).hasSize((int) (counts[0] + counts[1]));
        checkSequences(packets, 1);
    }

    /** What is lost and sent again is in the capture as often as it was sent, under its own sequence number. */
    @Test
    void packetsSentAgainShowAgain() throws IOException {
        final long[] counts = new long[5];
        final FaultProfile faults = new FaultProfile(0.02, 0.01, 0.05, 3000, 5);
        final byte[] file = capture(5, counts, Granularity.PACKET, faults);
        final List<Packet> packets = parse(file);
        assertThat(packets).extracting(Packet::nanos).isSorted();
        assertThat(packets).extracting(Packet::opcode).contains(0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x11, 0x12, 0x14);
        assertThat(packets.stream().filter(PacketCaptureTest::isRequest)).as("requests").hasSize((int) counts[0]);
        // Of the answers only those to elements that take effect show: no negative ones, none to duplicates, none to
        // parts of messages.
        assertThat(packets.stream().filter(packet -> !isRequest(packet))).as("answers").hasSize((int) counts[4]);
        assertThat(counts[1]).isGreaterThanOrEqualTo(counts[4] + counts[3]);
        assertThat(checkSequences(packets, Integer.MAX_VALUE)).as("packets sent again").isGreaterThan(50);
        assertThat(capture(5, counts, Granularity.PACKET, faults)).isEqualTo(file);
    }

    private static boolean isRequest(final Packet packet) {
        return packet.opcode() < 0x11 || packet.opcode() == 0x14;
    }

    /**
     * Every flow's sequence numbers are 0, 1, 2 and so on, each at most so often, with good CRCs; gives how many are
     * repetitions.
     */
    private static int checkSequences(final List<Packet> packets, final int most) {
        final Map<List<Integer>, Map<Integer, Integer>> flows = new HashMap<>();
        for (final Packet packet : packets) {
            assertThat(packet.u32(packet.frame.length - 4)).isEqualTo(RoceFrameTest.plainInvariantCrc(packet.frame));
            if (isRequest(packet)) {
                flows.computeIfAbsent(List.of(packet.u32(26), packet.u32(30), packet.sourcePort(), packet.u32(46)),
                    flow -> new HashMap<>())
                    .merge(packet.u32(50) & 0xFF_FFFF, 1, Integer::sum);
            }
        }
        assertThat(flows).hasSize(12);
        int repeated = 0;
        for (final Map<Integer, Integer> flow : flows.values()) {
            for (int psn = 0; psn < flow.size(); psn++) {
                assertThat(flow.get(psn)).as("sequence number %s", psn).isBetween(1, most);
                repeated += flow.get(psn) - 1;
            }
        }
        return repeated;
    }

    @Test
    void payloadIsTheSendersMemoryAndZerosBehindWhatIsResident() throws IOException {
        final TestProfiles profile = new TestProfiles();
        profile.mtuBytes = MTU;
        final ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (SymmetricHeap heap = new SymmetricHeap(2, HEAP_BYTES);
             SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT, 16);
             PacketCapture capture = new PacketCapture(transport, out)) {
            transport.trace(capture);
            for (int i = 0; i < 4096; i++) {
                heap.region(0).set(JAVA_BYTE, i, (byte) (i | 1));
            }
            final QueuePair queuePair = transport.connect(0, 1, 4, 0);
            queuePair.postWrite(7, 9, 2000, 1100);
            queuePair.postAtomicAdd(8, 3);
            heap.region(1).set(JAVA_LONG, 8, 0);
            queuePair.ringDoorbell();
            transport.simulation().run();
        }
        final List<Packet> packets = parse(out.toByteArray());
        assertThat(packets).extracting(Packet::opcode).containsExactlyInAnyOrder(0x06, 0x08, 0x14, 0x11, 0x12);
        final byte[] first = packets.get(0).frame;
        final byte[] last = packets.get(1).frame;
        assertThat(HexFormat.of().formatHex(first, 54, 70))
            .isEqualTo("0000000000000009" + String.format("%08x", 2) + "000007d0");
        for (int i = 0; i < 2000; i++) {
            final byte expected = i < 1100 ? (byte) (i + 7 | 1) : 0;
            assertThat(i < MTU ? first[70 + i] : last[54 + i - MTU]).as("byte %s", i).isEqualTo(expected);
        }
        final byte[] answer = packets.stream().filter(p -> p.opcode() == 0x12).findFirst().orElseThrow().frame;
        // The write before it has put bytes 7.. of the source over the word; the answer carries what was there before
        // the addition.
        assertThat(answer[43 + 14]).isEqualTo((byte) 2);
        assertThat(ByteBuffer.wrap(answer).getLong(58)).isNotZero();
    }

    /** Wireshark's own dissector, where it is installed. */
    @Test
    void wiresharkDissectsEveryFrame(@TempDir final Path folder) throws Exception {
        assumeTrue(Stream.of(System.getenv("PATH").split(File.pathSeparator))
            .anyMatch(path -> Files.isExecutable(Path.of(path, "tshark"))),
            "tshark is not installed: the capture is checked by this project's own code only");
        final long[] counts = new long[5];
        final byte[] file = capture(3, counts, Granularity.PACKET, new FaultProfile(0, 0, 0, 0, 3));
        final Path pcap = Files.write(folder.resolve("run.pcap"), file);
        final Path dissected = folder.resolve("fields");
        final Process tshark = new ProcessBuilder("tshark", "-n", "-r", pcap.toString(), "--disable-heuristic",
            "eth_over_ib", "-o", "ip.check_checksum:TRUE", "-T", "fields", "-E",
            "separator=;",
            "-e", "frame.protocols", "-e", "_ws.malformed", "-e", "_ws.expert.message", "-e", "ip.checksum.status",
            "-e", "infiniband.bth.opcode",
            "-e", "infiniband.invariant.crc", "-e", "infiniband.bth.psn", "-e", "infiniband.reth.dmalen", "-e",
            "infiniband.aeth.syndrome.opcode",
            "-e", "infiniband.bth.destqp", "-e", "infiniband.immdt").redirectOutput(dissected.toFile())
            .redirectError(folder.resolve("errors").toFile()).start();
        assertThat(tshark.waitFor()).as(Files.readString(folder.resolve("errors"), StandardCharsets.UTF_8)).isZero();
        final List<String> lines = Files.readAllLines(dissected);
        final List<Packet> packets = parse(file);
        assertThat(lines).hasSameSizeAs(packets).hasSize((int) (counts[0] + counts[1]));
        for (int i = 0; i < lines.size(); i++) {
            final String[] fields = lines.get(i).split(";", -1);
            final byte[] frame = packets.get(i).frame;
            final String expectedCrc = String.format("0x%08x", RoceFrameTest.plainInvariantCrc(frame));
            assertThat(fields[0]).as("frame %s", i).startsWith("eth:ethertype:ip:udp:infiniband");
            assertThat(Arrays.asList(fields[1], fields[2])).as("malformed or remarkable, frame %s", i).containsOnly("");
            assertThat(fields[3]).as("IPv4 checksum of frame %s", i).isEqualTo("1");
            assertThat(Integer.decode(fields[4])).isEqualTo(packets.get(i).opcode());
            assertThat(fields[5]).as("invariant CRC of frame %s", i).isEqualTo(expectedCrc);
            assertThat(Integer.decode(fields[6])).isEqualTo(packets.get(i).u32(50) & 0xFF_FFFF);
            assertThat(Integer.decode(fields[9])).isEqualTo(packets.get(i).u32(46) & 0xFF_FFFF);
            final boolean immediate = packets.get(i).opcode() == 0x09 || packets.get(i).opcode() == 0x0b;
            assertThat(fields[10]).as("immediate of frame %s", i).matches(immediate ? "00abcdef(,00abcdef)?" : "");
        }
    }
}

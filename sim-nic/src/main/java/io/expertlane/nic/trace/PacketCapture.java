package io.expertlane.nic.trace;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.device.NicTracer;
import io.expertlane.nic.device.QueuePairBinding;
import io.expertlane.nic.device.SimulatedTransport;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.PriorityQueue;

/**
 * Writes what is on the wires of a simulated run as a packet capture: libpcap format, nanosecond time stamps, Ethernet
 * frames with RoCEv2 packets (see {@code RoceFrame}). Each packet appears once, in order of the time at which its
 * sender begins to send it.
 *
 * <p>Payload: the bytes of the sender's heap at the time of sending as far as they are resident, zeros behind. Virtual
 * addresses are heap offsets; remote keys are the peer's rank plus 1, because the heap's own differ from run to run.
 * Packet sequence numbers begin at 0 and count MTU packets; the last packet of each message asks for an
 * acknowledgement. The answer to an atomic is an atomic acknowledgement, 8 bytes longer than the model's
 * acknowledgements. A message that is simulated as one is cut into packets here.
 *
 * <p>Elements posted before the capture was attached do not appear.
 *
 * <p>Threading: the simulation's thread. Failure: an {@link UncheckedIOException} if the stream cannot take a frame.
 *
 * <p>Source: draft-ietf-opsawg-pcap (file format).
 */
public final class PacketCapture implements NicTracer, AutoCloseable {
    private static final int MAGIC_NANOS = 0xa1b23c4d;
    private static final short VERSION_MAJOR = 2;
    private static final short VERSION_MINOR = 4;
    private static final int SNAP_LENGTH = 65_535;
    private static final int LINK_TYPE_ETHERNET = 1;
    private static final int FILE_HEADER_BYTES = 24;
    private static final int RECORD_HEADER_BYTES = 16;
    private static final long PICOS_PER_NANO = 1000;
    private static final long NANOS_PER_SECOND = 1_000_000_000;
    private static final int BUFFER_BYTES = 1 << 16;

    private final SimulatedTransport transport;
    private final OutputStream out;
    private final int mtuBytes;
    private final RoceFrame frame;
    private final ByteBuffer header = ByteBuffer.allocate(FILE_HEADER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    private final MemorySegment operand = MemorySegment.ofArray(new long[1]);
    /** By queue pair id. */
    private Connection[] connections = new Connection[64];
    /** Frames whose time has not come: stages tell of what they will send until their turn ends. */
    private final PriorityQueue<Pending> pending = new PriorityQueue<>();
    private final ArrayDeque<Pending> spare = new ArrayDeque<>();
    private long sequence;
    private long frames;

    /** A frame to be written. */
    private static final class Pending implements Comparable<Pending> {
        private final byte[] bytes;
        private int length;
        private long timePicos;
        private long sequence;

        Pending(final int capacity) {
            bytes = new byte[capacity];
        }

        @Override
        public int compareTo(final Pending other) {
            return timePicos != other.timePicos ? Long.compare(timePicos, other.timePicos)
                : Long.compare(sequence, other.sequence);
        }
    }

    /** What the capture keeps of a queue pair: the first packet sequence number of each element in the send queue. */
    private static final class Connection {
        private final QueuePair queuePair;
        private final int[] firstPsn;
        private QueuePairBinding binding;
        private int firstIndex;
        private boolean begun;
        private int nextPsn;

        Connection(final QueuePair queuePair) {
            this.queuePair = queuePair;
            this.firstPsn = new int[queuePair.depth()];
        }

        boolean knows(final int index) {
            return begun && index - firstIndex >= 0;
        }

        int firstPsn(final int index) {
            return firstPsn[index & firstPsn.length - 1];
        }
    }

    /** Writes to {@code out}, which {@link #close()} closes; to be given to {@link SimulatedTransport#trace}. */
    public PacketCapture(final SimulatedTransport transport, final OutputStream out) {
        this.transport = transport;
        this.out = new BufferedOutputStream(out, BUFFER_BYTES);
        this.mtuBytes = transport.profile().nic().mtuBytes();
        this.frame = new RoceFrame(mtuBytes);
        header.putInt(MAGIC_NANOS).putShort(VERSION_MAJOR).putShort(VERSION_MINOR).putInt(0).putInt(0)
            .putInt(SNAP_LENGTH).putInt(LINK_TYPE_ETHERNET);
        write(header.array(), FILE_HEADER_BYTES);
    }

    @Override
    public void bound(final long timePicos, final int queuePair, final QueuePairBinding binding) {
        if (queuePair >= connections.length) {
            connections = Arrays.copyOf(connections, Math.max(queuePair + 1, 2 * connections.length));
        }
        if (connections[queuePair] == null) {
            connections[queuePair] = new Connection(transport.queuePair(queuePair));
        }
        connections[queuePair].binding = binding;
    }

    @Override
    public void posted(final long postedPicos, final long rungPicos, final int queuePair, final int index,
        final byte opcode, final int lengthBytes) {
        final Connection connection = connections[queuePair];
        if (!connection.begun) {
            connection.begun = true;
            connection.firstIndex = index;
        }
        connection.firstPsn[index & connection.firstPsn.length - 1] = connection.nextPsn;
        connection.nextPsn += packets(lengthBytes);
    }

    private int packets(final int lengthBytes) {
        return Math.max(1, (lengthBytes + mtuBytes - 1) / mtuBytes);
    }

    @Override
    public void sent(final long startPicos, final long endPicos, final int queuePair, final int index, final int offset,
        final int payloadBytes) {
        final Connection connection = connections[queuePair];
        if (connection.knows(index)) {
            int done = 0;
            do {
                final int bytes = Math.min(mtuBytes, payloadBytes - done);
                request(connection, index, offset + done, bytes);
                add(startPicos + Math.round((double) (endPicos - startPicos) * done / Math.max(1, payloadBytes)));
                done += bytes;
            } while (done < payloadBytes);
        }
    }

    private void request(final Connection connection, final int index, final int offset, final int bytes) {
        final QueuePair queuePair = connection.queuePair;
        final MemorySegment queue = queuePair.memory();
        final long at = queuePair.elementOffset(index);
        final byte opcode = WorkQueueElement.opcode(queue, at);
        final int length = WorkQueueElement.lengthBytes(queue, at);
        final boolean last = offset + bytes == length;
        final boolean immediate = last && opcode == WorkQueueElement.WRITE_IMMEDIATE;
        final QueuePairBinding binding = connection.binding;
        final int type = opcode == WorkQueueElement.ATOMIC_ADD ? RoceFrame.FETCH_ADD
            : writeType(offset == 0, last, immediate);
        frame.begin(transport.address(binding.rank()), transport.address(binding.peerRank()), binding.sourcePort(),
            type, binding.peerNumber(),
            connection.firstPsn(index) + offset / mtuBytes, last);
        final long remoteOffset = WorkQueueElement.remoteOffset(queue, at);
        final int remoteKey = binding.peerRank() + 1;
        if (opcode == WorkQueueElement.ATOMIC_ADD) {
            frame.atomicHeader(remoteOffset, remoteKey, WorkQueueElement.operand(queue, at));
        } else {
            if (offset == 0) {
                frame.rdmaHeader(remoteOffset, remoteKey, length);
            }
            if (immediate) {
                frame.immediate(WorkQueueElement.immediate(queue, at));
            }
            if (opcode != WorkQueueElement.WRITE_INLINE) {
                final int resident = Math.clamp(WorkQueueElement.residentBytes(queue, at) - offset, 0, bytes);
                frame.payload(transport.heap().region(binding.rank()), WorkQueueElement.localOffset(queue, at) + offset,
                    resident, bytes);
            } else {
                operand.set(JAVA_LONG, 0, WorkQueueElement.operand(queue, at));
                frame.payload(operand, 0, bytes, bytes);
            }
        }
        frame.end();
    }

    private static int writeType(final boolean first, final boolean last, final boolean immediate) {
        if (immediate) {
            return first ? RoceFrame.WRITE_ONLY_IMMEDIATE : RoceFrame.WRITE_LAST_IMMEDIATE;
        }
        if (first) {
            return last ? RoceFrame.WRITE_ONLY : RoceFrame.WRITE_FIRST;
        }
        return last ? RoceFrame.WRITE_LAST : RoceFrame.WRITE_MIDDLE;
    }

    @Override
    public void acknowledged(final long startPicos, final long endPicos, final int queuePair, final int index) {
        final Connection connection = connections[queuePair];
        if (connection.knows(index)) {
            final QueuePairBinding binding = connection.binding;
            final MemorySegment queue = connection.queuePair.memory();
            final long at = connection.queuePair.elementOffset(index);
            final boolean atomic = WorkQueueElement.opcode(queue, at) == WorkQueueElement.ATOMIC_ADD;
            final int psn = connection.firstPsn(index) + packets(WorkQueueElement.lengthBytes(queue, at)) - 1;
            frame.begin(transport.address(binding.peerRank()), transport.address(binding.rank()), binding.sourcePort(),
                atomic ? RoceFrame.ATOMIC_ACKNOWLEDGE : RoceFrame.ACKNOWLEDGE, binding.number(), psn, false);
            frame.acknowledgeHeader(index + 1);
            if (atomic) {
                final long value = transport.heap().region(binding.peerRank())
                    .get(JAVA_LONG, WorkQueueElement.remoteOffset(queue, at));
                frame.atomicAcknowledgeHeader(value - WorkQueueElement.operand(queue, at));
            }
            frame.end();
            add(startPicos);
        }
    }

    private void add(final long timePicos) {
        final Pending added = spare.isEmpty() ? new Pending(frame.bytes().length) : spare.pop();
        System.arraycopy(frame.bytes(), 0, added.bytes, 0, frame.length());
        added.length = frame.length();
        added.timePicos = timePicos;
        added.sequence = sequence++;
        pending.add(added);
        writeUntil(transport.simulation().nowPicos());
    }

    private void writeUntil(final long limitPicos) {
        while (!pending.isEmpty() && pending.peek().timePicos <= limitPicos) {
            final Pending next = pending.poll();
            final long nanos = next.timePicos / PICOS_PER_NANO;
            header.clear();
            header.putInt((int) (nanos / NANOS_PER_SECOND)).putInt((int) (nanos % NANOS_PER_SECOND)).putInt(next.length)
                .putInt(next.length);
            write(header.array(), RECORD_HEADER_BYTES);
            write(next.bytes, next.length);
            frames++;
            spare.push(next);
        }
    }

    private void write(final byte[] bytes, final int length) {
        try {
            out.write(bytes, 0, length);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Frames written so far. */
    public long frames() {
        return frames;
    }

    /** Writes what is left and closes the stream. */
    @Override
    public void close() throws IOException {
        try (out) {
            writeUntil(Long.MAX_VALUE);
        }
    }
}

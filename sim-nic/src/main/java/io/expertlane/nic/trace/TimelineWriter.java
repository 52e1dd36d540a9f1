package io.expertlane.nic.trace;

import io.expertlane.kernel.exchange.Stage;
import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.device.NicTracer;
import io.expertlane.nic.device.QueuePairBinding;
import io.expertlane.nic.host.WorkTracer;
import io.expertlane.nic.trace.ElementLife.Stamp;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Locale;
import org.agrona.collections.Int2ObjectHashMap;
import org.agrona.collections.Long2LongHashMap;
import org.agrona.collections.LongHashSet;
import tools.jackson.core.JsonGenerator;
import tools.jackson.core.ObjectWriteContext;
import tools.jackson.core.json.JsonFactory;

/**
 * Writes a timeline that Perfetto and Chrome load: JSON in the Trace Event Format, event by event as the run goes on.
 *
 * <p>A rank's NIC is a process, its id the rank. In it:
 * <ul>
 * <li>a thread an egress port: a slice a packet and an acknowledgement, and a slice {@code T_inter} where the port
 * idles between two;</li>
 * <li>a thread a queue pair: a slice an element from its first packet's start to its last packet's end (T_data,
 * interleaved ones included);</li>
 * <li>a nestable asynchronous slice an element on a track of its queue pair, from posting to completion, and in it one
 * a phase, as {@link ElementLife.Stamp} names them: their durations sum to the element's;</li>
 * <li>a thread an agent of the rank (a kernel's channel): a slice a stage of its work.</li>
 * </ul>
 *
 * <p>Time stamps are microseconds of virtual time with picosecond fractions. Elements appear when they complete, so
 * events are not sorted by time; the format does not ask for it.
 *
 * <p>Threading: the simulation's thread. Memory: elements outstanding, and queue pairs; the text is streamed, without
 * allocation. Failure: an {@link java.io.UncheckedIOException} if the stream cannot take the text.
 *
 * <p>Source: "Trace Event Format", the document of the Chromium project.
 */
public final class TimelineWriter implements NicTracer, WorkTracer, AutoCloseable {
    static final int FIRST_PORT_THREAD = 1;
    static final int FIRST_AGENT_THREAD = 100;
    static final int FIRST_QUEUE_PAIR_THREAD = 1 << 20;

    /** Decimals of a time in microseconds or nanoseconds, to the picosecond. */
    private static final int MICRO_DECIMALS = 6;
    private static final int NANO_DECIMALS = 3;
    private static final int DECIMAL = 10;
    private static final long NOTHING_YET = -1;

    private final OutputStream out;
    private final JsonGenerator json;
    private final ElementRecorder recorder = new ElementRecorder(this::write);
    /** By queue pair id. */
    private final Int2ObjectHashMap<Track> tracks = new Int2ObjectHashMap<>();
    /** By rank and port: when it was last busy. */
    private final Long2LongHashMap portBusyPicos = new Long2LongHashMap(NOTHING_YET);
    private final LongHashSet namedThreads = new LongHashSet();
    /** A number or id being written, from {@code textStart} to the end. */
    private final char[] text = new char[48];
    private int textStart;
    /** Id of the element being written. */
    private final char[] id = new char[48];
    private int idLength;

    /** A queue pair and what its thread is called. */
    private record Track(QueuePairBinding binding, String name) {
        int thread() {
            return FIRST_QUEUE_PAIR_THREAD + binding.number();
        }
    }

    /** Writes to {@code out}, which {@link #close()} closes. */
    public TimelineWriter(final OutputStream out) {
        this.out = out;
        json = new JsonFactory().createGenerator(ObjectWriteContext.empty(), new UncheckedStream(out));
        json.writeStartObject();
        json.writeStringProperty("displayTimeUnit", "ns");
        json.writeName("otherData");
        json.writeStartObject();
        json.writeStringProperty("clock", "virtual: simulated time");
        json.writeEndObject();
        json.writeName("traceEvents");
        json.writeStartArray();
    }

    @Override
    public void bound(final long timePicos, final int queuePair, final QueuePairBinding binding) {
        recorder.bound(timePicos, queuePair, binding);
        final Track track = new Track(binding,
            String.format(Locale.ROOT, "QP 0x%x to rank %d", binding.number(), binding.peerRank()));
        tracks.put(queuePair, track);
        nameThread(binding.rank(), track.thread(), track.name() + " lane " + binding.lane());
        namePort(binding.rank(), binding.port());
        namePort(binding.peerRank(), binding.port());
    }

    private void namePort(final int rank, final int port) {
        nameThread(rank, FIRST_PORT_THREAD + port, "port " + port);
    }

    private void nameThread(final int rank, final int thread, final String name) {
        if (namedThreads.add((long) rank << 32 | thread)) {
            if (namedThreads.add((long) rank << 32)) {
                name("process_name", rank, 0, "NIC of rank " + rank);
            }
            name("thread_name", rank, thread, name);
        }
    }

    private void name(final String what, final int rank, final int thread, final String name) {
        begin(what, "M", rank, thread);
        json.writeName("args");
        json.writeStartObject();
        json.writeStringProperty("name", name);
        json.writeEndObject();
        json.writeEndObject();
    }

    private void begin(final String name, final String type, final int rank, final int thread) {
        json.writeStartObject();
        json.writeStringProperty("name", name);
        json.writeStringProperty("ph", type);
        json.writeNumberProperty("pid", rank);
        json.writeNumberProperty("tid", thread);
    }

    @Override
    public void posted(final long postedPicos, final long rungPicos, final int queuePair, final int index,
        final byte opcode, final int lengthBytes) {
        recorder.posted(postedPicos, rungPicos, queuePair, index, opcode, lengthBytes);
    }

    @Override
    public void doorbell(final long timePicos, final int queuePair, final int end) {
        recorder.doorbell(timePicos, queuePair, end);
    }

    @Override
    public void issued(final long startPicos, final long readyPicos, final int queuePair, final int index) {
        recorder.issued(startPicos, readyPicos, queuePair, index);
    }

    @Override
    public void sent(final long startPicos, final long endPicos, final int queuePair, final int index, final int offset,
        final int payloadBytes) {
        recorder.sent(startPicos, endPicos, queuePair, index, offset, payloadBytes);
        final Track track = tracks.get(queuePair);
        beginOnPort(track.name(), "packet", track.binding().rank(), track.binding().port(), startPicos, endPicos);
        json.writeNumberProperty("index", Integer.toUnsignedLong(index));
        json.writeNumberProperty("offset", offset);
        json.writeNumberProperty("payloadBytes", payloadBytes);
        endSlice();
    }

    /**
     * Begins a slice on a port's thread, up to and into its arguments, behind a slice for the time the port has idled.
     */
    private void beginOnPort(final String name, final String category, final int rank, final int port,
        final long startPicos, final long endPicos) {
        final int thread = FIRST_PORT_THREAD + port;
        final long busyPicos = portBusyPicos.put((long) rank << Integer.SIZE | port, endPicos);
        if (busyPicos != NOTHING_YET && startPicos > busyPicos) {
            beginSlice("T_inter", "idle", rank, thread, busyPicos, startPicos);
            endSlice();
        }
        beginSlice(name, category, rank, thread, startPicos, endPicos);
    }

    private void beginSlice(final String name, final String category, final int rank, final int thread,
        final long startPicos, final long endPicos) {
        begin(name, "X", rank, thread);
        json.writeStringProperty("cat", category);
        writeTime("ts", startPicos, MICRO_DECIMALS);
        writeTime("dur", endPicos - startPicos, MICRO_DECIMALS);
        json.writeName("args");
        json.writeStartObject();
    }

    private void endSlice() {
        json.writeEndObject();
        json.writeEndObject();
    }

    @Override
    public void delivered(final long timePicos, final int queuePair, final int index) {
        recorder.delivered(timePicos, queuePair, index);
    }

    @Override
    public void acknowledged(final long startPicos, final long endPicos, final int queuePair, final int index) {
        recorder.acknowledged(startPicos, endPicos, queuePair, index);
        final QueuePairBinding binding = tracks.get(queuePair).binding();
        beginOnPort("ACK", "acknowledgement", binding.peerRank(), binding.port(), startPicos, endPicos);
        json.writeNumberProperty("index", Integer.toUnsignedLong(index));
        endSlice();
    }

    @Override
    public void completed(final long timePicos, final int queuePair, final int index, final int status) {
        recorder.completed(timePicos, queuePair, index, status);
    }

    @Override
    public void worked(final long startPicos, final long endPicos, final int rank, final int agent, final Stage stage) {
        if (endPicos > startPicos) {
            final int thread = FIRST_AGENT_THREAD + agent;
            nameThread(rank, thread, "channel " + agent);
            beginSlice(stage.name(), "work", rank, thread, startPicos, endPicos);
            endSlice();
        }
    }

    private void write(final ElementLife life) {
        final int queuePair = life.queuePair();
        final Track track = tracks.get(queuePair);
        final int rank = track.binding().rank();
        final int thread = track.thread();
        formatId(queuePair, life.index());
        final long postedPicos = life.picos(Stamp.POSTED);
        beginPhase(track.name(), "b", rank, thread, postedPicos);
        json.writeName("args");
        json.writeStartObject();
        json.writeNumberProperty("index", Integer.toUnsignedLong(life.index()));
        json.writeStringProperty("operation", operation(life.opcode()));
        json.writeNumberProperty("lengthBytes", life.lengthBytes());
        json.writeNumberProperty("status", life.status());
        writeTime("latencyNanos", life.latencyPicos(), NANO_DECIMALS);
        endSlice();
        for (final Stamp stamp : Stamp.VALUES) {
            final long lengthPicos = life.phasePicos(stamp);
            if (lengthPicos > 0) {
                final long endPicos = life.picos(stamp);
                beginPhase(stamp.phase(), "b", rank, thread, endPicos - lengthPicos);
                json.writeEndObject();
                beginPhase(stamp.phase(), "e", rank, thread, endPicos);
                json.writeEndObject();
            }
        }
        beginPhase(track.name(), "e", rank, thread, postedPicos + life.latencyPicos());
        json.writeEndObject();
        if (life.picos(Stamp.LAST_SENT) != ElementLife.NEVER) {
            beginSlice("T_data", "element", rank, thread, life.picos(Stamp.FIRST_SENT), life.picos(Stamp.LAST_SENT));
            json.writeNumberProperty("index", Integer.toUnsignedLong(life.index()));
            json.writeNumberProperty("lengthBytes", life.lengthBytes());
            endSlice();
        }
    }

    private void beginPhase(final String name, final String type, final int rank, final int thread,
        final long timePicos) {
        begin(name, type, rank, thread);
        json.writeStringProperty("cat", "wqe");
        json.writeName("id");
        json.writeString(id, 0, idLength);
        writeTime("ts", timePicos, MICRO_DECIMALS);
    }

    /** {@code queuePair.index}. */
    private void formatId(final int queuePair, final int index) {
        textStart = text.length;
        prepend(Integer.toUnsignedLong(index), 1);
        text[--textStart] = '.';
        prepend(queuePair, 1);
        idLength = text.length - textStart;
        System.arraycopy(text, textStart, id, 0, idLength);
    }

    /** Writes a time, exactly, as a decimal fraction. */
    private void writeTime(final String name, final long picos, final int decimals) {
        textStart = text.length;
        long scale = 1;
        for (int i = 0; i < decimals; i++) {
            scale *= DECIMAL;
        }
        final long magnitude = Math.abs(picos);
        prepend(magnitude % scale, decimals);
        text[--textStart] = '.';
        prepend(magnitude / scale, 1);
        if (picos < 0) {
            text[--textStart] = '-';
        }
        json.writeName(name);
        json.writeRawValue(text, textStart, text.length - textStart);
    }

    private void prepend(final long value, final int leastDigits) {
        long rest = value;
        for (int digits = 0; rest != 0 || digits < leastDigits; digits++) {
            text[--textStart] = (char) ('0' + rest % DECIMAL);
            rest /= DECIMAL;
        }
    }

    private static String operation(final byte opcode) {
        return switch (opcode) {
            case WorkQueueElement.WRITE -> "WRITE";
            case WorkQueueElement.WRITE_INLINE -> "WRITE inline";
            case WorkQueueElement.ATOMIC_ADD -> "FETCH_ADD";
            case WorkQueueElement.WRITE_IMMEDIATE -> "WRITE with immediate";
            default -> "operation " + opcode;
        };
    }

    /** Writes the elements that have not completed, ends the document and closes the stream. */
    @Override
    public void close() throws IOException {
        try (out) {
            recorder.flush();
            json.writeEndArray();
            json.writeEndObject();
            json.close();
        }
    }
}

package io.expertlane.kernel.zero;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.CallWord;
import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.verbs.RecordReceiver;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.function.Consumer;

/**
 * Receives the records of one call where they lie: pushed by a {@link SlotSender} into this rank's memory, or left by
 * their writer in memory that is mapped here, to be pulled.
 *
 * <p>Threading: single consumer. Ordering: words are loaded with acquire semantics. Failure: words that announce more
 * records than there may be, or fewer than before, are handed to the handler of errors, and change nothing.
 */
public final class SlotReceiver implements RecordReceiver {
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final RecordLayout layout;
    private final MemorySegment region;
    private final int laneCount;
    private final Consumer<String> errors;

    private MemorySegment records;
    private long first;
    private long words;
    private long call;
    private boolean pulled;
    private int most;
    private int arrived;
    private int consumed;

    /**
     * Makes a receiver; open it before use.
     *
     * @param region    this rank's memory
     * @param laneCount words of the stream
     * @param errors    told, in words, of words that the sender cannot have written
     */
    public SlotReceiver(final RecordLayout layout, final MemorySegment region, final int laneCount,
        final Consumer<String> errors) {
        this.layout = layout;
        this.region = region;
        this.laneCount = laneCount;
        this.errors = errors;
    }

    /**
     * Begins a stream that is pushed: arguments as {@link SlotSender#open}, offsets in this rank's region.
     *
     * @param mostRecords records that the stream has at most
     */
    public void open(final long callOfLink, final long firstRecord, final long firstWord, final int mostRecords) {
        records = region;
        most = mostRecords;
        call = callOfLink;
        first = firstRecord;
        words = firstWord;
        pulled = false;
        arrived = 0;
        consumed = 0;
    }

    /** Begins a stream of records that lie in {@code memory}; none is available before {@link #ready}. */
    public void openPulled(final MemorySegment memory, final long firstRecord) {
        records = memory;
        first = firstRecord;
        pulled = true;
        arrived = 0;
        consumed = 0;
    }

    /** Tells that all records of a pulled stream are there. The caller has synchronised with their writer. */
    public void ready() {
        arrived = Integer.MAX_VALUE;
    }

    @Override
    public int available() {
        if (arrived == consumed && !pulled) {
            arrived();
        }
        return arrived - consumed;
    }

    /** Records that have arrived since the stream was opened. */
    public int arrived() {
        long least = Integer.MAX_VALUE;
        for (int lane = 0; lane < laneCount; lane++) {
            final long value = (long) LONG.getAcquire(region, words + (long) lane * Long.BYTES);
            least = Math.min(least, (value & ~CallWord.MAX_VALUE) == call ? CallWord.value(value) : 0);
        }
        // Behind the first record there is no word of another call any more.
        if (Long.compareUnsigned(least - arrived, most - arrived) > 0) {
            errors.accept("records=" + least + ": " + arrived + " to " + most);
        } else {
            arrived = (int) least;
        }
        return arrived;
    }

    @Override
    public MemorySegment segment() {
        return records;
    }

    @Override
    public long offset() {
        return first + (long) consumed * layout.stride();
    }

    @Override
    public void consume() {
        consumed++;
    }
}

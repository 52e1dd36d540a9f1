package io.expertlane.bench.jmh;

import io.expertlane.bench.load.OpenLoop;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.LongStream;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** Benchmarks for the tests of the suite; not in the benchmarks jar. */
@State(Scope.Thread)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
public class SampleBenchmark {
    /** Bytes copied. */
    @Param({"4096", "65536"})
    public int lengthBytes;

    private final byte[] from = new byte[1 << 16];
    private final byte[] to = new byte[1 << 16];

    /** Declares the bytes of the copies. */
    @Setup
    public void setUp() {
        RooflineProfiler.declare("copy", lengthBytes);
        RooflineProfiler.declare("allocate", lengthBytes, 2L * lengthBytes);
    }

    /** Makes a run of ten operations that took as long as they should. */
    @Benchmark
    public void load() {
        final AtomicLong nanos = new AtomicLong();
        LoadProfiler.report(new OpenLoop(nanos::get, () -> nanos.addAndGet(10))
            .run(LongStream.rangeClosed(1, 10).map(i -> 1000 * i).toArray(),
            () -> nanos.addAndGet(1)));
    }

    /** Copies. */
    @Benchmark
    public byte[] copy() {
        System.arraycopy(from, 0, to, 0, lengthBytes);
        return to;
    }

    /** Copies into a new array. */
    @Benchmark
    @Ceiling("SampleBenchmark.copy")
    public byte[] allocate() {
        final byte[] fresh = new byte[lengthBytes];
        System.arraycopy(from, 0, fresh, 0, lengthBytes);
        return fresh;
    }

    /** Gives a wrong answer for one of its parameters. */
    @Benchmark
    public int wrongAnswer() {
        if (lengthBytes == 4096) {
            throw new IllegalStateException("row 3 is not the row sent");
        }
        return to[0];
    }
}

package io.expertlane.bench.jmh;

import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
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

    /** Copies. */
    @Benchmark
    public byte[] copy() {
        System.arraycopy(from, 0, to, 0, lengthBytes);
        return to;
    }

    /** Copies into a new array. */
    @Benchmark
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

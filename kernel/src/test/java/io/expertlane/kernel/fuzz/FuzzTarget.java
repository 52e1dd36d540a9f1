package io.expertlane.kernel.fuzz;

/**
 * Something that reads what others wrote.
 *
 * @param name     what reports and {@code -Dfuzz.target} call it
 * @param mutator  makes its input
 * @param reader   what is called
 * @param refusal  the exception by which it may refuse input, and no other; its message is one line
 * @param limits   most heap bytes that a call may allocate: the measure of its work and memory, which no load of the machine changes
 */
public record FuzzTarget(String name, Mutator mutator, Reader reader, Class<? extends Exception> refusal, Limits limits) {
    /** Reads one input; what it accepts, it checks, such as by writing it and reading that again. */
    @FunctionalInterface
    public interface Reader {
        /** Throws the refusal, or returns; any other Throwable is a fault. */
        void read(byte[] input) throws Exception;
    }

    /**
     * Bytes that may be allocated.
     *
     * @param callBytes    by any call
     * @param perInputByte more for each byte of input
     */
    public record Limits(long callBytes, long perInputByte) {
        /** For readers that keep no more than some objects a field. */
        public static final Limits USUAL = new Limits(1 << 20, 1 << 10);

        long of(final int inputBytes) {
            return callBytes + perInputByte * inputBytes;
        }
    }

    /** A target with the usual limits. */
    public FuzzTarget(final String name, final Mutator mutator, final Reader reader, final Class<? extends Exception> refusal) {
        this(name, mutator, reader, refusal, Limits.USUAL);
    }

    /** The same target with other limits. */
    public FuzzTarget within(final long callBytes, final long perInputByte) {
        return new FuzzTarget(name, mutator, reader, refusal, new Limits(callBytes, perInputByte));
    }
}

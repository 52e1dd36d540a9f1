package io.expertlane.kernel.moe.violation;

import java.util.List;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.Agent;
import org.agrona.concurrent.UnsafeBuffer;

/** Breaks the rule that no library's type is in the public API, in each way there is. */
public abstract class AgronaInSignatures implements Agent {
    /** A field. */
    protected UnsafeBuffer[] field;

    private final DirectBuffer hiddenField;

    /** A constructor's parameter. */
    protected AgronaInSignatures(final DirectBuffer buffer) {
        hiddenField = buffer;
    }

    /** A result. */
    public DirectBuffer result() {
        return hiddenMethod(hiddenField);
    }

    /** A parameter. */
    public abstract void parameter(DirectBuffer buffer);

    /** A type argument. */
    public abstract List<? extends DirectBuffer> typeArgument();

    private DirectBuffer hiddenMethod(final DirectBuffer buffer) {
        return buffer;
    }
}

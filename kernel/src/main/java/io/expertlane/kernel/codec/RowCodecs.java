package io.expertlane.kernel.codec;

import java.lang.System.Logger;
import java.lang.System.Logger.Level;

/**
 * The one place that picks a {@link RowCodec}. {@link VectorRowCodec} is touched only after its module was found: it
 * cannot be linked without. It has a factory method because a constructor call here would make the verifier load it to
 * check its type.
 */
final class RowCodecs {
    static final RowCodec SCALAR = new ScalarRowCodec();
    static final RowCodec BEST = find();

    private static final String VECTOR_MODULE = "jdk.incubator.vector";

    private RowCodecs() {
    }

    private static RowCodec find() {
        if (ModuleLayer.boot().findModule(VECTOR_MODULE).isEmpty()) {
            warn("start Java with --add-modules " + VECTOR_MODULE + " to vectorise them");
            return SCALAR;
        }
        if (!VectorRowCodec.isSupported()) {
            warn("this JVM offers no vectors of 128 bits or more");
            return SCALAR;
        }
        return VectorRowCodec.create();
    }

    private static void warn(final String reason) {
        final Logger logger = System.getLogger(RowCodec.class.getName());
        logger.log(Level.WARNING, "Row operations run in scalar code, several times slower: " + reason);
    }
}

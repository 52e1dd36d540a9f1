package io.expertlane.bench.jmh;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The benchmark whose rate is the ceiling of the annotated one: no form of the same work can move its bytes faster.
 * Both declare their bytes to {@link RooflineProfiler}; a run of the suite measures both and gives the ratio.
 */
@Documented
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface Ceiling {
    /** {@code SimpleClassName.method} of the ceiling. */
    String value();
}

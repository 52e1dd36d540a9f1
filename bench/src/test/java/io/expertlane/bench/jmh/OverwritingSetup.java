package io.expertlane.bench.jmh;

import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/** What no benchmark may do: its results would be filed under a parameter that it has not used. */
@State(Scope.Thread)
public class OverwritingSetup {
    /** Overwritten. */
    @Param("1")
    public int size;

    /** Overwrites. */
    @Setup
    public void setUp() {
        size = 2;
    }
}

package io.expertlane.kernel.explorer;

import java.util.List;

/**
 * What came of a run.
 *
 * @param plan      what was run
 * @param violation null if everything held
 * @param waitedOut whether it ended early, since a rank had waited as long as any may
 * @param steps     how long it took
 * @param joins     ranks that were let in
 * @param longest   the longest half of a call, time-outs
 * @param trace     what happened; null if it was not traced
 */
record Outcome(Plan plan, Violation violation, boolean waitedOut, int steps, int joins, double longest, List<String> trace) {
    static Outcome of(final Plan plan, final Memory memory, final boolean tracing) {
        try (World world = new World(plan, memory, tracing)) {
            Violation violation = null;
            boolean waitedOut = false;
            try {
                world.run();
            } catch (final Violation e) {
                violation = e;
            } catch (final WaitedOut e) {
                waitedOut = true;
            } catch (final RuntimeException e) {
                violation = new Violation("HARNESS", String.valueOf(e), e);
            }
            return new Outcome(plan, violation, waitedOut, world.steps(), world.joins(), world.longestTimeouts(), world.trace());
        }
    }
}

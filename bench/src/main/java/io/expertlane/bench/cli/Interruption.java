package io.expertlane.bench.cli;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Turns Ctrl-C or a termination signal into a request to stop, and holds the JVM until {@link #close()}, so that what
 * is done can be kept. Then the JVM ends with {@link #EXIT_CODE}, whatever the signal.
 */
final class Interruption implements AutoCloseable {
    /** An interrupted run is incomplete input to whatever comes next. */
    static final int EXIT_CODE = 2;
    private static final int MAX_WAIT_SECONDS = 60;

    private final CountDownLatch closed = new CountDownLatch(1);
    private final Thread hook = new Thread(this::requestStop, "keep-what-is-done");
    private volatile boolean stopRequested;

    Interruption() {
        Runtime.getRuntime().addShutdownHook(hook);
    }

    boolean stopRequested() {
        return stopRequested;
    }

    @Override
    public void close() {
        closed.countDown();
        if (!stopRequested) {
            Runtime.getRuntime().removeShutdownHook(hook);
        }
    }

    private void requestStop() {
        stopRequested = true;
        try {
            if (!closed.await(MAX_WAIT_SECONDS, TimeUnit.SECONDS)) {
                System.err.println("expertlane: not stopped after " + MAX_WAIT_SECONDS + " s, results are lost");
            }
            System.out.flush();
            Runtime.getRuntime().halt(EXIT_CODE);
        } catch (final InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}

package io.expertlane.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.nic.flow.Flow;
import io.expertlane.nic.flow.Network;
import io.expertlane.nic.profile.ClusterProfile;
import org.junit.jupiter.api.Test;

/** Hello dispatch and a plain flow on the published artifacts, with the vector module or without it. */
class OutsideTest {
    @Test
    void theVectorModuleIsThereWhenAskedFor() {
        final boolean asked = System.getProperty("java.arguments").contains("jdk.incubator.vector");
        assertEquals(asked, ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent());
    }

    @Test
    void helloDispatch() {
        final long bytes = LowLatencyExchange.heapBytes(HelloDispatch.config());
        try (SymmetricHeap heap = new SymmetricHeap(HelloDispatch.config().shape().ranks(), bytes);
             DirectTransport transport = new DirectTransport(heap, DirectTransport.Mapping.SELF, 1024)) {
            assertTrue(HelloDispatch.worstError(transport, Thread::onSpinWait) < 0.01);
        }
    }

    @Test
    void plainFlow() {
        try (Network network = Network.of(ClusterProfile.h100Cx7(), 16)) {
            final Flow flow = network.send(0, 8, 1 << 20, 0, ended -> { });
            network.run();
            assertTrue(flow.durationNanos() > 20_000 && flow.durationNanos() < 30_000, () -> flow.toString());
        }
    }
}

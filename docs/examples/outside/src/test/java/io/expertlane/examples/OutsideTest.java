package io.expertlane.examples;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.expertlane.kernel.exchange.ExchangeConfig;
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
        for (final ExchangeConfig config : HelloDispatch.configs()) {
            assertTrue(HelloDispatch.inMemory(config) < 0.01, config::toString);
            assertTrue(HelloDispatch.onModelledNics(config) < 0.01, config::toString);
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

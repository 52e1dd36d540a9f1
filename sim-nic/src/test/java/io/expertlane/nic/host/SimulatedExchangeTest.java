package io.expertlane.nic.host;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.exchange.CaseProgram;
import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.ExchangeCase;
import io.expertlane.kernel.exchange.HighThroughputCase;
import io.expertlane.kernel.exchange.HighThroughputConfig;
import io.expertlane.kernel.exchange.HighThroughputExchange;
import io.expertlane.kernel.exchange.HighThroughputProgram;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.profile.ClusterProfile;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.IntSupplier;
import org.agrona.concurrent.Agent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The exchange tests' seeded cases, row by row and sum by sum, over the modelled NIC. */
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class SimulatedExchangeTest {
    private static final long BASE_SEED = 20_261_123;
    private static final int CASES = 200;
    private static final int HIGH_THROUGHPUT_CASES = 60;
    private static final int CALLS = 5;

    @Test
    void everyRowAndSumIsRight() {
        for (long seed = BASE_SEED; seed < BASE_SEED + CASES; seed++) {
            final PortPolicy ports = PortPolicy.values()[(int) (seed % PortPolicy.values().length)];
            run(seed, ports);
        }
    }

    @Test
    void aRepeatedRunHasTheSameEvents() {
        for (long seed = BASE_SEED + CASES; seed < BASE_SEED + CASES + 5; seed++) {
            assertThat(run(seed, PortPolicy.HASHED)).as("event stream hash, seed=%s", seed)
                .isEqualTo(run(seed, PortPolicy.HASHED));
        }
    }

    @Test
    void soAreThoseOfHighThroughputMode() {
        for (long seed = BASE_SEED; seed < BASE_SEED + HIGH_THROUGHPUT_CASES; seed++) {
            final PortPolicy ports = PortPolicy.values()[(int) (seed % PortPolicy.values().length)];
            try (Arena arena = Arena.ofConfined()) {
                final HighThroughputCase input = HighThroughputCase.random(seed, arena);
                final HighThroughputConfig config = input.config.withCombine(CombineMethod.PUSH);
                final int ranks = input.shape.ranks();
                try (SymmetricHeap heap = new SymmetricHeap(ranks, HighThroughputExchange.heapBytes(config));
                     SimulatedTransport transport = new SimulatedTransport(heap, ClusterProfile.h20Cx7Dual(), ports,
                         1024)) {
                    final AgentScheduler scheduler = new AgentScheduler(transport);
                    final List<HighThroughputProgram> programs = new ArrayList<>();
                    for (int rank = 0; rank < ranks; rank++) {
                        final HighThroughputProgram program = new HighThroughputProgram(input,
                            new HighThroughputExchange(config, transport, rank, scheduler.meter(),
                            scheduler.nanoClock()), CALLS, arena);
                        programs.add(program);
                        scheduler.add(rank, agent(() -> program.isDone() ? 0 : program.doWork()));
                    }
                    scheduler.runUntil(() -> programs.stream().allMatch(HighThroughputProgram::isDone));
                    assertThat(programs).as("%s", input).allMatch(HighThroughputProgram::isDone);
                }
            }
        }
    }

    /** Runs a case, whose programs check every row and sum; gives the hash of its events. */
    private static long run(final long seed, final PortPolicy ports) {
        try (Arena arena = Arena.ofConfined()) {
            final ExchangeCase input = ExchangeCase.random(seed, arena, false);
            final int ranks = input.shape.ranks();
            try (SymmetricHeap heap = new SymmetricHeap(ranks, LowLatencyExchange.heapBytes(input.config));
                 SimulatedTransport transport = new SimulatedTransport(heap, ClusterProfile.h20Cx7Dual(), ports, 256)) {
                final AgentScheduler scheduler = new AgentScheduler(transport);
                final List<CaseProgram> programs = new ArrayList<>();
                for (int rank = 0; rank < ranks; rank++) {
                    final LowLatencyExchange exchange =
                        new LowLatencyExchange(input.config, transport, rank, scheduler.meter(), scheduler.nanoClock());
                    final CaseProgram program = new CaseProgram(input, exchange, CALLS, arena);
                    programs.add(program);
                    scheduler.add(rank, agent(() -> program.isDone() ? 0 : program.doWork()));
                }
                scheduler.runUntil(() -> programs.stream().allMatch(CaseProgram::isDone));
                return transport.simulation().streamHash();
            }
        }
    }

    private static Agent agent(final IntSupplier program) {
        return new Agent() {
            @Override
            public int doWork() {
                return program.getAsInt();
            }

            @Override
            public String roleName() {
                return "case program";
            }
        };
    }
}

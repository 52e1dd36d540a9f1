package io.expertlane.nic.emulation;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.exchange.CaseProgram;
import io.expertlane.kernel.exchange.ExchangeCase;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.exchange.WorkMeter;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.device.NicListener;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.device.TestProfiles;
import io.expertlane.nic.host.AgentScheduler;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.agrona.concurrent.Agent;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The low-latency exchange, unchanged, over emulated NICs: all its rows and sums, and the elements it posts. */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class EmulatedExchangeTest {
    private static final long BASE_SEED = 20_261_123;
    private static final int CALLS = 6;
    private static final int COMPLETION_QUEUE_DEPTH = 256;

    private final TestProfiles profile = new TestProfiles();

    private static List<CaseProgram> programs(final ExchangeCase input, final Transport transport, final int calls,
        final Arena arena) {
        final List<CaseProgram> programs = new ArrayList<>();
        for (int rank = 0; rank < input.shape.ranks(); rank++) {
            programs.add(new CaseProgram(input,
                new LowLatencyExchange(input.config, transport, rank, WorkMeter.NONE, System::nanoTime), calls,
                arena));
        }
        return programs;
    }

    private static SymmetricHeap heap(final ExchangeCase input) {
        return new SymmetricHeap(input.shape.ranks(), LowLatencyExchange.heapBytes(input.config));
    }

    /** The proxies to put before the NICs, none for half of the seeds. */
    private static int proxies(final long seed, final int ranks) {
        return seed % 2 == 0 ? 0 : 1 + (int) (seed / 2 % Math.min(ranks, 3));
    }

    /** Ranks, NICs and proxies take turns in random order until all programs are done. */
    private static void takeTurns(final List<CaseProgram> programs, final List<Agent> agents,
        final SplittableRandom random, final ExchangeCase input)
        throws Exception {
        final List<CaseProgram> waiting = new ArrayList<>(programs);
        int idle = 0;
        while (!waiting.isEmpty()) {
            final int chosen = random.nextInt(waiting.size() + agents.size());
            final int work = chosen < waiting.size() ? waiting.get(chosen).doWork()
                : agents.get(chosen - waiting.size()).doWork();
            idle = work == 0 ? idle + 1 : 0;
            assertThat(idle).as("turns without progress, %s", input).isLessThan(100_000);
            waiting.removeIf(CaseProgram::isDone);
        }
    }

    @Test
    void everyRowAndSumIsRightInAnyOrderOfTurns() throws Exception {
        for (long seed = BASE_SEED; seed < BASE_SEED + 60; seed++) {
            final SplittableRandom random = new SplittableRandom(~seed);
            try (Arena arena = Arena.ofConfined()) {
                final ExchangeCase input = ExchangeCase.random(seed, arena, false);
                final int ranks = input.shape.ranks();
                final int proxies = proxies(seed, ranks);
                try (SymmetricHeap heap = heap(input);
                     EmulatedTransport network = new EmulatedTransport(heap, profile.nic(), COMPLETION_QUEUE_DEPTH);
                     ProxiedTransport proxied = new ProxiedTransport(network, Math.max(1, proxies))) {
                    final List<Agent> agents = new ArrayList<>();
                    for (int rank = 0; rank < ranks; rank++) {
                        agents.add(network.nic(rank));
                    }
                    for (int i = 0; i < proxies; i++) {
                        agents.add(proxied.proxy(i));
                    }
                    takeTurns(programs(input, proxies == 0 ? network : proxied, CALLS, arena), agents, random, input);
                }
            }
        }
    }

    @Test
    void kernelThreadsPostToNicsOnTheirOwnThread() throws Exception {
        try (ExecutorService threads = Executors.newCachedThreadPool()) {
            for (long seed = BASE_SEED + 1000; seed < BASE_SEED + 1008; seed++) {
                try (Arena arena = Arena.ofShared()) {
                    final ExchangeCase input = ExchangeCase.random(seed, arena, false);
                    final int proxies = proxies(seed, input.shape.ranks());
                    try (SymmetricHeap heap = heap(input);
                         EmulatedTransport network = new EmulatedTransport(heap, profile.nic(), COMPLETION_QUEUE_DEPTH);
                         ProxiedTransport proxied = new ProxiedTransport(network, Math.max(1, proxies))) {
                        runOnThreads(programs(input, proxies == 0 ? network : proxied, CALLS, arena), network, proxied,
                            proxies, threads);
                    }
                }
            }
        }
    }

    private static void runOnThreads(final List<CaseProgram> programs, final EmulatedTransport network,
        final ProxiedTransport proxied,
        final int proxies, final ExecutorService threads) throws Exception {
        final AtomicBoolean stop = new AtomicBoolean();
        final List<Future<?>> devices = new ArrayList<>();
        devices.add(threads.submit(() -> driveUntil(stop, network.nics())));
        for (int i = 0; i < proxies; i++) {
            final Agent proxy = proxied.proxy(i);
            devices.add(threads.submit(() -> driveUntil(stop, proxy)));
        }
        final int workers = Math.min(programs.size(), 2);
        final List<Future<?>> running = new ArrayList<>();
        for (int worker = 0; worker < workers; worker++) {
            final int first = worker;
            running.add(threads.submit(() -> drive(programs, first, workers, stop)));
        }
        try {
            for (final Future<?> each : running) {
                each.get();
            }
        } finally {
            stop.set(true);
            for (final Future<?> each : devices) {
                each.get();
            }
        }
    }

    private static Void driveUntil(final AtomicBoolean stop, final Agent agent) throws Exception {
        try {
            while (!stop.get()) {
                if (agent.doWork() == 0) {
                    Thread.yield();
                }
            }
        } finally {
            stop.set(true);
        }
        return null;
    }

    private static Void drive(final List<CaseProgram> programs, final int first, final int step,
        final AtomicBoolean stop) {
        boolean done = false;
        while (!done && !stop.get()) {
            done = true;
            int work = 0;
            for (int index = first; index < programs.size(); index += step) {
                if (!programs.get(index).isDone()) {
                    work += programs.get(index).doWork();
                    done = false;
                }
            }
            if (work == 0) {
                Thread.yield();
            }
        }
        assertThat(done).as("stopped before the end: a device failed").isTrue();
        return null;
    }

    /**
     * The elements of each queue pair in the order of execution: operation, length, resident bytes, both addresses or
     * the operand. Not the doorbells: full queues ring early, and when they are full is a matter of time.
     */
    private static final class Sequences implements ElementListener {
        final Map<String, List<String>> byQueuePair = new TreeMap<>();

        @Override
        public void executed(final QueuePair queuePair, final int index, final int status) {
            final MemorySegment queue = queuePair.memory();
            final long at = queuePair.elementOffset(index);
            assertThat(WorkQueueElement.index(queue, at)).isEqualTo(index);
            final String key = queuePair.rank() + "/" + queuePair.number() + " to " + queuePair.peerRank();
            byQueuePair.computeIfAbsent(key, name -> new ArrayList<>()).add(WorkQueueElement.opcode(queue, at) + " "
                + WorkQueueElement.lengthBytes(queue, at)
                + " " + WorkQueueElement.residentBytes(queue, at) + " " + WorkQueueElement.remoteOffset(queue, at) + " "
                + WorkQueueElement.operand(queue, at));
        }
    }

    /** Tells of elements before {@link DirectTransport} carries them out. */
    private static final class Recording implements Transport {
        private final DirectTransport direct;
        private final Sequences sequences;
        private final Arena arena;
        private final int[] next;

        Recording(final DirectTransport direct, final Sequences sequences, final Arena arena) {
            this.direct = direct;
            this.sequences = sequences;
            this.arena = arena;
            this.next = new int[direct.heap().ranks()];
        }

        @Override
        public SymmetricHeap heap() {
            return direct.heap();
        }

        @Override
        public CompletionQueue completionQueue(final int rank) {
            return direct.completionQueue(rank);
        }

        @Override
        public QueuePair connect(final int rank, final int peerRank, final int depth, final int lane) {
            return new QueuePair(this, next[rank]++, rank, peerRank, depth, lane,
                arena.allocate(QueuePair.memoryBytes(depth), 64));
        }

        @Override
        public boolean isMapped(final int rank, final int peerRank) {
            return direct.isMapped(rank, peerRank);
        }

        @Override
        public void doorbell(final QueuePair queuePair, final long first, final long end) {
            for (long index = first; index < end; index++) {
                sequences.executed(queuePair, (int) index, CompletionQueue.SUCCESS);
            }
            direct.doorbell(queuePair, first, end);
        }
    }

    private static Map<String, List<String>> direct(final ExchangeCase input, final Arena arena) throws Exception {
        final Sequences sequences = new Sequences();
        try (SymmetricHeap heap = heap(input);
             DirectTransport transport = new DirectTransport(heap, DirectTransport.Mapping.SELF,
                 COMPLETION_QUEUE_DEPTH)) {
            takeTurns(programs(input, new Recording(transport, sequences, arena), 1, arena), List.of(),
                new SplittableRandom(input.seed), input);
        }
        return sequences.byQueuePair;
    }

    private Map<String, List<String>> emulated(final ExchangeCase input, final Arena arena, final boolean proxy)
        throws Exception {
        final Sequences sequences = new Sequences();
        try (SymmetricHeap heap = heap(input);
             EmulatedTransport network = new EmulatedTransport(heap, profile.nic(), COMPLETION_QUEUE_DEPTH);
             ProxiedTransport proxied = new ProxiedTransport(network, 1)) {
            final List<Agent> agents = new ArrayList<>();
            if (proxy) {
                agents.add(proxied.proxy(0));
            }
            for (int rank = 0; rank < input.shape.ranks(); rank++) {
                network.listener(rank, sequences);
                agents.add(network.nic(rank));
            }
            takeTurns(programs(input, proxy ? proxied : network, 1, arena), agents, new SplittableRandom(~input.seed),
                input);
        }
        return sequences.byQueuePair;
    }

    private Map<String, List<String>> simulated(final ExchangeCase input, final Arena arena) {
        final Sequences sequences = new Sequences();
        try (SymmetricHeap heap = heap(input);
             SimulatedTransport transport = new SimulatedTransport(heap, profile.cluster(), PortPolicy.EXPLICIT,
                 COMPLETION_QUEUE_DEPTH)) {
            transport.addListener(new NicListener() {
                @Override
                public void delivered(final long timePicos, final int queuePair, final int index, final int opcode,
                    final int rank,
                    final int peerRank) {
                    sequences.executed(transport.queuePair(queuePair), index, CompletionQueue.SUCCESS);
                }
            });
            final AgentScheduler scheduler = new AgentScheduler(transport);
            final List<CaseProgram> programs = new ArrayList<>();
            for (int rank = 0; rank < input.shape.ranks(); rank++) {
                final CaseProgram program = new CaseProgram(input,
                    new LowLatencyExchange(input.config, transport, rank, scheduler.meter(), scheduler.nanoClock()), 1,
                    arena);
                programs.add(program);
                scheduler.add(rank, new Agent() {
                    @Override
                    public int doWork() {
                        return program.isDone() ? 0 : program.doWork();
                    }

                    @Override
                    public String roleName() {
                        return "program";
                    }
                });
            }
            scheduler.runUntil(() -> programs.stream().allMatch(CaseProgram::isDone));
            transport.simulation().run();
        }
        return sequences.byQueuePair;
    }

    @Test
    void simulationEmulationAndDirectTransportCarryOutTheSameElements() throws Exception {
        int elements = 0;
        int cases = 0;
        for (long seed = BASE_SEED + 2000; cases < 24; seed++) {
            try (Arena arena = Arena.ofConfined()) {
                final ExchangeCase input = ExchangeCase.random(seed, arena, false);
                // Over the ring path the length of a chunk depends on the credits there are, and so on time.
                if (input.config.path() == TransferPath.RING) {
                    continue;
                }
                cases++;
                final Map<String, List<String>> expected = direct(input, arena);
                compare(emulated(input, arena, false), expected, "emulation, " + input);
                compare(emulated(input, arena, true), expected, "emulation by proxy, " + input);
                compare(simulated(input, arena), expected, "simulation, " + input);
                elements += expected.values().stream().mapToInt(List::size).sum();
            }
        }
        assertThat(elements).isGreaterThan(10_000);
    }

    private static void compare(final Map<String, List<String>> actual, final Map<String, List<String>> expected,
        final String name) {
        assertThat(actual.keySet()).as(name).isEqualTo(expected.keySet());
        expected.forEach((queuePair, elements) ->
            assertThat(actual.get(queuePair)).as("%s, queue pair %s", name, queuePair).isEqualTo(elements));
    }
}

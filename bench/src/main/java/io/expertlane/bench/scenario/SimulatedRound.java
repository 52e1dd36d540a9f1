package io.expertlane.bench.scenario;

import io.expertlane.kernel.exchange.Stage;
import io.expertlane.kernel.memory.Pages;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.host.AgentScheduler;
import io.expertlane.nic.host.DeadlockException;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.FaultProfile;
import io.expertlane.nic.profile.SwitchProfile;
import io.expertlane.nic.trace.TraceFile;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.agrona.concurrent.Agent;

/**
 * Dispatches and combines of all ranks in turn under the virtual clock, the exchange being the one that runs for real,
 * its payload left out or not as its configuration says. Ranks begin a phase at the same moment, or each later by what
 * the cluster's jitter gives it; combine, when the last of them has received.
 */
public final class SimulatedRound implements AutoCloseable {
    private static final int COMPLETION_QUEUE_DEPTH = 4096;
    private static final int CHECKS_BETWEEN_WATCHES = 4096;
    private static final double PICOS_PER_MICRO = 1e6;
    private static final double NANOS_PER_MICRO = 1e3;
    private static final long DELAY_SEED = 0x5DEECE66DL;
    private static final Stage[] STAGES = Stage.values();

    private final SymmetricHeap heap;
    private final SimulatedTransport transport;
    private final AgentScheduler scheduler;
    private final RankAgent[] agents;
    private final double startNanos;
    private final ClusterProfile cluster;
    /** By rank: how much later than the phase it begins. */
    private final double[] delayNanos;
    private Consumer<SimulatedRound> watcher = _ -> { };
    private String phase = "";
    private int finished;
    private int checksToWatch = CHECKS_BETWEEN_WATCHES;
    private final TrafficMeter meter;
    private Traffic traffic;
    private long stallsBefore;
    private final BooleanSupplier finishedAll = this::isFinished;
    private long startPicos;
    /** By stage and rank, before the phase that ran last, and in it. */
    private final double[][] beforeMicros;
    private final double[][] spentMicros;
    /** By rank: from the start of the phase to the delivery of the last element it sent. */
    private final double[] sentMicros;
    private StageSplit stageSplit;
    private ModelStep.Call slowestCall;

    /**
     * Builds the cluster and connects all ranks.
     *
     * @param heapBytes     bytes of heap that a rank needs
     * @param pages         the pages they lie in
     * @param storesCharged see {@link AgentScheduler#AgentScheduler(SimulatedTransport, int, boolean)}
     */
    public SimulatedRound(final int ranks, final long heapBytes, final Pages pages, final ClusterProfile cluster,
        final PortPolicy ports, final int sms,
                          final boolean storesCharged, final Round.Factory factory) {
        heap = new SymmetricHeap(ranks, heapBytes, pages);
        try {
            transport = new SimulatedTransport(heap, cluster, ports, COMPLETION_QUEUE_DEPTH,
                isLossy(cluster.fabric().switches()) ? FaultProfile.NONE : null);
        } catch (final RuntimeException | Error e) {
            heap.close();
            throw e;
        }
        startNanos = cluster.host().kernels().startNanos();
        this.cluster = cluster;
        delayNanos = delays(ranks, cluster.host().kernels().jitterNanos());
        agents = new RankAgent[ranks];
        beforeMicros = new double[STAGES.length][ranks];
        spentMicros = new double[STAGES.length][ranks];
        sentMicros = new double[ranks];
        try {
            scheduler = new AgentScheduler(transport, sms, storesCharged);
            for (int rank = 0; rank < agents.length; rank++) {
                agents[rank] = new RankAgent(rank,
                    factory.create(transport, rank, scheduler.meter(), scheduler.nanoClock()));
                scheduler.add(rank, agents[rank]);
            }
            meter = new TrafficMeter(transport);
            transport.addListener(meter);
        } catch (final RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** Whether packets may be lost, so that NICs must keep what they send. */
    private static boolean isLossy(final SwitchProfile switches) {
        return switches.queues() && !switches.pause().enabled();
    }

    /**
     * The quantiles of the exponential distribution with the given mean, in an order that depends on nothing but the
     * number of ranks.
     */
    private static double[] delays(final int ranks, final double meanNanos) {
        final double[] delays = new double[ranks];
        final SplittableRandom random = new SplittableRandom(DELAY_SEED);
        for (int rank = 0; rank < ranks; rank++) {
            final double delay = -meanNanos * Math.log(1 - (rank + 0.5) / ranks);
            final int other = random.nextInt(rank + 1);
            delays[rank] = delays[other];
            delays[other] = delay;
        }
        return delays;
    }

    /** What a rank does next: nothing, or what its owner told it to when it is called for the first time since. */
    private final class RankAgent implements Agent {
        private final int rank;
        private final Round round;
        private MemorySegment tokens;
        private Routing routing;
        private MemorySegment combined;
        private boolean begin;
        private boolean again;
        private boolean combine;
        private boolean running;
        private long endPicos;

        RankAgent(final int rank, final Round round) {
            this.rank = rank;
            this.round = round;
        }

        @Override
        public int doWork() {
            if (begin) {
                begin = false;
                scheduler.advance(delayNanos[rank] + startNanos);
                if (again) {
                    round.beginAgain(tokens);
                } else {
                    round.begin(tokens, routing);
                }
                return 1;
            }
            if (combine) {
                combine = false;
                scheduler.advance(delayNanos[rank] + startNanos);
                round.runExperts();
                round.combine(combined);
                return 1;
            }
            final int work = round.doWork();
            if (running && (round.isReceived() || round.isOver())) {
                running = false;
                meter.finish(rank);
                endPicos = scheduler.workDonePicos();
                finished++;
            }
            return work;
        }

        @Override
        public String roleName() {
            return "rank " + rank;
        }
    }

    /**
     * Dispatches on all ranks; gives each rank's time from its start to its last row, in microseconds.
     *
     * @throws IllegalArgumentException if switches had to drop packets, which nobody sends again
     */
    public double[] dispatch(final MemorySegment[] tokens, final Routing[] routings) {
        simulateDispatch(tokens, routings);
        return results();
    }

    /** Combines on all ranks; gives each rank's time from its start to its last sum, in microseconds. */
    public double[] combine(final MemorySegment[] targets) {
        simulateCombine(targets);
        return results();
    }

    /** Dispatches on all ranks with the routings of the last dispatch, see {@link Round#beginAgain}. */
    public double[] dispatchAgain(final MemorySegment[] tokens) {
        for (int rank = 0; rank < agents.length; rank++) {
            agents[rank].tokens = tokens[rank];
            agents[rank].begin = true;
            agents[rank].again = true;
        }
        run("dispatch again");
        return results();
    }

    /** Dispatches on all ranks without results, which are all that {@link #dispatch} allocates once it is warm. */
    public void simulateDispatch(final MemorySegment[] tokens, final Routing[] routings) {
        for (int rank = 0; rank < agents.length; rank++) {
            agents[rank].tokens = tokens[rank];
            agents[rank].routing = routings[rank];
            agents[rank].begin = true;
            agents[rank].again = false;
        }
        run("dispatch");
    }

    /** Combines on all ranks without results; see {@link #simulateDispatch}. */
    public void simulateCombine(final MemorySegment[] targets) {
        for (int rank = 0; rank < agents.length; rank++) {
            agents[rank].combined = targets[rank];
            agents[rank].combine = true;
        }
        run("combine");
    }

    private void run(final String name) {
        phase = name;
        startPicos = transport.simulation().nowPicos();
        finished = 0;
        stagesInto(beforeMicros);
        stallsBefore = creditStalls();
        meter.begin(delayNanos);
        for (int rank = 0; rank < agents.length; rank++) {
            agents[rank].running = true;
            scheduler.wake(rank);
        }
        runUntilFinished();
        stagesInto(spentMicros);
        for (int rank = 0; rank < agents.length; rank++) {
            sentMicros[rank] = (meter.sentPicos(rank) - startPicos) / PICOS_PER_MICRO
                - delayNanos[rank] / NANOS_PER_MICRO;
            for (int stage = 0; stage < STAGES.length; stage++) {
                spentMicros[stage][rank] -= beforeMicros[stage][rank];
            }
        }
        // What is still in flight, such as acknowledgements, belongs to this phase and not to the next.
        scheduler.runUntilIdle();
    }

    /** NICs without faults do not send again, so that a packet that a switch drops is waited for in vain. */
    private void runUntilFinished() {
        try {
            scheduler.runUntil(finishedAll);
        } catch (final DeadlockException e) {
            final long dropped = transport.networkCounters().dropped();
            if (dropped == 0) {
                throw e;
            }
            if (isLossy(cluster.fabric().switches())) {
                throw new IllegalArgumentException("nic.recovery.timeoutNanos="
                    + cluster.nic().recovery().timeoutNanos() + " with nic.recovery.retryLimit="
                    + cluster.nic().recovery().retryLimit() + ": " + phase + " stopped after " + dropped
                    + " lost packets", e);
            }
            throw new IllegalArgumentException("fabric.switches.bufferBytes="
                + cluster.fabric().switches().bufferBytes() + ": too little, " + dropped + " packets found no room in "
                + phase + "; or fabric.switches.pause.headroomBytes is, beyond fabric.switches.pause.xoffBytes", e);
        }
    }

    private long creditStalls() {
        long stalls = 0;
        for (final RankAgent agent : agents) {
            stalls += agent.round.creditStalls();
        }
        return stalls;
    }

    private void stagesInto(final double[][] micros) {
        for (final Stage stage : STAGES) {
            for (int rank = 0; rank < agents.length; rank++) {
                micros[stage.ordinal()][rank] = scheduler.stagePicos(rank, stage) / PICOS_PER_MICRO;
            }
        }
    }

    /** Each rank's latency of the phase that ran last, and with it the split into stages. */
    private double[] results() {
        final double[] micros = new double[agents.length];
        for (int rank = 0; rank < agents.length; rank++) {
            micros[rank] = (agents[rank].endPicos - startPicos) / PICOS_PER_MICRO - delayNanos[rank] / NANOS_PER_MICRO;
        }
        final double[][] byStage = StageSplit.byStage(micros, startNanos / NANOS_PER_MICRO, spentMicros, sentMicros);
        stageSplit = StageSplit.of(micros, byStage, meter.lastSources());
        slowestCall = stageSplit.slowest(byStage);
        traffic = meter.traffic(creditStalls() - stallsBefore);
        return micros;
    }

    /** The stages of the last phase that gave results. */
    public StageSplit stageSplit() {
        return stageSplit;
    }

    /** What that phase put on links and queues. */
    public Traffic traffic() {
        return traffic;
    }

    /** The most queue pairs that a rank posts to and that pass its NIC, over the ranks. */
    public int mostQueuePairs() {
        final int[] count = new int[agents.length];
        for (int id = 0; id < transport.queuePairCount(); id++) {
            count[transport.queuePair(id).rank()] += transport.isInNode(id) ? 0 : 1;
        }
        return Arrays.stream(count).max().orElseThrow();
    }

    /** That phase, on its slowest rank. */
    ModelStep.Call slowestCall() {
        return slowestCall;
    }

    private boolean isFinished() {
        if (--checksToWatch == 0) {
            checksToWatch = CHECKS_BETWEEN_WATCHES;
            watcher.accept(this);
        }
        return finished == agents.length;
    }

    /** Lets {@code next} look at the round every few thousand events, in place of the one before. */
    public void watch(final Consumer<SimulatedRound> next) {
        watcher = next;
    }

    /** Begins to trace NICs and ranks into {@code file}, in the format that its name asks for. */
    public TraceFile trace(final Path file) throws IOException {
        return TraceFile.create(file, transport, scheduler);
    }

    /** How far the round is, in words. */
    public String progress() {
        return phase + ": " + finished + " of " + agents.length + " ranks are through, " + events() + " events";
    }

    /** The round of {@code rank}. */
    public Round round(final int rank) {
        return agents[rank].round;
    }

    /** Wire bytes that a NIC's port has sent, acknowledgements included. */
    public long portBytes(final int rank, final int port) {
        return transport.counter(rank, port, NicCounter.SENT_WIRE_BYTES);
    }

    /** A counter summed over all NICs. */
    public long total(final NicCounter counter) {
        return transport.total(counter);
    }

    /** Events processed so far. */
    public long events() {
        return transport.simulation().eventCount();
    }

    /** Hash of all events so far. */
    public long eventStreamHash() {
        return transport.simulation().streamHash();
    }

    @Override
    public void close() {
        transport.close();
        heap.close();
    }
}

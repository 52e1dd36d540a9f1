package io.expertlane.nic.host;

import io.expertlane.kernel.exchange.Stage;
import io.expertlane.kernel.exchange.WorkMeter;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.device.NicListener;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.profile.HostProfile;
import io.expertlane.nic.time.Simulation;
import java.util.Arrays;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.agrona.concurrent.Agent;

/**
 * Drives the ranks' agents under the virtual clock.
 *
 * <p>Each agent has a clock of its own. When it is woken its clock is at the simulation's time; the work it reports to
 * {@link #meter()}, the elements it posts and the doorbells it rings advance it, and a doorbell takes effect at the
 * time its agent's clock then shows. If {@code doWork()} did something the agent is called again when the simulation
 * gets to its clock; if not it sleeps until a word it may poll arrives (an inline write or an atomic: the operations
 * with release semantics) or one of its rank's elements completes. Arrivals while it is awake, or while it is being
 * woken, cost no further wake-up.
 *
 * <p>Cost of work: bytes over the agent's share of the profile's copy bandwidth. Cost of posting: see {@link
 * HostProfile.Issue}.
 *
 * <p>Threading: one thread at a time.
 *
 * <p>Failure: {@link #runUntil} throws {@link DeadlockException} if nothing is left that could happen and the condition
 * does not hold.
 */
public final class AgentScheduler {
    private static final int NOBODY = -1;
    private static final double PICOS_PER_NANO = 1e3;
    private static final int STAGES = Stage.values().length;

    private final SimulatedTransport transport;
    private final Simulation simulation;
    private final int wakeHandler;
    private final Posting posting;
    /** By stage. */
    private final double[] picosPerByte;
    /** By stage: how much longer a byte takes on one SM than on all. */
    private final double[] singlePicosPerByte;
    private final double storePicos;
    private final double storePicosPerByte;
    private final long pollPicos;

    private final WorkMeter meter = this::charge;
    private final LongSupplier nanoClock = () -> nowPicos() / 1000;

    /** By agent. */
    private Agent[] agents = new Agent[16];
    private int[] ranks = new int[16];
    private int[] nextOfRank = new int[16];
    private long[] clockPicos = new long[16];
    private long[] busyUntilPicos = new long[16];
    private double[] shares = new double[16];
    private boolean[] awake = new boolean[16];
    private long[] stagePicos = new long[16 * STAGES];
    private int agentCount;

    /** By rank. */
    private final int[] firstOfRank;

    private int running = NOBODY;
    private long wakeCount;
    private WorkTracer tracer;

    /** Makes a scheduler and puts it in charge of the transport's doorbells. */
    public AgentScheduler(final SimulatedTransport transport) {
        this(transport, transport.profile().host().communicationSms(), false);
    }

    /**
     * Makes a scheduler and puts it in charge of the transport's doorbells.
     *
     * @param sms            SMs that a rank's agents share
     * @param storesCharged whether the agents themselves report the copying of what they send to ranks of their node,
     *                       because they fill the memory there in place (ring path); else it is charged when they ring
     */
    public AgentScheduler(final SimulatedTransport transport, final int sms, final boolean storesCharged) {
        final HostProfile host = transport.profile().host();
        this.transport = transport;
        this.simulation = transport.simulation();
        this.wakeHandler = simulation.register(this::onWake);
        this.picosPerByte = new double[STAGES];
        Arrays.fill(picosPerByte, PICOS_PER_NANO / host.copyBytesPerNano(sms));
        picosPerByte[Stage.REDUCE.ordinal()] = PICOS_PER_NANO / host.reduceBytesPerNano(sms);
        this.singlePicosPerByte = new double[STAGES];
        Arrays.fill(singlePicosPerByte, PICOS_PER_NANO / host.copyBytesPerNano(1)
            - PICOS_PER_NANO / host.copyBytesPerNano(sms));
        singlePicosPerByte[Stage.REDUCE.ordinal()] = PICOS_PER_NANO / host.reduceBytesPerNano(1)
            - PICOS_PER_NANO / host.reduceBytesPerNano(sms);
        this.storePicosPerByte = storesCharged ? 0 : 2 * picosPerByte[Stage.SEND.ordinal()];
        this.storePicos = host.doorbellNanos() * PICOS_PER_NANO / host.issuers();
        this.posting = host.issue() == HostProfile.Issue.DIRECT ? new DirectPosting(transport, host)
            : new ProxyPosting(transport, host);
        this.pollPicos = Math.round(host.pollNanos() * PICOS_PER_NANO);
        this.firstOfRank = new int[transport.heap().ranks()];
        Arrays.fill(firstOfRank, NOBODY);
        transport.issuer(this::rung);
        transport.addListener(new Waker());
    }

    /** Adds an agent that has all of its rank's SMs and issuers; see {@link #add(int, Agent, double)}. */
    public int add(final int rank, final Agent agent) {
        return add(rank, agent, 1);
    }

    /**
     * Adds an agent, which is called for the first time at the current time.
     *
     * @param share its share of the rank's copy bandwidth and issuers, more than 0 and at most 1; the shares of agents
     *              that work at the same time should not exceed 1 together
     * @return its id: 0, 1, 2 and so on in the order in which they were added
     */
    public int add(final int rank, final Agent agent, final double share) {
        if (!(share > 0 && share <= 1)) {
            throw new IllegalArgumentException("share=" + share + ": more than 0, at most 1");
        }
        final int id = agentCount;
        if (id == agents.length) {
            grow();
        }
        agents[id] = agent;
        shares[id] = share;
        ranks[id] = rank;
        nextOfRank[id] = firstOfRank[rank];
        firstOfRank[rank] = id;
        agentCount++;
        clockPicos[id] = simulation.nowPicos();
        wakeAt(id, simulation.nowPicos());
        return id;
    }

    private void grow() {
        final int length = 2 * agents.length;
        agents = Arrays.copyOf(agents, length);
        ranks = Arrays.copyOf(ranks, length);
        nextOfRank = Arrays.copyOf(nextOfRank, length);
        clockPicos = Arrays.copyOf(clockPicos, length);
        busyUntilPicos = Arrays.copyOf(busyUntilPicos, length);
        shares = Arrays.copyOf(shares, length);
        awake = Arrays.copyOf(awake, length);
        stagePicos = Arrays.copyOf(stagePicos, length * STAGES);
    }

    /** Takes local work by whichever agent is running; one meter serves all. */
    public WorkMeter meter() {
        return meter;
    }

    /** The running agent's clock in nanoseconds, or the simulation's outside agents; one clock serves all. */
    public LongSupplier nanoClock() {
        return nanoClock;
    }

    /** The running agent's clock in picoseconds, or the simulation's outside agents. */
    public long nowPicos() {
        return running == NOBODY ? simulation.nowPicos() : clockPicos[running];
    }

    /**
     * Advances the running agent's clock by time that no stage accounts for, such as an expert's computation.
     *
     * @param nanos 0 or more
     * @throws IllegalStateException outside an agent
     */
    public void advance(final double nanos) {
        if (!(nanos >= 0)) {
            throw new IllegalArgumentException("nanos=" + nanos + ": 0 or more");
        }
        checkRunning();
        clockPicos[running] += Math.round(nanos * PICOS_PER_NANO);
    }

    /**
     * Calls all agents of a rank as soon as the simulation runs on, for example because their owner has given them
     * work.
     */
    public void wake(final int rank) {
        wake(rank, simulation.nowPicos());
    }

    /** Runs until no event is pending: every agent sleeps and the network is empty. */
    public void runUntilIdle() {
        simulation.run();
    }

    /**
     * Runs until a condition holds, looking at it after each call of an agent.
     *
     * @throws DeadlockException if no event is left and it does not hold
     */
    public void runUntil(final BooleanSupplier condition) {
        long wakesSeen = -1;
        while (true) {
            if (wakesSeen != wakeCount) {
                wakesSeen = wakeCount;
                if (condition.getAsBoolean()) {
                    return;
                }
            }
            if (!simulation.step()) {
                if (condition.getAsBoolean()) {
                    return;
                }
                throw new DeadlockException(describe());
            }
        }
    }

    /**
     * Time that an agent has spent in a stage so far; {@link Stage#WAIT} is its sleep, {@link Stage#SEND} includes
     * posting and doorbells.
     */
    public long stagePicos(final int agent, final Stage stage) {
        return stagePicos[agent * STAGES + stage.ordinal()];
    }

    /** Lets {@code watcher} watch from now on, in place of the one before; null for none. */
    public void trace(final WorkTracer watcher) {
        tracer = watcher;
    }

    /** Calls of agents so far. */
    public long wakeCount() {
        return wakeCount;
    }

    private void charge(final Stage stage, final long bytes) {
        checkRunning();
        spend(stage, Math.round(bytes * picosPerByte[stage.ordinal()] / shares[running]));
        busyUntilPicos[running] = Math.max(busyUntilPicos[running], clockPicos[running]
            + Math.round(bytes * singlePicosPerByte[stage.ordinal()]));
    }

    private void spend(final Stage stage, final long picos) {
        final long start = clockPicos[running];
        clockPicos[running] = start + picos;
        stagePicos[running * STAGES + stage.ordinal()] += picos;
        if (tracer != null) {
            tracer.worked(start, start + picos, ranks[running], running, stage);
        }
    }

    /**
     * When all work that the running agent has reported is done, which may be after its clock: what it reports at once
     * is shared out to all of its SMs, of which each takes longer over its piece than the clock advances.
     */
    public long workDonePicos() {
        checkRunning();
        return Math.max(clockPicos[running], busyUntilPicos[running]);
    }

    private void checkRunning() {
        if (running == NOBODY) {
            throw new IllegalStateException("no agent is running: there is no clock to advance");
        }
    }

    private void rung(final QueuePair queuePair, final int id, final int first, final int end) {
        if (running == NOBODY) {
            transport.ring(id, first, end, simulation.nowPicos(), simulation.nowPicos());
        } else if (transport.isInNode(id)) {
            spend(Stage.SEND, Math.round(storing(id, first, end) / shares[running]));
            transport.ring(id, first, end, clockPicos[running], workDonePicos());
        } else {
            final long before = clockPicos[running];
            spend(Stage.SEND, posting.post(queuePair, id, first, end, shares[running], before, workDonePicos())
                - before);
        }
    }

    /** Time of the stores that elements stand for: each word one, and the copying of each write. */
    private double storing(final int id, final int first, final int end) {
        double picos = 0;
        for (int index = first; index != end; index++) {
            picos += transport.isWrite(id, index) ? storePicosPerByte * transport.lengthBytes(id, index) : storePicos;
        }
        return picos;
    }

    private void onWake(final long now, final long payload) {
        final int id = (int) payload;
        awake[id] = false;
        wakeCount++;
        stagePicos[id * STAGES + Stage.WAIT.ordinal()] += now - clockPicos[id];
        clockPicos[id] = now;
        running = id;
        final int work;
        try {
            work = agents[id].doWork();
        } catch (final RuntimeException e) {
            throw e;
        } catch (final Exception e) {
            throw new IllegalStateException("agent " + agents[id].roleName() + " of rank " + ranks[id], e);
        } finally {
            running = NOBODY;
        }
        transport.completionsPolled(ranks[id]);
        if (work > 0) {
            wakeAt(id, clockPicos[id]);
        }
    }

    private void wake(final int rank, final long timePicos) {
        for (int id = firstOfRank[rank]; id != NOBODY; id = nextOfRank[id]) {
            if (!awake[id] && id != running) {
                wakeAt(id, Math.max(timePicos, clockPicos[id]));
            }
        }
    }

    private void wakeAt(final int id, final long timePicos) {
        if (!awake[id]) {
            awake[id] = true;
            simulation.schedule(timePicos, wakeHandler, id);
        }
    }

    private String describe() {
        final StringBuilder text = new StringBuilder("deadlock at ").append(simulation.nowPicos() / 1000)
            .append(" ns: no event is pending, and the run is not done");
        for (int id = 0; id < agentCount; id++) {
            text.append(System.lineSeparator()).append("  rank ").append(ranks[id]).append(' ')
                .append(agents[id].roleName())
                .append(" sleeps since ").append(clockPicos[id] / 1000).append(" ns");
        }
        return text.toString();
    }

    /** Wakes a rank's agents for what they may poll. */
    private final class Waker implements NicListener {
        @Override
        public void delivered(final long timePicos, final int queuePair, final int index, final int opcode,
            final int rank, final int peerRank) {
            if (opcode != WorkQueueElement.WRITE) {
                wake(peerRank, timePicos + pollPicos);
            }
        }

        @Override
        public void received(final long timePicos, final int queuePair, final int rank) {
            wake(rank);
        }

        @Override
        public void completed(final long timePicos, final int queuePair, final int index, final int status,
            final int rank) {
            wake(rank, timePicos + pollPicos);
        }
    }
}

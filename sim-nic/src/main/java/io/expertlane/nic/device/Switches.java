package io.expertlane.nic.device;

import static io.expertlane.nic.device.QueuePairTable.INTS;
import static io.expertlane.nic.device.QueuePairTable.LOCAL_PORT;

import io.expertlane.nic.fabric.Network;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.NicProfile;
import io.expertlane.nic.profile.SwitchProfile;
import io.expertlane.nic.time.Simulation;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The switches between NICs: every link out of a switch has a queue, all queues of a switch share its buffer. Present
 * only where the profile wants queues.
 *
 * <p>A packet enters a queue when its first byte is there, and goes on at once if the link is free (cut-through); where
 * nothing queues, ways take as long as without this class. What a switch holds is counted by the link it came over:
 * beyond XOFF that link's sender is paused, a NIC or a switch, all of its packets with it (head-of-line blocking). A
 * packet that finds buffer or headroom full is lost. Marked packets make the receiver notify the sender, who slows
 * down; see {@link RateControl}. Acknowledgements and notifications pass by the queues, as traffic of a higher class
 * does.
 *
 * <p>Ordering: a queue pair keeps to one way; queues are first in, first out.
 */
final class Switches {
    private static final double PICOS_PER_BYTE_AT_1_GBPS = 8_000;
    private static final int HOP_SHIFT = 32;

    private final Nics nics;
    private final Simulation simulation;
    private final QueuePairTable table;
    private final Network network;
    private final SwitchProfile profile;
    private final RateControl rates;
    private final int portCount;
    private final long switchPicos;
    private final long[] linkPicos;
    private final long receivePicos;
    private final long noticePicos;
    private final double pauseBytes;
    private final double headroomEnd;

    /** By link. */
    private final double[] picosPerByte;
    private final int[] owners;
    private final LongFifo[] queues;
    private final long[] queuedBytes;
    private final boolean[] busy;
    private final boolean[] paused;
    private final long[] current;
    private final long[] currentPlace;
    /**
     * By link, at the switch it leads to: bytes held that came over it, and whether its sender has been told to pause.
     */
    private final long[] heldBytes;
    private final boolean[] stopped;
    /** By switch. */
    private final long[] bufferedBytes;
    /** By queue pair: the links of its way, and when it was notified last. */
    private int[] ways = {};
    private int[] lengths = {};
    private int[] hashes = {};
    private long[] lastNotice = {};
    private long randomState = 1;
    private long packets;
    private long pauses;
    private long marked;
    private long dropped;
    private long notices;
    private long mostHeld;
    private long mostQueued;
    /** By link: when its pause began, and how long it was paused before that, of which 0 is never. */
    private final long[] pausedSince;
    private final long[] pausedPicos;
    /** By tier. */
    private final int[] pausedNow = new int[Network.Tier.values().length];
    private final int[] mostPaused = new int[Network.Tier.values().length];

    private final int[] hopHandlers = new int[Network.MAX_LINKS];
    private final int doneHandler;
    private final int pauseHandler;
    private final int noticeHandler;
    private final int arrivalHandler;

    Switches(final Nics nics, final ClusterProfile cluster) {
        if (cluster.nic().granularity() != NicProfile.Granularity.PACKET) {
            throw new IllegalArgumentException("nic.granularity=" + cluster.nic().granularity()
                + ": fabric.switches.queues need PACKET");
        }
        this.profile = cluster.fabric().switches();
        if (!profile.pause().enabled() && nics.recovery == null) {
            throw new IllegalArgumentException(
                "fabric.switches.pause.enabled=false: needs NICs that send again what is lost, so faults");
        }
        this.nics = nics;
        this.simulation = nics.simulation;
        this.table = nics.table;
        this.network = new Network(cluster, nics.heap.ranks());
        this.portCount = nics.ports.count();
        this.switchPicos = Nics.picos(cluster.fabric().switchNanos());
        this.receivePicos = Nics.picos(cluster.nic().receiveNanos());
        this.noticePicos = Nics.picos(profile.rateControl().noticeNanos());
        this.pauseBytes = profile.pause().enabled() ? profile.pause().xoffBytes() : Double.POSITIVE_INFINITY;
        this.headroomEnd = pauseBytes + profile.pause().headroomBytes();
        final int links = network.links();
        this.picosPerByte = new double[links];
        this.linkPicos = new long[links];
        this.owners = new int[links];
        for (int link = 0; link < links; link++) {
            linkPicos[link] = Nics.picos(network.isCoreLink(link) ? cluster.fabric().coreLinkNanos()
                : cluster.fabric().linkNanos());
            picosPerByte[link] = PICOS_PER_BYTE_AT_1_GBPS / network.rateGbps(link);
            owners[link] = network.switchOf(link);
        }
        this.queues = new LongFifo[links];
        Arrays.setAll(queues, link -> new LongFifo());
        this.queuedBytes = new long[links];
        this.busy = new boolean[links];
        this.paused = new boolean[links];
        this.current = new long[links];
        this.currentPlace = new long[links];
        this.heldBytes = new long[links];
        this.stopped = new boolean[links];
        this.pausedSince = new long[links];
        this.pausedPicos = new long[links];
        this.bufferedBytes = new long[network.switchCount()];
        this.arrivalHandler = nics.firstEvent + Nics.ARRIVAL;
        for (int hop = 0; hop < hopHandlers.length; hop++) {
            final int index = hop;
            hopHandlers[hop] = simulation.register((now, packet) -> onHop(index, now, packet));
        }
        this.doneHandler = simulation.register(this::onDone);
        this.pauseHandler = simulation.register(this::onPause);
        this.noticeHandler = simulation.register(this::onNotice);
        this.rates = profile.rateControl().enabled()
            ? new RateControl(nics, profile.rateControl(), cluster.nic().portRateGbps()) : null;
    }

    /** What senders are slowed down by; null if nothing does. */
    RateControl rates() {
        return rates;
    }

    /** A queue pair has been bound to ports: {@code hash} is that of its flow. */
    void bind(final int qp, final int hash) {
        if (qp >= lengths.length) {
            final int length = Math.max(2 * lengths.length, qp + 64);
            ways = Arrays.copyOf(ways, length * Network.MAX_LINKS);
            lengths = Arrays.copyOf(lengths, length);
            hashes = Arrays.copyOf(hashes, length);
            lastNotice = Arrays.copyOf(lastNotice, length);
        }
        lastNotice[qp] = Long.MIN_VALUE / 2;
        hashes[qp] = hash;
        rebind(qp);
    }

    /** A queue pair has moved to other ports; packets in flight have arrived, or are lost. */
    void rebind(final int qp) {
        lengths[qp] = network.route(table.ints[qp * INTS + LOCAL_PORT],
            table.ints[qp * INTS + QueuePairTable.PEER_PORT], hashes[qp], ways,
            qp * Network.MAX_LINKS);
    }

    /** A packet's first byte leaves the NIC. */
    void send(final long packet, final long timePicos) {
        simulation.schedule(timePicos + linkPicos[table.ints[Packet.queuePair(packet) * INTS + LOCAL_PORT]]
            + switchPicos, hopHandlers[0], packet);
    }

    private void onHop(final int hop, final long now, final long packet) {
        final int qp = Packet.queuePair(packet);
        final int link = ways[qp * Network.MAX_LINKS + hop];
        final int from = hop == 0 ? table.ints[qp * INTS + LOCAL_PORT] : ways[qp * Network.MAX_LINKS + hop - 1];
        final int owner = owners[link];
        final int bytes = Packet.wireBytes(packet);
        if (bufferedBytes[owner] + bytes > profile.bufferBytes() || heldBytes[from] + bytes > headroomEnd) {
            dropped++;
            return;
        }
        bufferedBytes[owner] += bytes;
        heldBytes[from] += bytes;
        mostHeld = Math.max(mostHeld, heldBytes[from]);
        if (heldBytes[from] > pauseBytes && !stopped[from]) {
            stopped[from] = true;
            pauses++;
            simulation.schedule(now + linkPicos[from], pauseHandler, (long) from << 1 | 1);
        }
        final long place = (long) hop << HOP_SHIFT | from;
        if (busy[link] || paused[link]) {
            queues[link].add(packet);
            queues[link].add(place);
            queuedBytes[link] += bytes;
            mostQueued = Math.max(mostQueued, queuedBytes[link]);
        } else {
            // Cut-through: no faster than it comes in.
            begin(link, packet, place, Math.max(picosPerByte[link], picosPerByte[from]), now);
        }
    }

    private void begin(final int link, final long packet, final long place, final double picosAByte, final long now) {
        busy[link] = true;
        current[link] = packet;
        currentPlace[link] = place;
        final long picos = Math.round(Packet.wireBytes(packet) * picosAByte);
        final int qp = Packet.queuePair(packet);
        final int hop = (int) (place >>> HOP_SHIFT);
        if (hop + 1 == lengths[qp]) {
            simulation.schedule(now + picos + linkPicos[link] + receivePicos, arrivalHandler, packet);
        } else {
            simulation.schedule(now + linkPicos[link] + switchPicos, hopHandlers[hop + 1], packet);
        }
        simulation.schedule(now + picos, doneHandler, link);
        packets++;
        if (profile.marking().enabled() && isMarked(queuedBytes[link])) {
            marked++;
            notice(qp, now);
        }
    }

    private boolean isMarked(final long bytes) {
        final SwitchProfile.Marking marking = profile.marking();
        if (bytes <= marking.minBytes()) {
            return false;
        }
        return bytes > marking.maxBytes()
            || random() < marking.maxProbability()
            * (bytes - marking.minBytes()) / (marking.maxBytes() - marking.minBytes());
    }

    /** SplitMix64: a number in [0, 1). */
    private double random() {
        randomState += 0x9E3779B97F4A7C15L;
        long z = randomState;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return ((z ^ z >>> 31) >>> 11) * 0x1.0p-53;
    }

    /**
     * The receiver of a marked packet tells its sender, unless it has done so a short time ago; there and back takes
     * two ways.
     */
    private void notice(final int qp, final long now) {
        if (rates != null && now - lastNotice[qp] >= noticePicos) {
            lastNotice[qp] = now;
            notices++;
            simulation.schedule(now + 2 * table.latencyPicos(qp), noticeHandler, QueuePairEvent.of(table, qp, 0));
        }
    }

    private void onNotice(final long now, final long event) {
        if (!QueuePairEvent.isVoid(table, event)) {
            rates.cut(QueuePairEvent.queuePair(event), now);
        }
    }

    /** The last byte of a link's packet has left. */
    private void onDone(final long now, final long payload) {
        final int link = (int) payload;
        final int bytes = Packet.wireBytes(current[link]);
        final int from = (int) currentPlace[link];
        busy[link] = false;
        bufferedBytes[owners[link]] -= bytes;
        heldBytes[from] -= bytes;
        if (stopped[from] && heldBytes[from] < profile.pause().xonBytes()) {
            stopped[from] = false;
            simulation.schedule(now + linkPicos[from], pauseHandler, (long) from << 1);
        }
        next(link, now);
    }

    private void next(final int link, final long now) {
        if (!busy[link] && !paused[link] && !queues[link].isEmpty()) {
            final long packet = queues[link].take();
            final long place = queues[link].take();
            queuedBytes[link] -= Packet.wireBytes(packet);
            begin(link, packet, place, picosPerByte[link], now);
        }
    }

    private void onPause(final long now, final long payload) {
        final int link = (int) (payload >>> 1);
        pause(link, (payload & 1) != 0, now);
        if (link < portCount) {
            nics.ports.paused[link] = paused[link];
            if (!paused[link]) {
                nics.sender.kick(link, now);
            }
        } else {
            next(link, now);
        }
    }

    private void pause(final int link, final boolean on, final long now) {
        final int tier = network.tier(link).ordinal();
        paused[link] = on;
        if (on) {
            pausedSince[link] = now;
            pausedNow[tier]++;
            mostPaused[tier] = Math.max(mostPaused[tier], pausedNow[tier]);
        } else {
            pausedPicos[link] += now - pausedSince[link];
            pausedNow[tier]--;
        }
    }

    NetworkCounters counters() {
        final Network.Tier[] tiers = Network.Tier.values();
        final int[] pausedLinks = new int[tiers.length];
        final long[] picos = new long[tiers.length];
        for (int link = 0; link < pausedPicos.length; link++) {
            final int tier = network.tier(link).ordinal();
            pausedLinks[tier] += pausedPicos[link] > 0 || paused[link] ? 1 : 0;
            picos[tier] += pausedPicos[link] + (paused[link] ? simulation.nowPicos() - pausedSince[link] : 0);
        }
        final List<NetworkCounters.PausedLinks> byTier = new ArrayList<>();
        for (int tier = 0; tier < tiers.length; tier++) {
            if (pausedLinks[tier] > 0) {
                byTier.add(new NetworkCounters.PausedLinks(tiers[tier], pausedLinks[tier], mostPaused[tier],
                    picos[tier]));
            }
        }
        return new NetworkCounters(packets, marked, pauses, dropped, notices, mostHeld, mostQueued, byTier);
    }

    /** Counts from 0 again. */
    void clearCounters() {
        packets = 0;
        marked = 0;
        pauses = 0;
        dropped = 0;
        notices = 0;
        mostHeld = 0;
        mostQueued = 0;
        Arrays.fill(pausedPicos, 0);
        Arrays.fill(pausedSince, simulation.nowPicos());
        System.arraycopy(pausedNow, 0, mostPaused, 0, mostPaused.length);
    }

    void copyFrom(final Switches other) {
        for (int link = 0; link < queues.length; link++) {
            queues[link].copyFrom(other.queues[link]);
        }
        System.arraycopy(other.queuedBytes, 0, queuedBytes, 0, queuedBytes.length);
        System.arraycopy(other.busy, 0, busy, 0, busy.length);
        System.arraycopy(other.paused, 0, paused, 0, paused.length);
        System.arraycopy(other.current, 0, current, 0, current.length);
        System.arraycopy(other.currentPlace, 0, currentPlace, 0, currentPlace.length);
        System.arraycopy(other.heldBytes, 0, heldBytes, 0, heldBytes.length);
        System.arraycopy(other.stopped, 0, stopped, 0, stopped.length);
        System.arraycopy(other.bufferedBytes, 0, bufferedBytes, 0, bufferedBytes.length);
        ways = other.ways.clone();
        lengths = other.lengths.clone();
        hashes = other.hashes.clone();
        lastNotice = other.lastNotice.clone();
        randomState = other.randomState;
        System.arraycopy(other.pausedSince, 0, pausedSince, 0, pausedSince.length);
        System.arraycopy(other.pausedPicos, 0, pausedPicos, 0, pausedPicos.length);
        System.arraycopy(other.pausedNow, 0, pausedNow, 0, pausedNow.length);
        System.arraycopy(other.mostPaused, 0, mostPaused, 0, mostPaused.length);
        packets = other.packets;
        pauses = other.pauses;
        marked = other.marked;
        dropped = other.dropped;
        notices = other.notices;
        mostHeld = other.mostHeld;
        mostQueued = other.mostQueued;
        if (rates != null) {
            rates.copyFrom(other.rates);
        }
    }
}

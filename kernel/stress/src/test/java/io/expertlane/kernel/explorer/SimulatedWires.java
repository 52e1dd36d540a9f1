package io.expertlane.kernel.explorer;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.FaultProfile;
import io.expertlane.nic.profile.RecoveryProfile;
import java.lang.reflect.RecordComponent;

/** Simulated NICs, on a network that loses, corrupts and reorders packets. */
final class SimulatedWires implements Wires, AutoCloseable {
    private static final long PICOS_PER_NANO = 1000;
    /** A packet that is lost is sent again long before a peer's patience ends, and no queue pair gives up. */
    private static final RecoveryProfile RECOVERY = new RecoveryProfile(RecoveryProfile.Method.GO_BACK_N, Plan.TIMEOUT_NANOS / 50.0, 255, 1000,
        RecoveryProfile.RNR_RETRY_ALWAYS);
    private static final ClusterProfile PROFILE = with(ClusterProfile.h20Cx7Dual(), "nic", with(ClusterProfile.h20Cx7Dual().nic(), "recovery", RECOVERY));

    private final SimulatedTransport transport;
    private long nowNanos;

    SimulatedWires(final Plan plan, final SymmetricHeap heap, final int completionQueueDepth) {
        final Dice dice = new Dice(plan.seed, 3);
        final FaultProfile faults = new FaultProfile(dice.below(50) / 1000.0, dice.below(20) / 1000.0, dice.below(200) / 1000.0, dice.below(5000), plan.seed);
        this.transport = new SimulatedTransport(heap, PROFILE, PortPolicy.values()[dice.below(PortPolicy.values().length)],
            completionQueueDepth, faults);
    }

    /** A record with one component replaced. */
    private static <R extends Record> R with(final R record, final String name, final Object value) {
        try {
            final RecordComponent[] components = record.getClass().getRecordComponents();
            final Class<?>[] types = new Class<?>[components.length];
            final Object[] values = new Object[components.length];
            for (int at = 0; at < components.length; at++) {
                types[at] = components[at].getType();
                values[at] = components[at].getName().equals(name) ? value : components[at].getAccessor().invoke(record);
            }
            @SuppressWarnings("unchecked")
            final Class<R> type = (Class<R>) record.getClass();
            return type.getDeclaredConstructor(types).newInstance(values);
        } catch (final ReflectiveOperationException e) {
            throw new IllegalStateException(name, e);
        }
    }

    Transport transport() {
        return transport;
    }

    @Override
    public boolean step(final Dice dice) {
        // Time moves it on.
        return false;
    }

    @Override
    public void hold(final int from, final int to, final boolean on) {
        // Not offered: the network has faults of its own.
    }

    @Override
    public void drain(final int rank) {
        // What is in flight stays so.
    }

    @Override
    public void pass(final long nanos) {
        nowNanos += nanos;
        transport.simulation().runUntil(nowNanos * PICOS_PER_NANO);
    }

    @Override
    public void close() {
        transport.close();
    }
}

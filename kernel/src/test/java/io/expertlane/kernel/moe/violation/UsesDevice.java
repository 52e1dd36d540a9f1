package io.expertlane.kernel.moe.violation;

import io.expertlane.nic.violation.Device;

/** Breaks the rule that the kernel knows nothing of the NIC model. */
public final class UsesDevice {
    /** Depends on it in a body only. */
    public String name() {
        return new Device().toString();
    }
}

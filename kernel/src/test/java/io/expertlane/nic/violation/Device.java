package io.expertlane.nic.violation;

/** Stands where the NIC model's classes are; for a class of the kernel that breaks the rules. */
public final class Device {
}

/**
 * NICs in real time: agents on threads of their own that carry out what kernel threads post, and the CPU proxy that
 * posts for them. Nothing here knows virtual time.
 */
package io.expertlane.nic.emulation;

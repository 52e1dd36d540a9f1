/**
 * How ranks in processes of their own find each other: the variables by which jobs are started, and a rendezvous over TCP. Knows nothing of memory,
 * transports or exchanges; {@code docs/ranks.md} has the records.
 */
package io.expertlane.kernel.bootstrap;

/**
 * What is exchanged: shapes, routings and their readers and generators, expert placement, dispatch layouts.
 * Knows nothing of how bytes move.
 */
package io.expertlane.kernel.moe;

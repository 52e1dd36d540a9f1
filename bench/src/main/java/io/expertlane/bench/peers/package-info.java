/**
 * Programs that run this project's code against other systems (the scripts are in {@code bench/peers}). No benchmark of
 * our own code, no model.
 */
package io.expertlane.bench.peers;

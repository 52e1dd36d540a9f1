/**
 * The command line {@code expertlane}: one class a subcommand, one policy for errors and exit codes. Parses, calls,
 * prints; computes nothing.
 */
package io.expertlane.bench.cli;

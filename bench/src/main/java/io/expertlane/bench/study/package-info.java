/**
 * Studies: pages that answer a question by runs of {@code simulate}, as tables and charts, each with the command that
 * made it. All of it is simulated.
 */
package io.expertlane.bench.study;

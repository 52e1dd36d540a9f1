/**
 * What is made of results folders: comparisons of two, histories of many, exports for other tools, and the dashboard.
 * Reads folders through {@code results}, asks {@code statistics} for verdicts, measures nothing.
 */
package io.expertlane.bench.report;

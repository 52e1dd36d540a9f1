/**
 * Small programs that use the library as its users do, each with a {@code main} and a test that runs it. What a program
 * needs from the library is public there: nothing of this package is used by the library, and no code that others
 * should share belongs here.
 */
package io.expertlane.examples;

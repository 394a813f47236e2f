/**
 * Reading under attack: documents that are nearly good, and what must hold for whoever reads them.
 *
 * <p>{@link io.promptgrad.fuzz.Fuzz} makes the documents, bounds each reading in time and memory,
 * and prints how many there were. {@link io.promptgrad.fuzz.ReadingProcess} reads in a JVM of its
 * own, for readers with native code. How many cases a property has is {@code jqwik.tries.default}:
 * {@code -Pfuzz} sets ten times the usual.
 */
package io.promptgrad.fuzz;

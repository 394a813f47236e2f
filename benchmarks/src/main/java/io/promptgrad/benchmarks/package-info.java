/**
 * Benchmarks: single figures by JMH, ratios by programs that run the alternatives in turns.
 *
 * <p>Everything runs on the bundled model in float32, on inputs drawn from a seed.
 */
package io.promptgrad.benchmarks;

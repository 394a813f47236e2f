/**
 * Numbers that say how good a prompt is; higher is always better.
 *
 * <table>
 *   <caption>Which metric</caption>
 *   <tr><th>name</th><th>use it for</th></tr>
 *   <tr><td>accuracy</td><td>classification with classes of similar size</td></tr>
 *   <tr><td>macro-f1</td><td>classification where rare classes matter</td></tr>
 *   <tr><td>micro-f1</td><td>as accuracy, when some examples may get no answer</td></tr>
 *   <tr><td>p@K, mrr</td><td>retrieval of facts: how far up the gold answer ranks</td></tr>
 *   <tr><td>log-prob</td><td>a smooth signal where accuracy is flat, in nats per example</td></tr>
 * </table>
 *
 * <p>All are computed from {@link io.promptgrad.metric.Outcome}s, one per example, which evaluators
 * make and every run keeps. To add one, implement {@link io.promptgrad.metric.Metric} and name the
 * class in {@code META-INF/services/io.promptgrad.metric.Metric}.
 */
package io.promptgrad.metric;

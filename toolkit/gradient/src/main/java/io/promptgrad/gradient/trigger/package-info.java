/**
 * What discrete searches lower: losses of a trigger in sequences and their gradients, with
 * everything used again that can be; tasks and targets as problems; fluency, robustness, transfer.
 */
package io.promptgrad.gradient.trigger;

/**
 * Searches that move vectors or distributions and read tokens off them: PEZ, GBDA, FluentPrompt.
 */
package io.promptgrad.gradient.relaxed;

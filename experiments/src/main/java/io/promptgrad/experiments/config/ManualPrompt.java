package io.promptgrad.experiments.config;

import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.util.Optional;

/**
 * A prompt that a person wrote, to be beaten.
 *
 * @param template without trigger slots
 * @param verbalizer its label words; empty: the experiment's
 */
public record ManualPrompt(PromptTemplate template, Optional<Verbalizer> verbalizer) {}

/**
 * A small interpreter of Jinja, the language of chat templates.
 *
 * <p>A template is rendered as Python's Jinja2 renders it in the environment that transformers uses
 * for chat templates (immutable sandbox, {@code trim_blocks}, {@code lstrip_blocks}, loop controls,
 * {@code tojson} without HTML escapes, {@code raise_exception}, {@code strftime_now}), or refused
 * with its line: a prompt that differs by one blank from what a model was trained on is worse than
 * none. The tests compare with recordings of Jinja2, construct by construct.
 *
 * <p>Left out, and refused by name: template inheritance, includes and imports, {@code call}
 * blocks, recursive loops, HTML escaping, and rare filters and methods.
 *
 * <p>Templates come from strangers. They see JSON values and nothing of Java, cannot change what
 * they were given, and end after a bounded amount of work and memory.
 *
 * <p>{@code Lexer} cuts a template into tokens and settles the blanks around tags, {@code Parser}
 * makes a tree of them, {@code Statement} and {@code Expression} say what each node does, and
 * {@code Python} what values mean.
 */
package io.promptgrad.lm.jinja;

package io.promptgrad.lm.jinja;

import java.util.Iterator;

/**
 * Items that are computed when they are asked for, once: what filters such as {@code map} give. It
 * has no length and no index, and always counts as true.
 */
record Generator(Iterator<Object> items) {}

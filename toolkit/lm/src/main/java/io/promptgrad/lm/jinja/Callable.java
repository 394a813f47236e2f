package io.promptgrad.lm.jinja;

/** A value that can be called: a function, a macro, or a method of a value. */
interface Callable {

  Object call(Rendering in, Arguments arguments);
}

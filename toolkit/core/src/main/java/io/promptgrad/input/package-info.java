/**
 * The one exception for things that the user gave and that cannot be used.
 *
 * <p>Its message is one sentence for a person: what is wrong, where, and what to do. The command
 * line prints it and exits with code 2. Faults of a program, on the other hand, are {@link
 * IllegalArgumentException} and {@link IllegalStateException}. To report bad input, throw {@link
 * io.promptgrad.input.InvalidInputException} from the place that knows file, line or key.
 */
package io.promptgrad.input;

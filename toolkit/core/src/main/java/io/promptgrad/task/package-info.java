/**
 * What a prompt is searched for: examples in named splits.
 *
 * <ul>
 *   <li>{@link io.promptgrad.task.Example}: one row, its fields and its gold label.
 *   <li>{@link io.promptgrad.task.Task}: train to search on, dev to choose by, test to report on.
 *   <li>{@link io.promptgrad.task.ExampleFile} reads TSV, CSV and JSON lines; {@link
 *       io.promptgrad.task.Columns} says which column is the label and what its values mean.
 *   <li>{@link io.promptgrad.task.TaskFiles} reads a whole task from a configuration and can carve
 *       dev out of train, stratified and by a seed, leave labels out and balance them.
 *   <li>{@link io.promptgrad.task.LeakCheck} finds texts that occur in more than one split. Run it
 *       on every new task: a leak makes every number on test worthless.
 * </ul>
 *
 * <p>Data sets by name are in {@code io.promptgrad.data}. To bring another format, make {@code
 * Example}s from it yourself: nothing else looks at files. Give them stable ids, since paired tests
 * match outcomes by them.
 */
package io.promptgrad.task;

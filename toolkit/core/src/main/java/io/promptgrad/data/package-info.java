/**
 * Data sets by name: what is known, how it is read, and where it is kept.
 *
 * <ul>
 *   <li>{@link io.promptgrad.data.Catalogue}: what is known of each data set: addresses, checksum,
 *       licence, citation, how its files lie and how many rows they have.
 *   <li>{@link io.promptgrad.data.Import} reads the files that its authors gave out, checks them,
 *       and makes a {@link io.promptgrad.data.Dataset}: splits of JSON lines, always of one form.
 *   <li>{@link io.promptgrad.data.DataDirectory}: the folder where data sets are; tasks name them.
 *   <li>{@link io.promptgrad.data.Fact}: a row of LAMA with its relation, template and sentences;
 *       {@link io.promptgrad.data.FactTask} makes a task of the facts of a relation.
 * </ul>
 *
 * <p>To add a data set, describe it in {@code catalogue.yaml}. Most layouts are read by one of the
 * readers of {@code RowReader}; a new one is a record there and a line in {@code Catalogue}. Add a
 * tiny copy of the layout, with sentences of your own, to the tests.
 */
package io.promptgrad.data;

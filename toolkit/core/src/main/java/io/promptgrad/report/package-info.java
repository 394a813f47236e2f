/**
 * Pages for people, made from run directories alone.
 *
 * <ul>
 *   <li>{@link io.promptgrad.report.HtmlReport}: one run, or several side by side. One file, no
 *       scripts, no network, light and dark.
 *   <li>{@link io.promptgrad.report.TracePlots}: its pictures by themselves, for notebooks.
 * </ul>
 */
package io.promptgrad.report;

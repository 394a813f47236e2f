/**
 * Small pieces of HTML that reports and notebooks share. All text is escaped here; numbers are
 * printed the same way everywhere.
 */
package io.promptgrad.report.html;

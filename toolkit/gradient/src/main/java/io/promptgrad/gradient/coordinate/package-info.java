/**
 * Searches that change tokens: GCG and its relatives, universal triggers, ARCA, AutoDAN, and the
 * random control.
 */
package io.promptgrad.gradient.coordinate;

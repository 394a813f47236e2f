package io.promptgrad.lm.hub;

import java.nio.file.Path;
import java.util.List;

/**
 * A commit of a repository in the cache.
 *
 * @param name {@code organisation/name}
 * @param commit the full commit
 * @param revisions the branches and tags that were at this commit when they were last asked for
 * @param complete whether configuration and weights are there, all of them
 * @param bytes the size of its files; files of equal content in several commits are stored once
 * @param folder its folder
 */
public record CachedModel(
    String name, String commit, List<String> revisions, boolean complete, long bytes, Path folder) {

  /** Copies the list. */
  public CachedModel {
    revisions = List.copyOf(revisions);
  }
}

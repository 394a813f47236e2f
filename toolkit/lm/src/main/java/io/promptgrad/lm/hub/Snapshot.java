package io.promptgrad.lm.hub;

import java.nio.file.Path;

/**
 * A model's files at one commit, in the cache.
 *
 * @param reference what was asked for
 * @param commit the full commit that this was
 * @param folder the folder to load
 * @param bytes the size of all files in it
 */
public record Snapshot(HubReference reference, String commit, Path folder, long bytes) {

  /** The same model, named so that it stays the same when the branch goes on. */
  public HubReference pinned() {
    return reference.at(commit);
  }
}

package io.promptgrad.lm.hub;

import io.promptgrad.input.InvalidInputException;
import java.util.regex.Pattern;

/**
 * A model on the hub.
 *
 * @param name {@code organisation/name}; the hub's oldest models have a name only
 * @param revision a branch, a tag, or a commit in full or shortened
 */
public record HubReference(String name, String revision) {

  /** The branch that is meant when none is named. */
  public static final String MAIN = "main";

  private static final Pattern LOOKS_LIKE_ONE =
      Pattern.compile("[^./~@\\\\:][^/@\\\\:]*/[^/@\\\\:]+(@.*)?");
  private static final Pattern PART =
      Pattern.compile("[A-Za-z0-9_]([A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?");
  private static final Pattern REVISION = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9_./+-]{0,199}");

  /**
   * Refuses names that the hub does not have, those that would lead out of the cache among them.
   */
  public HubReference {
    String[] parts = name.split("/", -1);
    boolean good = parts.length <= 2 && !name.contains("--") && !name.contains("..");
    for (String part : parts) {
      good = good && PART.matcher(part).matches() && !part.endsWith(".git");
    }
    if (!good) {
      throw new InvalidInputException(
          "'%s' is not the name of a model on the hub; such a name is organisation/name, of letters, digits, '.', '_' and single '-'."
              .formatted(name));
    }
    if (!REVISION.matcher(revision).matches()
        || revision.contains("..")
        || revision.contains("//")
        || revision.contains("/.")
        || revision.endsWith("/")) {
      throw new InvalidInputException(
          "'%s' is not a revision of %s; give a branch, a tag or a commit."
              .formatted(revision, name));
    }
  }

  /**
   * Reads {@code organisation/name}, with {@code @revision} or without.
   *
   * @throws InvalidInputException if it is not like that
   */
  public static HubReference parse(String text) {
    int at = text.indexOf('@');
    return at < 0
        ? new HubReference(text, MAIN)
        : new HubReference(text.substring(0, at), text.substring(at + 1));
  }

  /** Whether a text is meant to be {@code organisation/name}, rather than some other path. */
  public static boolean looksLikeOne(String text) {
    return LOOKS_LIKE_ONE.matcher(text).matches() && !text.matches("[^/]*/\\.\\.?(@.*)?");
  }

  /** The same model at another revision. */
  public HubReference at(String otherRevision) {
    return new HubReference(name, otherRevision);
  }

  /** As {@link #parse} reads it. */
  @Override
  public String toString() {
    return revision.equals(MAIN) ? name : name + "@" + revision;
  }
}

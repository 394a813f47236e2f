package io.promptgrad.lm.jinja;

/**
 * What a rendering may still cost. Every node that is evaluated, every item and every character
 * that is made costs one, so that time and memory are bounded together.
 */
final class Work {

  private static final long LIMIT = 50_000_000;

  private long left = LIMIT;

  void spend(long units) {
    left -= units;
    if (left < 0) {
      throw new TemplateProblem("the template does too much work");
    }
  }

  /** Pays for a text that is about to be made, or was just made. */
  String made(String text) {
    spend(text.length());
    return text;
  }
}

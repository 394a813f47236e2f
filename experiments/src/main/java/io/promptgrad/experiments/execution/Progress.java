package io.promptgrad.experiments.execution;

import io.promptgrad.search.Best;
import io.promptgrad.search.Budget;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.ProgressListener;
import java.util.Locale;
import java.util.OptionalDouble;

/** Shows how a search goes: one line written over on a terminal, a line now and then elsewhere. */
final class Progress implements ProgressListener {

  private static final long REDRAW_NANOS = 100_000_000L;
  private static final long LINE_NANOS = 15_000_000_000L;
  private static final int WIDTH = 100;

  private final Console console;
  private long lastShown = Long.MIN_VALUE;
  private String line = "";
  private boolean shown = true;

  Progress(Console console) {
    this.console = console;
  }

  @Override
  public void onStart(int stepsDone, Best best) {
    if (stepsDone > 0) {
      console.say("Going on after step %d: %s".formatted(stepsDone, best.prompt().text()));
    }
  }

  @Override
  public void onStep(ProgressListener.Progress progress) {
    line = describe(progress);
    shown = false;
    long now = System.nanoTime();
    long interval = console.terminal() ? REDRAW_NANOS : LINE_NANOS;
    if (lastShown != Long.MIN_VALUE && now - lastShown < interval) {
      return;
    }
    lastShown = now;
    show();
  }

  @Override
  public void onStop(LoopResult result) {
    if (!shown) {
      show();
    }
    if (console.terminal() && !line.isEmpty()) {
      console.say("");
    }
  }

  private void show() {
    shown = true;
    if (console.terminal()) {
      String cut = line.length() > WIDTH ? line.substring(0, WIDTH - 1) + "…" : line;
      console.err().print("\r" + cut + "\u001b[K");
      console.err().flush();
    } else {
      console.say(line);
    }
  }

  private static String describe(ProgressListener.Progress progress) {
    StringBuilder text = new StringBuilder("step " + progress.step());
    progress.budget().steps().ifPresent(steps -> text.append('/').append(steps));
    text.append(String.format(Locale.ROOT, "  score %.3f", progress.report().score()));
    text.append(String.format(Locale.ROOT, "  best dev %.3f", progress.best().dev()));
    double tokens = progress.cost().forwardTokens() / Math.max(progress.seconds(), 1e-9);
    text.append(String.format(Locale.ROOT, "  %,.0f tokens/s", tokens));
    secondsLeft(progress)
        .ifPresent(
            seconds ->
                text.append(
                    String.format(
                        Locale.ROOT, "  %d:%02d left", (long) seconds / 60, (long) seconds % 60)));
    return text + "  " + progress.best().prompt().text();
  }

  /** From the limit that is used up most; none without a budget. */
  private static OptionalDouble secondsLeft(ProgressListener.Progress progress) {
    Budget budget = progress.budget();
    double used = 0;
    if (budget.steps().isPresent()) {
      used = Math.max(used, (double) progress.step() / budget.steps().getAsLong());
    }
    if (budget.evaluations().isPresent()) {
      double evaluations = progress.cost().evaluations();
      used = Math.max(used, evaluations / budget.evaluations().getAsLong());
    }
    if (budget.forwardTokens().isPresent()) {
      double tokens = progress.cost().forwardTokens();
      used = Math.max(used, tokens / budget.forwardTokens().getAsLong());
    }
    if (budget.time().isPresent()) {
      used = Math.max(used, progress.seconds() / budget.time().get().toSeconds());
    }
    return used <= 0
        ? OptionalDouble.empty()
        : OptionalDouble.of(Math.max(0, progress.seconds() * (1 - used) / used));
  }
}

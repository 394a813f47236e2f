package io.promptgrad.experiments.execution;

import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.ProgressListener;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * The best prompts while a search goes on: on a terminal a table that is written over, elsewhere a
 * line for each prompt that takes the lead, and one now and then.
 *
 * <p>Prompts are ordered by their score on the search's own examples; those with fewer than half of
 * the most examples wait outside, since luck is large there.
 */
final class PromptTable implements ProgressListener {

  private static final int ROWS = 5;
  private static final int WIDTH = 100;
  private static final long REDRAW_NANOS = 200_000_000L;
  private static final long LINE_NANOS = 15_000_000_000L;

  private final Console console;
  private final Map<String, Row> rows = new LinkedHashMap<>(); // by text
  private long lastShown = Long.MIN_VALUE;
  private int drawn; // lines of the table on the terminal
  private String leader = "";
  private List<String> pending = List.of();

  private record Row(String text, double score, int n, int step) {}

  PromptTable(Console console) {
    this.console = console;
  }

  @Override
  public void onStart(int stepsDone, Best best) {
    if (stepsDone > 0) {
      console.say(
          "Going on after step %d: %s".formatted(stepsDone, line(best.prompt().text(), WIDTH)));
    }
  }

  @Override
  public void onStep(ProgressListener.Progress progress) {
    for (Candidate candidate : progress.report().candidates()) {
      if (candidate.n() > 0 && !Double.isNaN(candidate.score())) {
        Row row = new Row(candidate.text(), candidate.score(), candidate.n(), progress.step());
        rows.merge(row.text(), row, (old, fresh) -> fresh.n() >= old.n() ? fresh : old);
      }
    }
    List<Row> best = best();
    pending = table(progress, best);
    String first = best.isEmpty() ? "" : best.get(0).text();
    boolean lead = !first.equals(leader);
    leader = first;
    long now = System.nanoTime();
    long interval = console.terminal() ? REDRAW_NANOS : LINE_NANOS;
    boolean due = lastShown == Long.MIN_VALUE || now - lastShown >= interval;
    if (due || (lead && !console.terminal())) {
      lastShown = now;
      show();
    }
  }

  private List<Row> best() {
    int most = rows.values().stream().mapToInt(Row::n).max().orElse(0);
    List<Row> best =
        rows.values().stream()
            .filter(row -> 2 * row.n() >= most)
            .sorted(Comparator.comparingDouble(Row::score).reversed())
            .limit(ROWS)
            .toList();
    return best;
  }

  @Override
  public void onStop(LoopResult result) {
    show();
    drawn = 0;
  }

  private void show() {
    if (pending.isEmpty()) {
      return;
    }
    if (!console.terminal()) {
      console.say(pending.get(0));
      if (pending.size() > 2) {
        console.say("  " + pending.get(2));
      }
      pending = List.of();
      return;
    }
    if (drawn > 0) {
      console.err().print("\u001b[" + drawn + "A");
    }
    pending.forEach(text -> console.err().print("\r" + text + "\u001b[K\n"));
    console.err().flush();
    drawn = pending.size();
    pending = List.of();
  }

  /** What was spent, a heading and the best prompts, a line each. */
  private static List<String> table(ProgressListener.Progress progress, List<Row> best) {
    List<String> lines = new ArrayList<>();
    StringBuilder spent = new StringBuilder("step " + progress.step());
    progress.budget().steps().ifPresent(steps -> spent.append('/').append(steps));
    spent.append(
        String.format(
            Locale.ROOT,
            "  best dev %.3f  %,d calls  %,d tokens",
            progress.best().dev(),
            progress.cost().calls(),
            progress.cost().forwardTokens()));
    if (progress.cost().usd() > 0) {
      spent.append(String.format(Locale.ROOT, "  $%.4f", progress.cost().usd()));
    }
    lines.add(spent.toString());
    lines.add(" score    n  step  prompt");
    for (Row row : best) {
      lines.add(
          String.format(
              Locale.ROOT,
              "%6.3f %4d %5d  %s",
              row.score(),
              row.n(),
              row.step(),
              line(row.text(), WIDTH - 19)));
    }
    return lines;
  }

  private static String line(String text, int width) {
    String flat = text.strip().replaceAll("\\s+", " ").replaceAll("\\p{Cntrl}", "?");
    return flat.length() > width ? flat.substring(0, width - 1) + "…" : flat;
  }
}

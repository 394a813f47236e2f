package io.promptgrad.search;

import io.promptgrad.report.html.Html;
import java.util.ArrayList;
import java.util.List;

/**
 * How a search ended.
 *
 * @param best the prompt found
 * @param stoppedBy {@code budget}, {@code patience}, {@code convergence}, {@code target}, {@code
 *     finished} (the method had nothing left to do) or {@code cancelled}
 * @param cost of all steps, those before a resume included
 * @param steps number of steps done
 * @param seconds time spent in steps, summed over resumed parts
 */
public record LoopResult(Best best, String stoppedBy, Cost cost, int steps, double seconds) {

  /** Returns the prompt and how the search ended, with their style, for a notebook. */
  public String toHtml() {
    List<String> tokens = new ArrayList<>();
    best.prompt().toJson().path("tokens").forEach(token -> tokens.add(token.asText()));
    int[] ids = best.prompt().tokenIds();
    return Html.fragment(
        "<p class=\"prompt\">"
            + Html.escape(best.prompt().text())
            + "</p>\n"
            + (ids.length == 0 ? "" : Html.chips(tokens, ids))
            + Html.facts(
                List.of(
                    new Html.Fact("dev", Html.number(best.dev())),
                    new Html.Fact("found in step", Html.count(best.step())),
                    new Html.Fact("stopped by", stoppedBy),
                    new Html.Fact("steps", Html.count(steps)),
                    new Html.Fact("time in steps", Html.duration(seconds)),
                    new Html.Fact("evaluations", Html.count(cost.evaluations())))));
  }
}

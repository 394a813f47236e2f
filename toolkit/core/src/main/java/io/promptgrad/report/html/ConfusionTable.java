package io.promptgrad.report.html;

import io.promptgrad.metric.Outcome;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Gold labels down, predictions across, counts in the cells; a cell's shade is its share of the
 * row. The twelve most frequent labels are shown, the others together.
 */
public final class ConfusionTable {

  private static final int SHOWN = 12;
  private static final String OTHER = "(other)";
  private static final String NONE = "(no answer)";

  private ConfusionTable() {}

  /** Returns the table; nothing for no outcomes. */
  public static String of(List<Outcome> outcomes) {
    if (outcomes.isEmpty()) {
      return "";
    }
    List<String> shown = mostFrequent(outcomes);
    Map<String, Map<String, Integer>> rows = new LinkedHashMap<>();
    shown.forEach(label -> rows.put(label, new LinkedHashMap<>()));
    boolean none = false;
    boolean other = false;
    for (Outcome outcome : outcomes) {
      String gold = shown.contains(outcome.gold()) ? outcome.gold() : OTHER;
      String predicted = shown.contains(outcome.predicted()) ? outcome.predicted() : OTHER;
      if (outcome.failure().isPresent()) {
        predicted = NONE;
        none = true;
      }
      other |= gold.equals(OTHER) || predicted.equals(OTHER);
      rows.computeIfAbsent(gold, unused -> new LinkedHashMap<>()).merge(predicted, 1, Integer::sum);
    }
    List<String> columns = new ArrayList<>(shown);
    if (other) {
      columns.add(OTHER);
    }
    if (none) {
      columns.add(NONE);
    }
    StringBuilder html =
        new StringBuilder(
            "<div class=\"scroll\"><table class=\"confusion\">\n<tr><th>gold \\ predicted</th>");
    columns.forEach(label -> html.append("<th>").append(Html.escape(label)).append("</th>"));
    html.append("<th>recall</th></tr>\n");
    rows.forEach((gold, counts) -> html.append(row(gold, counts, columns)));
    return html.append("</table></div>\n").toString();
  }

  private static String row(String gold, Map<String, Integer> counts, List<String> columns) {
    int total = counts.values().stream().mapToInt(Integer::intValue).sum();
    if (total == 0 && !columns.contains(gold)) {
      return "";
    }
    StringBuilder html = new StringBuilder("<tr><th class=\"row\">" + Html.escape(gold) + "</th>");
    for (String predicted : columns) {
      int count = counts.getOrDefault(predicted, 0);
      boolean hit = predicted.equals(gold) && !gold.equals(OTHER);
      html.append(
          String.format(
              Locale.ROOT,
              "<td class=\"%s\" style=\"--share:%.0f%%\" title=\"%s: %d of %d\">%s</td>",
              hit ? "hit" : "miss",
              total == 0 ? 0 : 55.0 * count / total,
              Html.escape("gold " + gold + ", predicted " + predicted),
              count,
              total,
              Html.count(count)));
    }
    boolean known = total > 0 && !gold.equals(OTHER);
    double recall = known ? (double) counts.getOrDefault(gold, 0) / total : Double.NaN;
    return html.append("<td>" + Html.number(recall) + "</td></tr>\n").toString();
  }

  private static List<String> mostFrequent(List<Outcome> outcomes) {
    Map<String, Integer> counts = new TreeMap<>();
    for (Outcome outcome : outcomes) {
      counts.merge(outcome.gold(), 1, Integer::sum);
      if (outcome.failure().isEmpty()) {
        counts.merge(outcome.predicted(), 1, Integer::sum);
      }
    }
    List<String> labels = new ArrayList<>(counts.keySet());
    if (labels.size() > SHOWN) {
      labels.sort((a, b) -> Integer.compare(counts.get(b), counts.get(a)));
      labels = labels.subList(0, SHOWN);
    }
    return labels;
  }
}

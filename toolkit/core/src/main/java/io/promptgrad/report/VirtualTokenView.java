package io.promptgrad.report;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.report.SvgPlot.Marker;
import io.promptgrad.report.SvgPlot.Point;
import io.promptgrad.report.html.Html;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Virtual tokens of a soft prompt among the words of the vocabulary, from {@code
 * prompt/tokens.json}: {@code {"nearest": {MEASURE: [[{"token": ..., "value": ...}]]}, "map":
 * {"words": [[x, y, word]], "virtual": [[x, y, number]]}}}, and of one that was drawn to a text
 * {@code "towards": {"text": ..., "distance": ..., "projections": {MEASURE: {"text": ..., "f1":
 * ...}}}}.
 */
public final class VirtualTokenView {

  private VirtualTokenView() {}

  /** Returns the nearest tokens as a table and the map as a picture, in HTML. */
  public static String of(JsonNode view) {
    return table(view.path("nearest")) + towards(view.path("towards")) + map(view.path("map"));
  }

  private static String towards(JsonNode towards) {
    if (towards.isMissingNode()) {
      return "";
    }
    StringBuilder html = new StringBuilder();
    html.append(
        "<p>Drawn to \u201c%s\u201d: the mean squared distance from its words is %s. The nearest tokens read "
            .formatted(
                Html.escape(towards.path("text").asText()),
                Html.number(towards.path("distance").asDouble())));
    List<String> readings = new ArrayList<>();
    towards
        .path("projections")
        .properties()
        .forEach(
            entry ->
                readings.add(
                    "\u201c%s\u201d by %s (F1 of the words %s)"
                        .formatted(
                            Html.escape(entry.getValue().path("text").asText()),
                            Html.escape(entry.getKey()),
                            Html.number(entry.getValue().path("f1").asDouble()))));
    return html.append(String.join(", ", readings)).append(".</p>\n").toString();
  }

  private static String table(JsonNode nearest) {
    StringBuilder html = new StringBuilder("<h2>Nearest tokens</h2>\n");
    html.append(
        "<p class=\"soft\">The words nearest to each virtual token. They do not explain what it does.</p>\n");
    html.append("<div class=\"scroll\"><table class=\"wide\">\n<tr><th>virtual token</th>");
    List<String> measures = nearest.properties().stream().map(Map.Entry::getKey).toList();
    measures.forEach(measure -> html.append("<th>").append(Html.escape(measure)).append("</th>"));
    html.append("</tr>\n");
    int n = measures.isEmpty() ? 0 : nearest.path(measures.get(0)).size();
    for (int t = 0; t < n; t++) {
      html.append("<tr><td>%d</td>".formatted(t + 1));
      for (String measure : measures) {
        List<String> words = new ArrayList<>();
        nearest
            .path(measure)
            .path(t)
            .forEach(
                near ->
                    words.add(
                        Html.escape(near.path("token").asText())
                            + " <span class=\"soft\">"
                            + Html.number(near.path("value").asDouble())
                            + "</span>"));
        html.append("<td>").append(String.join(", ", words)).append("</td>");
      }
      html.append("</tr>\n");
    }
    return html.append("</table></div>\n").toString();
  }

  private static String map(JsonNode map) {
    return "<h2>Virtual tokens among words</h2>\n"
        + new SvgPlot(
                "Virtual tokens among word vectors, first two principal components",
                "first principal component",
                "second principal component")
            .points("words", "grey quiet", Marker.DOT, 1.6, points(map.path("words"), ""))
            .points(
                "virtual tokens",
                "orange",
                Marker.DOT,
                4,
                points(map.path("virtual"), "virtual token "))
            .toSvg();
  }

  private static List<Point> points(JsonNode rows, String before) {
    List<Point> points = new ArrayList<>();
    rows.forEach(
        row ->
            points.add(
                new Point(
                    row.path(0).asDouble(),
                    row.path(1).asDouble(),
                    before + row.path(2).asText())));
    return points;
  }
}

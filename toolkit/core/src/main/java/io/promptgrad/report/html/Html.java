package io.promptgrad.report.html;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;

/** The few pieces of HTML that reports and notebooks share. Everything here escapes its input. */
public final class Html {

  private static final String STYLE = style();

  private Html() {}

  private static String style() {
    try (InputStream css = Html.class.getResourceAsStream("style.css")) {
      return new String(css.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new IllegalStateException("The style sheet is missing from the jar.", e);
    }
  }

  /** Returns the text with markup characters escaped, for element content and attributes. */
  public static String escape(String text) {
    StringBuilder escaped = new StringBuilder(text.length() + 16);
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> escaped.append("&amp;");
        case '<' -> escaped.append("&lt;");
        case '>' -> escaped.append("&gt;");
        case '"' -> escaped.append("&quot;");
        case '\'' -> escaped.append("&#39;");
        default -> {
          // Control characters are not allowed in a page; lone surrogates cannot be encoded.
          boolean control = c < ' ' && c != '\n' && c != '\t';
          escaped.append(control || loneSurrogate(text, i) ? '\uFFFD' : c);
        }
      }
    }
    return escaped.toString();
  }

  private static boolean loneSurrogate(String text, int i) {
    char c = text.charAt(i);
    if (Character.isHighSurrogate(c)) {
      return i + 1 == text.length() || !Character.isLowSurrogate(text.charAt(i + 1));
    }
    return Character.isLowSurrogate(c)
        && (i == 0 || !Character.isHighSurrogate(text.charAt(i - 1)));
  }

  /** Returns a complete page; the body is markup already. */
  public static String page(String title, String body) {
    return """
    <!DOCTYPE html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>%s</title>
    <style>
    %s</style>
    </head>
    <body class="pg">
    <main>
    %s</main>
    </body>
    </html>
    """
        .formatted(escape(title), STYLE, body);
  }

  /** Returns markup that brings its style along, for a notebook's cell. */
  public static String fragment(String body) {
    return "<div class=\"pg\"><style>\n" + STYLE + "</style>\n" + body + "</div>";
  }

  /** Returns a number with three decimals; numbers above 1,000 with none. */
  public static String number(double value) {
    if (Double.isNaN(value)) {
      return "–";
    }
    if (Double.isInfinite(value)) {
      return value > 0 ? "∞" : "−∞";
    }
    return String.format(Locale.ROOT, Math.abs(value) >= 1000 ? "%,.0f" : "%.3f", value)
        .replace('-', '−');
  }

  /** Returns a p-value the way papers print it. */
  public static String pValue(double p) {
    if (p < 0.0001) {
      return "p < 0.0001";
    }
    return String.format(Locale.ROOT, p < 0.001 ? "p = %.4f" : "p = %.3f", p);
  }

  /** Returns a whole number with separators. */
  public static String count(long value) {
    return String.format(Locale.ROOT, "%,d", value);
  }

  /** Returns a duration for people: 0.42 s, 12.3 s, 4 min 05 s, 2 h 03 min. */
  public static String duration(double seconds) {
    if (seconds < 60) {
      return String.format(Locale.ROOT, seconds < 1 ? "%.2f s" : "%.1f s", seconds);
    }
    long whole = Math.round(seconds);
    return whole < 3600
        ? String.format(Locale.ROOT, "%d min %02d s", whole / 60, whole % 60)
        : String.format(Locale.ROOT, "%d h %02d min", whole / 3600, whole % 3600 / 60);
  }

  /** Returns a list of warnings, or nothing if there are none. */
  public static String warnings(List<String> warnings) {
    if (warnings.isEmpty()) {
      return "";
    }
    StringBuilder html = new StringBuilder("<ul class=\"warnings\">\n");
    warnings.forEach(w -> html.append("<li>").append(escape(w)).append("</li>\n"));
    return html.append("</ul>\n").toString();
  }

  /** Returns names with values, side by side; empty values are left out. */
  public static String facts(List<Fact> facts) {
    StringBuilder html = new StringBuilder("<dl class=\"facts\">\n");
    for (Fact fact : facts) {
      if (!fact.value().isEmpty()) {
        html.append(
            "<div><dt>%s</dt><dd>%s</dd></div>\n"
                .formatted(escape(fact.name()), escape(fact.value())));
      }
    }
    return html.append("</dl>\n").toString();
  }

  /** A name with its value, both plain text. */
  public record Fact(String name, String value) {}

  /**
   * Returns tokens as chips, text above id.
   *
   * @param tokens one text per id, or none if they are not known
   */
  public static String chips(List<String> tokens, int[] ids) {
    StringBuilder html = new StringBuilder("<div class=\"chips\">\n");
    for (int i = 0; i < ids.length; i++) {
      String text = tokens.size() == ids.length ? tokens.get(i) : "";
      html.append(
          "<span class=\"chip\" title=\"token %s of %s, id %s\">%s<small>%s</small></span>\n"
              .formatted(i + 1, ids.length, ids[i], escape(text), ids[i]));
    }
    return html.append("</div>\n").toString();
  }
}

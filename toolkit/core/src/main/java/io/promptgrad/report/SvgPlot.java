package io.promptgrad.report;

import io.promptgrad.report.html.Html;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A small plot of lines and points as inline SVG. Colours come from the page's style sheet, so that
 * one picture suits light and dark pages.
 */
final class SvgPlot {

  enum Marker {
    DOT,
    RING,
    CROSS,
    DASH
  }

  record Point(double x, double y, String title) {}

  private static final int WIDTH = 880;
  private static final int HEIGHT = 300;
  private static final int LEFT = 58;
  private static final int RIGHT = 16;
  private static final int TOP = 14;
  private static final int BOTTOM = 44;

  private final String description;
  private final String xName;
  private final String yName;
  private final List<Layer> layers = new ArrayList<>();
  private final List<Reference> references = new ArrayList<>();

  /** Something drawn from points; {@code marker} is null for a line. */
  private record Layer(
      String name, String style, Marker marker, double size, boolean stairs, List<Point> points) {}

  private record Reference(String name, double y) {}

  SvgPlot(String description, String xName, String yName) {
    this.description = description;
    this.xName = xName;
    this.yName = yName;
  }

  /** Adds a line through the points; with {@code stairs} a value holds until the next one. */
  SvgPlot line(String name, String style, boolean stairs, List<Point> points) {
    layers.add(new Layer(name, style, null, 0, stairs, finite(points)));
    return this;
  }

  /** Adds points; a point's title appears when the mouse rests on it. */
  SvgPlot points(String name, String style, Marker marker, double size, List<Point> points) {
    layers.add(new Layer(name, style, marker, size, false, finite(points)));
    return this;
  }

  /** Adds a dashed horizontal line. */
  SvgPlot reference(String name, double y) {
    if (Double.isFinite(y)) {
      references.add(new Reference(name, y));
    }
    return this;
  }

  private static List<Point> finite(List<Point> points) {
    return points.stream().filter(p -> Double.isFinite(p.x) && Double.isFinite(p.y)).toList();
  }

  private double x0;
  private double x1;
  private double y0;
  private double y1;

  /** Returns the picture with its legend as a figure, or a sentence if there is nothing to draw. */
  String toSvg() {
    List<Point> all = layers.stream().flatMap(layer -> layer.points.stream()).toList();
    if (all.isEmpty()) {
      return "<p class=\"soft\">Nothing to draw yet.</p>\n";
    }
    x0 = all.stream().mapToDouble(Point::x).min().orElseThrow();
    x1 = all.stream().mapToDouble(Point::x).max().orElseThrow();
    y0 = all.stream().mapToDouble(Point::y).min().orElseThrow();
    y1 = all.stream().mapToDouble(Point::y).max().orElseThrow();
    for (Reference reference : references) {
      y0 = Math.min(y0, reference.y);
      y1 = Math.max(y1, reference.y);
    }
    widen();
    StringBuilder svg = new StringBuilder("<figure>\n").append(legend());
    svg.append(
        "<svg class=\"plot\" viewBox=\"0 0 %s %s\" role=\"img\" aria-label=\"%s\">\n"
            .formatted(WIDTH, HEIGHT, Html.escape(description)));
    axes(svg);
    for (Reference reference : references) {
      reference(svg, reference);
    }
    for (Layer layer : layers) {
      if (layer.marker == null) {
        line(svg, layer);
      } else {
        layer.points.forEach(
            point -> svg.append(mark(layer, px(point.x), py(point.y), point.title)));
      }
    }
    return svg.append("</svg>\n</figure>\n").toString();
  }

  /** Leaves some air around the points, and room where all of them are equal. */
  private void widen() {
    if (x1 == x0) {
      x0 -= 0.5;
      x1 += 0.5;
    }
    // Values that differ in their last bits have no ticks between them.
    boolean equal = y1 - y0 <= 1e-9 * Math.max(Math.abs(y1), 1);
    double air = equal ? Math.max(Math.abs(y1), 1) * 0.05 : (y1 - y0) * 0.07;
    y0 -= air;
    y1 += air;
    double side = (x1 - x0) * 0.015;
    x0 -= side;
    x1 += side;
  }

  private double px(double x) {
    return LEFT + (x - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT);
  }

  private double py(double y) {
    return HEIGHT - BOTTOM - (y - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM);
  }

  private void axes(StringBuilder svg) {
    double yStep = tickStep((y1 - y0) / 5, false);
    long lastY = (long) Math.floor(y1 / yStep);
    for (long i = (long) Math.ceil(y0 / yStep); i <= lastY; i++) {
      double y = i * yStep;
      svg.append(segment("grid", LEFT, py(y), WIDTH - RIGHT, py(y)));
      svg.append(label(LEFT - 8, py(y) + 4, "end", tick(y, yStep)));
    }
    double xStep = tickStep((x1 - x0) / 8, true);
    long lastX = (long) Math.floor(x1 / xStep);
    for (long i = (long) Math.ceil(x0 / xStep); i <= lastX; i++) {
      double x = i * xStep;
      svg.append(segment("axis", px(x), HEIGHT - BOTTOM, px(x), HEIGHT - BOTTOM + 4));
      svg.append(label(px(x), HEIGHT - BOTTOM + 18, "middle", tick(x, xStep)));
    }
    svg.append(segment("axis", LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, HEIGHT - BOTTOM));
    svg.append(label((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8, "middle", xName));
  }

  /** The next of 1, 2, 5, 10, 20 ... times a power of ten; whole numbers only if asked for. */
  private static double tickStep(double atLeast, boolean whole) {
    double power = Math.pow(10, Math.floor(Math.log10(atLeast)));
    double step = 10 * power;
    for (int factor : new int[] {5, 2, 1}) {
      if (factor * power >= atLeast) {
        step = factor * power;
      }
    }
    return whole ? Math.max(1, step) : step;
  }

  private static String tick(double value, double step) {
    int decimals = (int) Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
    double clean = Math.abs(value) < step / 1e6 ? 0 : value; // no "-0"
    return String.format(Locale.ROOT, "%,." + decimals + "f", clean).replace('-', '−');
  }

  private void reference(StringBuilder svg, Reference reference) {
    double y = py(reference.y);
    svg.append(segment("reference", LEFT, y, WIDTH - RIGHT, y));
    svg.append(
        label(WIDTH - RIGHT - 2, y - 5, "end", reference.name + " " + Html.number(reference.y)));
  }

  private void line(StringBuilder svg, Layer layer) {
    StringBuilder path = new StringBuilder();
    double previousY = 0;
    for (int i = 0; i < layer.points.size(); i++) {
      double x = px(layer.points.get(i).x);
      double y = py(layer.points.get(i).y);
      if (i > 0 && layer.stairs) {
        path.append(format("L%.1f %.1f", x, previousY));
      }
      path.append(format(i == 0 ? "M%.1f %.1f" : "L%.1f %.1f", x, y));
      previousY = y;
    }
    svg.append(
        "<path class=\"stroke %s\" d=\"%s\"><title>%s</title></path>\n"
            .formatted(layer.style, path, Html.escape(layer.name)));
  }

  private static String mark(Layer layer, double x, double y, String title) {
    double r = layer.size;
    String shape =
        switch (layer.marker) {
          case DOT ->
              format(
                  "<circle class=\"dot %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"",
                  layer.style, x, y, r);
          case RING ->
              format(
                  "<circle class=\"ring %s\" cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\"",
                  layer.style, x, y, r);
          case CROSS ->
              format(
                  "<path class=\"cross %s\" d=\"M%.1f %.1fl%.1f %.1fm0 %.1fl%.1f %.1f\"",
                  layer.style, x - r, y - r, 2 * r, 2 * r, -2 * r, -2 * r, 2 * r);
          case DASH ->
              format(
                  "<path class=\"stroke %s\" d=\"M%.1f %.1fh%.1f\"", layer.style, x - r, y, 2 * r);
        };
    String tag = shape.startsWith("<circle") ? "circle" : "path";
    return title.isEmpty()
        ? shape + "/>\n"
        : shape + "><title>" + Html.escape(title) + "</title></" + tag + ">\n";
  }

  /** The legend is text in the page rather than in the picture, so that it fits any font. */
  private String legend() {
    StringBuilder html = new StringBuilder("<figcaption class=\"legend\">\n");
    html.append("<span>").append(Html.escape(yName)).append("</span>\n<span class=\"keys\">\n");
    for (Layer layer : layers) {
      if (!layer.points.isEmpty()) {
        html.append("<span><svg viewBox=\"0 0 18 12\" width=\"18\" height=\"12\">");
        html.append(
            layer.marker == null
                ? "<path class=\"stroke %s\" d=\"M1 6h16\"/>".formatted(layer.style)
                : mark(layer, 9, 6, "").strip());
        html.append("</svg>").append(Html.escape(layer.name)).append("</span>\n");
      }
    }
    return html.append("</span>\n</figcaption>\n").toString();
  }

  private static String segment(String style, double x1, double y1, double x2, double y2) {
    return format(
        "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n",
        style, x1, y1, x2, y2);
  }

  private static String label(double x, double y, String anchor, String text) {
    return format(
        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n",
        x, y, anchor, Html.escape(text));
  }

  private static String format(String pattern, Object... values) {
    return String.format(Locale.ROOT, pattern, values);
  }
}

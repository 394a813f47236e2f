package io.promptgrad.report;

import io.promptgrad.report.SvgPlot.Marker;
import io.promptgrad.report.SvgPlot.Point;
import io.promptgrad.report.html.Html;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.TraceStep;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Pictures of a search, as inline SVG; {@link Html#fragment} makes them fit for a notebook. */
public final class TracePlots {

  /** More marks than this make a page slow and a picture black. */
  private static final int MOST_MARKS = 4_000;

  private TracePlots() {}

  /**
   * Returns the step score, the dev measurements and the running best.
   *
   * @param references dev scores to compare with, by name; drawn as dashed lines
   */
  public static String scores(List<TraceStep> trace, Map<String, Double> references) {
    List<Point> steps = new ArrayList<>();
    List<Point> dev = new ArrayList<>();
    List<Point> best = new ArrayList<>();
    for (TraceStep step : trace) {
      double score = step.report().score();
      steps.add(new Point(step.step(), score, at(step, "score", score)));
      if (step.report().dev().isPresent()) {
        double value = step.report().dev().getAsDouble();
        dev.add(new Point(step.step(), value, at(step, "dev", value)));
      }
      best.add(new Point(step.step(), step.bestDev(), ""));
    }
    SvgPlot plot = new SvgPlot("Scores over the steps of the search", "step", "score");
    references.forEach(plot::reference);
    return plot.line("step score", "thin grey", false, steps)
        .line("best on dev", "blue", true, best)
        .points("dev, when measured", "blue", Marker.RING, 3.2, dev)
        .toSvg();
  }

  /**
   * Returns the losses of a search whose candidates say what theirs is, in the details {@code loss}
   * and {@code dev_loss}; else nothing.
   */
  public static String losses(List<TraceStep> trace) {
    List<Point> train = new ArrayList<>();
    List<Point> dev = new ArrayList<>();
    for (TraceStep step : trace) {
      for (Candidate candidate : step.report().candidates()) {
        if (candidate.details().get("loss") instanceof Number loss) {
          train.add(
              new Point(step.step(), loss.doubleValue(), at(step, "loss", loss.doubleValue())));
        }
        if (candidate.details().get("dev_loss") instanceof Number loss) {
          dev.add(
              new Point(step.step(), loss.doubleValue(), at(step, "dev loss", loss.doubleValue())));
        }
      }
    }
    if (train.isEmpty()) {
      return "";
    }
    return new SvgPlot("Losses over the steps of the search", "step", "loss, nats")
        .line("train", "orange", false, train)
        .line("dev", "blue", false, dev)
        .toSvg();
  }

  private static String at(TraceStep step, String what, double value) {
    return "step %s: %s %s".formatted(step.step(), what, Html.number(value));
  }

  /** Returns every candidate's score by step; accepted ones stand out, pruned ones are crosses. */
  public static String candidates(List<TraceStep> trace) {
    int quiet = 0;
    for (TraceStep step : trace) {
      quiet += (int) step.report().candidates().stream().filter(TracePlots::quiet).count();
    }
    int stride = 1 + (quiet - 1) / MOST_MARKS;
    List<Point> evaluated = new ArrayList<>();
    List<Point> pruned = new ArrayList<>();
    List<Point> incumbent = new ArrayList<>();
    List<Point> accepted = new ArrayList<>();
    int seen = 0;
    for (TraceStep step : trace) {
      for (Candidate candidate : step.report().candidates()) {
        if (candidate.status() == Candidate.Status.SKIPPED // it has no score
            || (quiet(candidate) && seen++ % stride != 0)) {
          continue;
        }
        Point point = new Point(step.step(), candidate.score(), title(step, candidate));
        (switch (candidate.status()) {
              case EVALUATED -> evaluated;
              case PRUNED, SKIPPED -> pruned;
              case INCUMBENT -> incumbent;
              case ACCEPTED -> accepted;
            })
            .add(point);
      }
    }
    String svg =
        new SvgPlot("Score of every candidate by step", "step", "score on the step's examples")
            .points("pruned", "grey quiet", Marker.CROSS, 2.2, pruned)
            .points("evaluated", "blue quiet", Marker.DOT, 2, evaluated)
            .points("incumbent", "grey", Marker.DASH, 4, incumbent)
            .points("accepted", "orange", Marker.DOT, 4, accepted)
            .toSvg();
    return stride == 1
        ? svg
        : svg
            + "<p class=\"soft\">One in %s of the %s candidates not taken is drawn.</p>\n"
                .formatted(stride, Html.count(quiet));
  }

  private static boolean quiet(Candidate candidate) {
    return candidate.status() == Candidate.Status.EVALUATED
        || candidate.status() == Candidate.Status.PRUNED;
  }

  private static String title(TraceStep step, Candidate candidate) {
    return "step %s, %s on %s examples: %s"
        .formatted(step.step(), Html.number(candidate.score()), candidate.n(), candidate.text());
  }

  /** Returns the running best of several runs over the number of examples scored. */
  public static String compare(Map<String, List<TraceStep>> traces) {
    String[] tones = {"blue", "orange", "green", "purple", "olive", "red", "grey"};
    SvgPlot plot = new SvgPlot("Best dev score of each run", "examples scored", "best on dev");
    int i = 0;
    for (Map.Entry<String, List<TraceStep>> run : traces.entrySet()) {
      List<Point> best = new ArrayList<>();
      for (TraceStep step : run.getValue()) {
        best.add(new Point(step.total().evaluations(), step.bestDev(), ""));
      }
      plot.line(run.getKey(), tones[i++ % tones.length], true, best);
    }
    return plot.toSvg();
  }
}

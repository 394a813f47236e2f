package io.promptgrad.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.evaluation.Comparison;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.evaluation.MajorityClass;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.metric.Outcome;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.run.RunResult;
import io.promptgrad.search.Best;
import io.promptgrad.search.Budget;
import io.promptgrad.search.Candidate;
import io.promptgrad.search.Cost;
import io.promptgrad.search.LoopResult;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.SearchLoop;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.random.RandomGenerator;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.xml.sax.InputSource;
import org.xml.sax.SAXException;

class HtmlReportTest {

  @TempDir Path folder;

  @Test
  void write_finishedRun_showsEverything() throws IOException {
    try (RunDirectory run = finishedRun(folder.resolve("run"), 0)) {
      String page = Files.readString(HtmlReport.write(run));
      assertThat(page)
          .contains("<h1>drift on toy</h1>", "majority", "manual", "found (drift)")
          .containsPattern("Paired test on test, found against majority: .*wins.*losses, p ")
          .containsPattern("Paired test on test, found against manual: \\+.*wins.*losses, p ")
          .contains("best on dev", "pruned", "accepted", "gold \\ predicted")
          .contains("Most confident mistakes", "A &lt;script&gt;alert(1)&lt;/script&gt; film")
          .contains("Ġ&lt;b&gt;", "<small>17</small>")
          .contains("template: ", "cpu, 2 threads")
          .contains("Only 40 examples");
      assertSelfContained(page);
      wellFormed(page);
      keep(page, "report.html");
    }
  }

  /** Coordinates in Arabic digits are no coordinates. */
  @Test
  void page_localeWithItsOwnDigits_isTheSame() throws IOException {
    Locale before = Locale.getDefault();
    try (RunDirectory run = finishedRun(folder.resolve("run"), 0)) {
      Locale.setDefault(Locale.ROOT);
      String page = HtmlReport.page(run);
      Path pages = HtmlReport.compare(List.of(run), folder.resolve("root.html"));
      Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
      assertThat("%d".formatted(7)).isNotEqualTo("7");
      assertThat(HtmlReport.page(run)).isEqualTo(page);
      assertThat(HtmlReport.compare(List.of(run), folder.resolve("egypt.html")))
          .hasSameTextualContentAs(pages);
      run.withdrawResult();
      assertThat(HtmlReport.page(run)).contains("has not ended: 60 steps");
    } finally {
      Locale.setDefault(before);
    }
  }

  @Test
  void page_runUnderWay_saysSo() throws IOException {
    ObjectNode config = Json.object().put("method", "drift");
    try (RunDirectory run = RunDirectory.create(folder.resolve("run"), config)) {
      assertThat(HtmlReport.page(run)).contains("has not ended: 0 steps");
      SearchLoop.of(new Drift(1)).budget(Budget.ofSteps(1)).in(run.path(), "x").run();
      String page = HtmlReport.page(run);
      assertThat(page).contains("has not ended: 1 steps").contains("<svg");
      wellFormed(page);
    }
  }

  @Test
  void compare_severalRuns_hasARowEachBestFirst() throws IOException {
    List<RunDirectory> runs = new ArrayList<>();
    for (int seed = 0; seed < 3; seed++) {
      runs.add(finishedRun(folder.resolve("seed" + seed), seed));
    }
    runs.add(RunDirectory.create(folder.resolve("unfinished"), Json.object().put("a", 1)));
    String page = Files.readString(HtmlReport.compare(runs, folder.resolve("compare.html")));
    assertThat(page)
        .contains(
            "seed0",
            "seed1",
            "seed2",
            "has no result yet and is left out",
            "vs majority",
            "vs manual");
    assertSelfContained(page);
    wellFormed(page);
    keep(page, "compare.html");
    assertThatThrownBy(() -> HtmlReport.compare(runs.subList(3, 4), folder.resolve("compare.html")))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("has a result yet");
    runs.forEach(RunDirectory::close);
  }

  @Test
  void plot_oddValues_drawsWhatIsFinite() throws IOException {
    List<SvgPlot.Point> points = new ArrayList<>();
    points.add(new SvgPlot.Point(1, Double.NaN, "not drawn"));
    points.add(new SvgPlot.Point(2, Double.NEGATIVE_INFINITY, "not drawn"));
    assertThat(new SvgPlot("d", "x", "y").line("l", "blue", true, points).toSvg())
        .contains("Nothing to draw");
    points.add(new SvgPlot.Point(3, -1e-9, "one"));
    String svg =
        new SvgPlot("d", "x", "y")
            .points("l", "blue", SvgPlot.Marker.DOT, 2, points)
            .reference("none", Double.NaN)
            .toSvg();
    assertThat(svg).contains("<title>one</title>").doesNotContain("not drawn", "NaN", "Infinity");
    wellFormed(svg);
  }

  /** Adding a step to a large number may not change it: the loop over the ticks never ended. */
  @Test
  @Timeout(value = 10, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
  void plot_valuesThatDifferInTheLastBit_ends() {
    for (double y : new double[] {1, 0.7, -3e5, 1e15, 1e-12}) {
      List<SvgPlot.Point> points =
          List.of(new SvgPlot.Point(1, y, ""), new SvgPlot.Point(2, Math.nextUp(y), ""));
      assertThat(new SvgPlot("d", "x", "y").line("l", "blue", true, points).toSvg())
          .contains("<svg")
          .doesNotContain("NaN");
    }
  }

  private static void assertSelfContained(String page) {
    assertThat(page)
        .startsWith("<!DOCTYPE html>")
        .doesNotContain("<script", "http:", "https:", "src=", "<link", "@import", "url(");
  }

  /** The page is HTML, but kept well-formed so that a parser at hand can check its nesting. */
  private static void wellFormed(String page) throws IOException {
    String xml = page.replace("<!DOCTYPE html>", "").replaceAll("<meta ([^>]*)>", "<meta $1/>");
    try {
      DocumentBuilderFactory.newInstance()
          .newDocumentBuilder()
          .parse(new InputSource(new StringReader(xml)));
    } catch (SAXException | ParserConfigurationException e) {
      throw new AssertionError("The page is not well-formed: " + e.getMessage(), e);
    }
  }

  /** Keeps the page for a look with a browser. */
  private static void keep(String page, String name) throws IOException {
    Path kept = Files.createDirectories(Path.of("target", "pages")).resolve(name);
    Files.writeString(kept, page);
  }

  private RunDirectory finishedRun(Path path, long seed) {
    ObjectNode config = Json.object();
    config.put("method", "drift").put("template", "{sentence} [T] [T] [T] [P] .");
    config.putObject("search").put("candidates", 20).put("seed", seed);
    RunDirectory run = RunDirectory.create(path, config);
    run.writeEnvironment(Map.of("promptgrad", "0.1"), "cpu, 2 threads");
    LoopResult loop = SearchLoop.of(new Drift(seed)).budget(Budget.ofSteps(60)).in(path, "x").run();

    RandomGenerator random = new RandomSource(seed).stream("test", 0);
    List<Example> test = new ArrayList<>();
    List<Outcome> found = new ArrayList<>();
    List<Outcome> manual = new ArrayList<>();
    for (int i = 0; i < 400; i++) {
      String gold = i % 5 < 2 ? "negative" : "positive";
      String text =
          "A <script>alert(1)</script> film, number "
              + i
              + ", that never quite decides"
              + " what it wants to be, although its actors do all they can";
      test.add(new Example("test:" + i, Map.of("sentence", text), gold));
      found.add(outcome("test:" + i, gold, random, 0.84));
      manual.add(outcome("test:" + i, gold, random, 0.7));
    }
    List<Example> dev = test.subList(0, 40);
    Accuracy accuracy = new Accuracy();
    MajorityClass majority = MajorityClass.of(test);
    EvalReport foundTest = EvalReport.of(accuracy, List.of(), found);
    EvalReport foundDev = EvalReport.of(accuracy, List.of(), found.subList(0, 40));
    run.writeOutcomes("found", "test", found, test);
    run.writePrompt(loop.best().prompt());
    run.writeResult(
        RunResult.builder("drift", "tiny-model", "toy", "accuracy")
            .seed(seed)
            .baseline("majority", "dev", majority.evaluate(dev, accuracy, List.of()).toScore())
            .baseline("majority", "test", majority.evaluate(test, accuracy, List.of()).toScore())
            .baseline(
                "manual",
                "dev",
                EvalReport.of(accuracy, List.of(), manual.subList(0, 40)).toScore())
            .baseline("manual", "test", EvalReport.of(accuracy, List.of(), manual).toScore())
            .loop(loop, foundDev.toScore(), foundTest.toScore())
            .comparison(
                "majority",
                Comparison.of(
                    accuracy, found, majority.evaluate(test, accuracy, List.of()).outcomes()))
            .comparison("manual", Comparison.of(accuracy, found, manual))
            .warnings(foundDev.warnings())
            .runDir(path.toString())
            .build());
    return run;
  }

  private static Outcome outcome(String id, String gold, RandomGenerator random, double skill) {
    String other = gold.equals("negative") ? "positive" : "negative";
    String predicted = random.nextDouble() < skill ? gold : other;
    double high = -0.69 * random.nextDouble();
    double low = Math.log1p(-Math.exp(high));
    boolean right = predicted.equals(gold);
    return Outcome.classified(
        id, gold, predicted, right ? 1 : 2, Map.of(predicted, high, right ? other : gold, low));
  }

  /** A made-up search whose score drifts upwards, with every kind of candidate. */
  private static final class Drift implements Search {

    private final RandomSource random;
    private double level = 0.55;
    private Best best = new Best(new Words(), 0.55, 0);

    Drift(long seed) {
      random = new RandomSource(seed);
    }

    @Override
    public String method() {
      return "drift";
    }

    @Override
    public StepReport step(int step) {
      RandomGenerator draws = random.stream("drift", step);
      double noise = 0.04 * (draws.nextDouble() - 0.5);
      List<Candidate> candidates = new ArrayList<>();
      candidates.add(candidate(step, 0, level + noise, 240, Candidate.Status.INCUMBENT));
      double top = level + noise;
      for (int i = 1; i <= 20; i++) {
        double score = level + noise - 0.12 * Math.pow(draws.nextDouble(), 2) + 0.015;
        boolean pruned = score < level + noise - 0.05;
        if (!pruned && score > top + 0.012 && step % 3 == 0) {
          top = score;
          candidates.add(candidate(step, i, score, 240, Candidate.Status.ACCEPTED));
        } else {
          candidates.add(
              candidate(
                  step,
                  i,
                  score,
                  pruned ? 100 : 240,
                  pruned ? Candidate.Status.PRUNED : Candidate.Status.EVALUATED));
        }
      }
      boolean accepted = top > level + noise;
      boolean newBest = false;
      OptionalDouble dev = OptionalDouble.empty();
      if (accepted) {
        level += top - level - noise;
        double measured = level - 0.01 + 0.03 * draws.nextDouble();
        dev = OptionalDouble.of(measured);
        if (measured > best.dev()) {
          newBest = true;
          best = new Best(new Words(), measured, step);
        }
      }
      return new StepReport(
          candidates, top, dev, newBest, new Cost(21 * 240, 21 * 240 * 30, 7200, 0, 0));
    }

    private static Candidate candidate(
        int step, int i, double score, int n, Candidate.Status status) {
      return new Candidate(
          step + "." + i,
          step + ".0",
          " alot dialogue <Clone>",
          new int[] {17, 4, 9},
          score,
          n,
          status,
          Map.of());
    }

    @Override
    public Best best() {
      return best;
    }

    @Override
    public ObjectNode save() {
      return Json.object().put("level", level);
    }

    @Override
    public void restore(ObjectNode state) {
      level = state.get("level").asDouble();
    }
  }

  private record Words() implements Prompt {
    @Override
    public String kind() {
      return "trigger";
    }

    @Override
    public String text() {
      return "<b> dialogue totally";
    }

    @Override
    public int[] tokenIds() {
      return new int[] {17, 4, 942};
    }

    @Override
    public ObjectNode toJson() {
      ObjectNode json = Json.object().put("kind", kind()).put("text", text());
      json.set("token_ids", Json.array(tokenIds()));
      json.set("tokens", Json.tree(List.of("Ġ<b>", "Ġdialogue", "Ġtotally")));
      return json;
    }
  }
}

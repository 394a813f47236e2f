package io.promptgrad.search;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What every {@link Search} promises. A method's test extends this class, says how a search is
 * made, and adds what is its own.
 *
 * <pre>{@code
 * class MyMethodTest extends SearchContract {
 *   @Override
 *   protected Search search(long seed) {
 *     return new MyMethod(MODEL, TASK, MyConfig.defaults(), new RandomSource(seed));
 *   }
 * }
 * }</pre>
 *
 * <p>Published in the test-jar of promptgrad-core; needs JUnit and AssertJ.
 */
public abstract class SearchContract {

  /** Steps of a run; enough that the state changes, few enough that all tests take seconds. */
  protected int steps() {
    return 8;
  }

  /**
   * Returns a new search on a small task; two of the same seed share nothing that a step changes.
   */
  protected abstract Search search(long seed);

  /** Whether the first prompt takes part in the choice of the best; not so in some originals. */
  protected boolean startTakesPart() {
    return true;
  }

  private List<StepReport> reports(Search search) {
    List<StepReport> reports = new ArrayList<>();
    for (int step = 1; step <= steps() && !search.finished(); step++) {
      reports.add(search.step(step));
    }
    return reports;
  }

  @Test
  void step_sameSeed_sameReports() {
    Search one = search(1);
    Search other = search(1);
    assertThat(reports(one)).isEqualTo(reports(other)).isNotEmpty();
    assertThat(one.best()).usingRecursiveComparison().isEqualTo(other.best());
    assertThat(one.save()).isEqualTo(other.save());
  }

  /** Results carry it, so that a run can be made again. */
  @Test
  void best_beforeTheFirstStep_isAPrompt() {
    Best start = search(2).best();
    assertThat(start.prompt().toJson().path("kind").asText()).isNotBlank();
    assertThat(start.step()).isZero();
  }

  @Test
  void best_inTheCourseOfTheSteps_neverGetsWorse() {
    Search search = search(3);
    double last = Double.NaN;
    for (int step = 1; step <= steps() && !search.finished(); step++) {
      StepReport report = search.step(step);
      Best best = search.best();
      assertThat(report.newBest()).as("new best in step %d", step).isEqualTo(best.step() == step);
      if (!Double.isNaN(last)) {
        assertThat(best.dev()).as("dev after step %d", step).isGreaterThanOrEqualTo(last);
      }
      if (startTakesPart()) {
        assertThat(best.dev()).as("dev is known after step %d", step).isNotNaN();
      }
      last = best.dev();
    }
  }

  @Test
  void reports_areComplete() {
    Search search = search(4);
    Set<String> ids = new HashSet<>();
    for (StepReport report : reports(search)) {
      assertThat(report.candidates()).isNotEmpty();
      assertThat(report.score()).isNotNaN();
      for (Candidate candidate : report.candidates()) {
        assertThat(ids.add(candidate.id())).as("%s is unique", candidate.id()).isTrue();
        assertThat(candidate.n()).isNotNegative();
        assertThat(candidate.score()).isNotNaN();
        assertThat(Candidate.fromJson(candidate.toJson())).isEqualTo(candidate);
      }
      long accepted =
          report.candidates().stream()
              .filter(candidate -> candidate.status() == Candidate.Status.ACCEPTED)
              .count();
      assertThat(accepted).isLessThanOrEqualTo(1);
      Cost cost = report.cost();
      assertThat(cost.evaluations() + cost.calls()).as("a step costs something").isPositive();
      assertThat(List.of(cost.evaluations(), cost.forwardTokens(), cost.backwardTokens()))
          .allMatch(count -> count >= 0);
    }
  }

  /** A state is text in a file, and later steps do not change what was saved. */
  @Test
  void restore_ofASavedState_goesOnAsIfNothingHadHappened() throws Exception {
    Search whole = search(5);
    List<ObjectNode> saved = new ArrayList<>();
    List<String> texts = new ArrayList<>();
    List<StepReport> reports = new ArrayList<>();
    for (int step = 1; step <= steps() && !whole.finished(); step++) {
      saved.add(whole.save());
      texts.add(Json.line(whole.save()));
      reports.add(whole.step(step));
    }
    for (int done = 0; done < reports.size(); done++) {
      assertThat(Json.line(saved.get(done)))
          .as("state after step %d", done)
          .isEqualTo(texts.get(done));
      Search resumed = search(5);
      resumed.restore((ObjectNode) Json.parse(texts.get(done)));
      assertThat(Json.line(resumed.save())).isEqualTo(texts.get(done));
      assertThat(resumed.step(done + 1)).as("step %d", done + 1).isEqualTo(reports.get(done));
    }
  }

  @Test
  void run_resumedAfterEveryStep_equalsUninterrupted(@TempDir Path folder) {
    Path whole = folder.resolve("whole");
    Path pieces = folder.resolve("pieces");
    LoopResult expected =
        SearchLoop.of(search(6)).budget(Budget.ofSteps(steps())).in(whole, "same").run();
    LoopResult result = null;
    for (int limit = 0; limit <= steps(); limit++) {
      result = SearchLoop.of(search(6)).budget(Budget.ofSteps(limit)).in(pieces, "same").run();
    }
    assertThat(result.best().prompt().toJson()).isEqualTo(expected.best().prompt().toJson());
    assertThat(result.best().dev()).isEqualTo(expected.best().dev());
    assertThat(result.best().step()).isEqualTo(expected.best().step());
    assertThat(result.cost()).isEqualTo(expected.cost());
    assertThat(result.steps()).isEqualTo(expected.steps());
    assertThat(result.stoppedBy()).isEqualTo(expected.stoppedBy());
    assertThat(traceWithoutTimes(pieces)).isEqualTo(traceWithoutTimes(whole));
  }

  private static List<JsonNode> traceWithoutTimes(Path folder) {
    List<JsonNode> steps = new ArrayList<>();
    for (TraceStep step : TraceStep.read(folder.resolve("trace.jsonl"))) {
      steps.add(step.toJson().without("seconds"));
    }
    return steps;
  }

  @Test
  void run_underABudget_stopsWithTheStepThatReachesIt() {
    List<StepReport> reports = reports(search(7));
    Cost first = reports.get(0).cost();
    assertThat(run(Budget.ofSteps(0)).steps()).isZero();
    assertThat(run(Budget.ofSteps(2)).steps()).isEqualTo(Math.min(2, reports.size()));
    if (first.evaluations() > 0) {
      assertThat(run(Budget.UNLIMITED.withEvaluations(first.evaluations())).steps()).isEqualTo(1);
    }
    if (first.forwardTokens() > 0 && reports.size() > 1) {
      Budget more = Budget.UNLIMITED.withForwardTokens(first.forwardTokens() + 1);
      assertThat(run(more).steps()).isEqualTo(2);
    }
    if (first.calls() > 0) {
      assertThat(run(Budget.UNLIMITED.withCalls(first.calls())).steps()).isEqualTo(1);
    }
    Cost sum = reports.stream().map(StepReport::cost).reduce(Cost.ZERO, Cost::plus);
    assertThat(run(Budget.ofSteps(steps())).cost()).isEqualTo(sum);
  }

  private LoopResult run(Budget budget) {
    return SearchLoop.of(search(7)).budget(budget).run();
  }
}

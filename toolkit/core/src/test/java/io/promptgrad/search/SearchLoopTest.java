package io.promptgrad.search;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class SearchLoopTest {

  @TempDir Path folder;

  private static SearchLoop loop(Search search) {
    AtomicLong clock = new AtomicLong();
    return SearchLoop.of(search).clock(() -> clock.getAndAdd(500_000_000L));
  }

  @Test
  void run_budgetOfSteps_isKept() {
    LoopResult result = loop(new CountingSearch(1)).budget(Budget.ofSteps(7)).run();
    assertThat(result.steps()).isEqualTo(7);
    assertThat(result.stoppedBy()).isEqualTo("budget");
    assertThat(result.cost()).isEqualTo(new Cost(7, 70, 35, 14, 1.75));
  }

  @Test
  void run_anyLimit_stopsAtTheFirstStepThatReachesIt() {
    assertThat(stepsUnder(Budget.UNLIMITED.withEvaluations(4))).isEqualTo(4);
    assertThat(stepsUnder(Budget.UNLIMITED.withForwardTokens(41))).isEqualTo(5);
    assertThat(stepsUnder(Budget.UNLIMITED.withCalls(6))).isEqualTo(3);
    assertThat(stepsUnder(Budget.UNLIMITED.withUsd(0.6))).isEqualTo(3);
    assertThat(stepsUnder(Budget.UNLIMITED.withTime(Duration.ofSeconds(3)))).isEqualTo(6);
    assertThat(stepsUnder(Budget.ofSteps(5).withCalls(6))).isEqualTo(3);
    assertThat(stepsUnder(Budget.ofSteps(0))).isZero();
  }

  /** The search for label tokens was free of charge. */
  @Test
  void run_startAt_countsWhatWasUsedBefore() {
    Cost before = new Cost(3, 30, 0, 0, 0);
    Budget budget = Budget.UNLIMITED.withForwardTokens(70);
    LoopResult part =
        loop(new CountingSearch(1)).startAt(before, 9).in(folder, "id").budget(budget).run();
    assertThat(part.steps()).isEqualTo(4);
    assertThat(part.cost()).isEqualTo(before.plus(new Cost(4, 40, 20, 8, 1)));
    assertThat(part.seconds()).isGreaterThanOrEqualTo(9);
    // A run that goes on has counted it already.
    LoopResult rest =
        loop(new CountingSearch(1))
            .startAt(before, 9)
            .in(folder, "id")
            .budget(Budget.ofSteps(5))
            .run();
    assertThat(rest.cost()).isEqualTo(before.plus(new Cost(5, 50, 25, 10, 1.25)));
  }

  private static int stepsUnder(Budget budget) {
    LoopResult result = loop(new CountingSearch(1)).budget(budget).run();
    assertThat(result.stoppedBy()).isEqualTo("budget");
    return result.steps();
  }

  @Test
  void budget_negative_isRefused() {
    assertThatThrownBy(() -> Budget.ofSteps(-1))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("steps is -1");
    assertThatThrownBy(() -> Budget.UNLIMITED.withUsd(Double.NaN))
        .isInstanceOf(InvalidInputException.class);
  }

  @Test
  void run_finishedMethod_stops() {
    LoopResult result = loop(new CountingSearch(1)).budget(Budget.ofSteps(10_000)).run();
    assertThat(result.stoppedBy()).isEqualTo("finished");
    assertThat(result.best().prompt().tokenIds()).containsExactly(9, 9, 9);
  }

  @Test
  void run_target_stopsWithTheStepThatReachesIt() {
    LoopResult result = loop(new CountingSearch(1)).stopWhen(new StopRule.Target(20)).run();
    assertThat(result.stoppedBy()).isEqualTo("target");
    assertThat(result.best().dev()).isGreaterThanOrEqualTo(20);
    assertThat(result.best().step()).isEqualTo(result.steps());
  }

  @Test
  void run_patience_countsStepsSinceTheLastBest() {
    LoopResult result = loop(new CountingSearch(1)).stopWhen(new StopRule.Patience(4)).run();
    assertThat(result.stoppedBy()).isEqualTo("patience");
    assertThat(result.steps()).isEqualTo(result.best().step() + 4);
  }

  @Test
  void run_convergence_comparesTwoWindows() {
    List<Double> scores = new ArrayList<>();
    LoopResult result =
        loop(new CountingSearch(1))
            .stopWhen(new StopRule.Convergence(3, 0.4))
            .listener(progress -> scores.add(progress.report().score()))
            .run();
    assertThat(result.stoppedBy()).isEqualTo("convergence");
    for (int end = 6; end <= scores.size(); end++) {
      double last = mean(scores.subList(end - 3, end));
      double before = mean(scores.subList(end - 6, end - 3));
      assertThat(Math.abs(last - before) < 0.4).isEqualTo(end == scores.size());
    }
  }

  private static double mean(List<Double> values) {
    return values.stream().mapToDouble(x -> x).average().orElseThrow();
  }

  @Test
  void run_events_comeInOrder() {
    List<String> events = new ArrayList<>();
    ProgressListener listener =
        new ProgressListener() {
          @Override
          public void onStart(int stepsDone, Best best) {
            events.add("start " + stepsDone + " " + best.prompt().text());
          }

          @Override
          public void onStep(Progress progress) {
            events.add("step " + progress.step() + " " + progress.seconds());
          }

          @Override
          public void onStop(LoopResult result) {
            events.add("stop " + result.stoppedBy());
          }
        };
    loop(new CountingSearch(1)).budget(Budget.ofSteps(2)).listener(listener).run();
    assertThat(events).containsExactly("start 0 0 0 0", "step 1 0.5", "step 2 1.0", "stop budget");
  }

  @Test
  void run_cancelled_endsAfterTheStepUnderWayAndResumes() throws IOException {
    AtomicInteger asked = new AtomicInteger();
    LoopResult part =
        loop(new CountingSearch(3))
            .in(folder, "id")
            .budget(Budget.ofSteps(20))
            .cancelWhen(() -> asked.incrementAndGet() > 6)
            .run();
    assertThat(part.stoppedBy()).isEqualTo("cancelled");
    assertThat(part.steps()).isEqualTo(6);
    LoopResult rest = loop(new CountingSearch(3)).in(folder, "id").budget(Budget.ofSteps(20)).run();
    assertSame(rest, uninterrupted(3, 20));
    assertThat(TraceStep.read(folder.resolve("trace.jsonl"))).hasSize(20);
  }

  @Property(tries = 25)
  void resume_killedAfterEveryStep_equalsNoInterruption(
      @ForAll long seed, @ForAll @IntRange(min = 1, max = 25) int steps) throws IOException {
    Path whole = Files.createTempDirectory("whole");
    Path pieces = Files.createTempDirectory("pieces");
    LoopResult expected = configured(new CountingSearch(seed), whole, steps).run();
    for (int kill = 1; kill <= steps; kill++) {
      // Each process gets one step further: the step after the checkpoint dies half done.
      CountingSearch dying = new CountingSearch(seed);
      dying.dieAtStep = kill;
      try {
        configured(dying, pieces, steps).run();
      } catch (IllegalStateException e) {
        assertThat(e).hasMessage("killed in step " + kill);
        litter(pieces, kill);
      }
    }
    LoopResult resumed = configured(new CountingSearch(seed), pieces, steps).run();
    assertSame(resumed, expected);
    assertThat(withoutTimes(pieces)).isEqualTo(withoutTimes(whole));
    // Resuming what has ended changes nothing.
    assertSame(configured(new CountingSearch(seed), pieces, steps).run(), expected);
    assertThat(withoutTimes(pieces)).isEqualTo(withoutTimes(whole));
    delete(whole);
    delete(pieces);
  }

  private static SearchLoop configured(Search search, Path directory, int steps) {
    return loop(search)
        .in(directory, "toy")
        .budget(Budget.ofSteps(steps))
        // One rule at a time, so that the state of each decides some of the runs.
        .stopWhen(steps % 2 == 0 ? new StopRule.Patience(4) : new StopRule.Convergence(2, 0.01));
  }

  /** What kills leave: a line of a step that the checkpoint does not know, whole or torn. */
  private static void litter(Path directory, int kill) throws IOException {
    String line = kill % 2 == 0 ? "{\"step\":999}\n{\"step\":" : "{\"st";
    Files.writeString(directory.resolve("trace.jsonl"), line, StandardOpenOption.APPEND);
    if (kill > 1) {
      Files.writeString(directory.resolve("checkpoint/.state.jsonl.part"), "{\"form");
    }
  }

  private static List<String> withoutTimes(Path directory) throws IOException {
    List<String> lines = new ArrayList<>();
    for (String line : Files.readAllLines(directory.resolve("trace.jsonl"))) {
      ObjectNode json = (ObjectNode) Json.parse(line);
      json.remove("seconds");
      lines.add(json.toString());
    }
    return lines;
  }

  private static void delete(Path directory) throws IOException {
    try (var files = Files.walk(directory)) {
      for (Path file : files.sorted(java.util.Comparator.reverseOrder()).toList()) {
        Files.delete(file);
      }
    }
  }

  private static LoopResult uninterrupted(long seed, int steps) {
    return loop(new CountingSearch(seed)).budget(Budget.ofSteps(steps)).run();
  }

  private static void assertSame(LoopResult actual, LoopResult expected) {
    assertThat(actual.best().prompt().tokenIds())
        .containsExactly(expected.best().prompt().tokenIds());
    assertThat(actual.best().dev()).isEqualTo(expected.best().dev());
    assertThat(actual.best().step()).isEqualTo(expected.best().step());
    assertThat(actual.steps()).isEqualTo(expected.steps());
    assertThat(actual.cost()).isEqualTo(expected.cost());
    assertThat(actual.stoppedBy()).isEqualTo(expected.stoppedBy());
  }

  @Test
  void trace_readBack_holdsEveryStep() {
    List<StepReport> reports = new ArrayList<>();
    loop(new CountingSearch(5))
        .in(folder, "id")
        .budget(Budget.ofSteps(9))
        .listener(progress -> reports.add(progress.report()))
        .run();
    List<TraceStep> trace = TraceStep.read(folder.resolve("trace.jsonl"));
    assertThat(trace).extracting(TraceStep::report).isEqualTo(reports);
    assertThat(trace.get(8).total()).isEqualTo(new Cost(9, 90, 45, 18, 2.25));
    assertThat(trace.get(8).seconds()).isEqualTo(4.5);
    assertThat(trace.get(8).bestDev()).isEqualTo(reports.get(8).score());
  }

  @Test
  void checkpoint_ofAnotherMethodOrConfiguration_isRefused() throws IOException {
    loop(new CountingSearch(1)).in(folder, "one").budget(Budget.ofSteps(2)).run();
    refused(() -> loop(new CountingSearch(1)).in(folder, "two").run(), "another configuration");
    Path file = folder.resolve("checkpoint/state.jsonl");
    Files.writeString(file, Files.readString(file).replace("counting", "gcg"));
    refused(() -> loop(new CountingSearch(1)).in(folder, "one").run(), "made by the method 'gcg'");
  }

  @Test
  void checkpoint_damagedAnywhere_isRefused() throws IOException {
    loop(new CountingSearch(1)).in(folder, "one").budget(Budget.ofSteps(2)).run();
    Path file = folder.resolve("checkpoint/state.jsonl");
    byte[] good = Files.readAllBytes(file);
    for (byte[] bad :
        List.of(
            new byte[0],
            "{}".getBytes(),
            "\u0000\u0000\u0000\u0000".getBytes(),
            java.util.Arrays.copyOf(good, good.length / 2),
            new String(good).replace("\"dev\":", "\"dev\":1").getBytes())) {
      Files.write(file, bad);
      refused(() -> loop(new CountingSearch(1)).in(folder, "one").run(), "is damaged");
    }
  }

  @Test
  void trace_shorterThanTheCheckpoint_isRefused() throws IOException {
    loop(new CountingSearch(1)).in(folder, "one").budget(Budget.ofSteps(3)).run();
    Path trace = folder.resolve("trace.jsonl");
    Files.writeString(trace, Files.readAllLines(trace).get(0) + "\n");
    refused(
        () -> loop(new CountingSearch(1)).in(folder, "one").budget(Budget.ofSteps(5)).run(),
        "ends after step 1, but the checkpoint is of step 3");
  }

  @Test
  void run_directoryIsAFile_isRefused() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "x");
    refused(() -> loop(new CountingSearch(1)).in(file, "one").run(), "cannot be written");
  }

  private static void refused(Runnable action, String why) {
    assertThatThrownBy(action::run)
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(why);
  }

  @Test
  void stopRules_badValues_areRefused() {
    refused(() -> new StopRule.Patience(0), "Patience is 0");
    refused(() -> new StopRule.Convergence(0, 1), "window is 0");
    refused(() -> new StopRule.Convergence(1, 0), "tolerance is 0.0");
    refused(() -> new StopRule.Target(Double.NaN), "not a number");
  }
}

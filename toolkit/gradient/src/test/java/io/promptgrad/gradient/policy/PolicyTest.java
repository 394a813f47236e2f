package io.promptgrad.gradient.policy;

import static io.promptgrad.gradient.policy.PolicyContractTest.SMALL;
import static io.promptgrad.gradient.policy.PolicyContractTest.TASK;
import static io.promptgrad.gradient.policy.PolicyContractTest.labels;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.discrete.ClozeEvaluator;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.program.Program;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.template.PromptTemplate;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PolicyTest {

  @TempDir static Path folder;
  static LanguageModel masked;
  static LanguageModel causal;

  @BeforeAll
  static void load() {
    masked = TinyModels.masked(folder.resolve("masked"));
    causal = TinyModels.causal(folder.resolve("causal"));
  }

  @AfterAll
  static void close() {
    masked.close();
    causal.close();
  }

  // ------------------------------------------------------------------ reward

  @Test
  void reward_rightAndWrong_areScaledByTheSign() {
    // p = .8, .2: gap .6 or -.6
    double[] scores = {Math.log(4), 0};
    assertThat(PiecewiseReward.of(scores, 0)).isCloseTo(0.6 * 200, within(1e-9));
    assertThat(PiecewiseReward.of(scores, 1)).isCloseTo(-0.6 * 180, within(1e-9));
    // p = .5, .3, .2
    double[] three = {Math.log(5), Math.log(3), Math.log(2)};
    assertThat(PiecewiseReward.of(three, 0)).isCloseTo(0.2 * 200, within(1e-9));
    assertThat(PiecewiseReward.of(three, 2)).isCloseTo(-0.3 * 180, within(1e-9));
  }

  /** The original masks whatever equals the right label's probability. */
  @Test
  void reward_ofATie_countsTheOtherAsMinusOne() {
    assertThat(PiecewiseReward.gap(new double[] {2, 2}, 0)).isCloseTo(1.5, within(1e-12));
    assertThat(PiecewiseReward.of(new double[] {2, 2}, 1)).isCloseTo(300, within(1e-9));
    // p = .4, .4, .2: the tie is out, the third stays
    double[] scores = {Math.log(2), Math.log(2), 0};
    assertThat(PiecewiseReward.gap(scores, 0)).isCloseTo(0.2, within(1e-12));
  }

  @Test
  void zScores_ofRewards_useThePopulationsDeviation() {
    // mean 2, squares (1 + 1) / 2: std 1
    assertThat(PiecewiseReward.zScores(new double[] {1, 3}))
        .containsExactly(new double[] {-1 / 1.0001, 1 / 1.0001}, within(1e-12));
    assertThat(PiecewiseReward.zScores(new double[] {7, 7, 7}))
        .containsExactly(new double[3], within(1e-12));
  }

  // ------------------------------------------------------------------ loss

  /**
   * One prompt of two tokens over two words. Q = (1, 0), (0, 2), slow Q = (0, 0), (1, 1); actions 0
   * and 1; r = 3.
   *
   * <p>V = ln(e + 1) = 1.3132617, ln(1 + e^2) = 2.1269280; A = -.3132617, -.1269280. V' = ln 2 =
   * .6931472, 1 + ln 2 = 1.6931472. A'_1 = 1, A'_2 = 3 - 1.6931472 = 1.3068528. One step:
   * -1.3132617, -1.4337808; to the end: -.4401897 - 2.3068528 = -2.7470425, -1.4337808. Squares:
   * 1.7246563, 2.0557275, 7.5462425, 2.0557275, and half of their sum.
   */
  @Test
  void loss_ofOnePrompt_isThatByHand() {
    try (Program program = PolicyNetwork.load(Device.cpu());
        NDManager scope = program.newScope()) {
      NDList out =
          program.call(
              scope,
              "loss_at",
              scope.create(new double[] {1, 0, 0, 2}, new Shape(1, 2, 2)),
              scope.create(new double[] {0, 0, 1, 1}, new Shape(1, 2, 2)),
              scope.create(new long[] {0, 1}, new Shape(1, 2)),
              scope.create(new double[] {3}));
      assertThat(out.get(0).getDouble()).isCloseTo(6.6911769, within(1e-6));
      // d A_t / d Q_t = onehot - softmax: (1 - .7310586) (1, -1) and (1 - .8807971) (-1, 1)
      double first = (-1.3132617 - 2.7470425) * 0.2689414;
      double second = (-1.4337808 - 2.7470425 - 1.4337808) * 0.1192029;
      assertThat(out.get(1).toDoubleArray())
          .containsExactly(new double[] {first, -first, -second, second}, within(1e-6));
    }
  }

  private static NDArray random(NDManager scope, String name, long... shape) {
    RandomGenerator random = new RandomSource(4).stream(name, 0);
    double[] values = new double[(int) new Shape(shape).size()];
    for (int i = 0; i < values.length; i++) {
      values[i] = random.nextGaussian();
    }
    return scope.create(values, new Shape(shape));
  }

  @Test
  void gradient_ofEveryParameter_isThatOfFiniteDifferences() {
    try (Program program = PolicyNetwork.load(Device.cpu());
        NDManager scope = program.newScope()) {
      long[][] shapes = {{5, 3}, {5}, {3, 5}, {3}};
      for (int part = 0; part < shapes.length; part++) {
        program.call(scope, "put", random(scope, "part" + part, shapes[part]));
      }
      NDArray states = random(scope, "states", 2, 4, 3);
      NDArray head = random(scope, "head", 7, 3);
      NDArray actions = scope.create(new long[] {0, 1, 2, 3, 6, 5, 4, 0}, new Shape(2, 4));
      NDArray rewards = scope.create(new double[] {1.5, -2});
      NDList exact = program.call(scope, "gradient", states, head, actions, rewards);
      double h = 1e-5;
      for (int part = 0; part < shapes.length; part++) {
        NDArray which = scope.create(new long[] {0, part});
        double[] values = program.call(scope, "state", which).singletonOrThrow().toDoubleArray();
        double[] gradient = exact.get(part + 1).toDoubleArray();
        for (int i = 0; i < values.length; i++) {
          double[] losses = new double[2];
          for (int side = 0; side < 2; side++) {
            double[] moved = values.clone();
            moved[i] += side == 0 ? -h : h;
            program.call(scope, "set_state", which, scope.create(moved, new Shape(shapes[part])));
            losses[side] =
                program.call(scope, "gradient", states, head, actions, rewards).get(0).getDouble();
          }
          assertThat(gradient[i])
              .as("part %d, value %d", part, i)
              .isCloseTo((losses[1] - losses[0]) / (2 * h), within(1e-6));
        }
        program.call(scope, "set_state", which, scope.create(values, new Shape(shapes[part])));
      }
    }
  }

  /**
   * The slow copy follows before the gradient is taken, and Adam's first step has the rate's size.
   */
  @Test
  void update_once_movesTheCopyFirstAndEveryParameterByTheRate() {
    try (Program program = PolicyNetwork.load(Device.cpu());
        NDManager scope = program.newScope()) {
      long[][] shapes = {{5, 3}, {5}, {3, 5}, {3}};
      for (int part = 0; part < shapes.length; part++) {
        program.call(scope, "put", random(scope, "part" + part, shapes[part]));
      }
      NDArray states = random(scope, "states", 2, 4, 3);
      NDArray head = random(scope, "head", 7, 3);
      NDArray actions = scope.create(new long[8], new Shape(2, 4));
      NDArray rewards = scope.create(new double[] {1, -1});
      NDArray last = scope.create(new long[] {0, 3});
      NDArray slow = scope.create(new long[] {1, 3});
      double[] start = program.call(scope, "state", last).singletonOrThrow().toDoubleArray();
      NDList gradient = program.call(scope, "gradient", states, head, actions, rewards);
      NDArray settings = scope.create(new double[] {0.01, 1e9, 0.25});
      NDList first = program.call(scope, "update", states, head, actions, rewards, settings);
      assertThat(first.get(0).getDouble()).isEqualTo(gradient.get(0).getDouble());
      double[] moved = program.call(scope, "state", last).singletonOrThrow().toDoubleArray();
      double[] g = gradient.get(4).toDoubleArray();
      for (int i = 0; i < 3; i++) {
        assertThat(moved[i]).isCloseTo(start[i] - 0.01 * Math.signum(g[i]), within(1e-6));
      }
      program.call(scope, "update", states, head, actions, rewards, settings);
      double[] copy = program.call(scope, "state", slow).singletonOrThrow().toDoubleArray();
      for (int i = 0; i < 3; i++) {
        assertThat(copy[i]).isCloseTo(0.75 * start[i] + 0.25 * moved[i], within(1e-12));
      }
    }
  }

  @Test
  void sample_anyDraw_followsTheSoftmax() {
    float[] values = {(float) Math.log(6), (float) Math.log(3), 0}; // .6, .3, .1
    assertThat(RlPrompt.sample(values, 0)).isZero();
    assertThat(RlPrompt.sample(values, 0.599)).isZero();
    assertThat(RlPrompt.sample(values, 0.601)).isEqualTo(1);
    assertThat(RlPrompt.sample(values, 0.899)).isEqualTo(1);
    assertThat(RlPrompt.sample(values, 0.901)).isEqualTo(2);
    assertThat(RlPrompt.sample(values, Math.nextDown(1.0))).isEqualTo(2);
  }

  // ------------------------------------------------------------------ searches

  private static double meanOf(double[] scores, int from, int to) {
    return Arrays.stream(scores, from, to).average().orElseThrow();
  }

  @Test
  void rlPrompt_overManySteps_earnsMore() {
    RlPrompt.Config config = new RlPrompt.Config(8, 20, 32, 3e-3, 5, 0.05, 60, 10, 0);
    Search search = on(masked, causal, config);
    double[] means = new double[60];
    for (int step = 1; !search.finished(); step++) {
      StepReport report = search.step(step);
      means[step - 1] = report.score();
      assertThat(report.dev().isPresent()).isEqualTo(step % 10 == 0);
    }
    assertThat(meanOf(means, 50, 60)).isGreaterThan(meanOf(means, 0, 10) + 1);
    TriggerPrompt prompt = (TriggerPrompt) search.best().prompt();
    assertThat(
            new ClozeEvaluator(masked, new Accuracy(), List.of())
                .evaluate(prompt, TASK.dev())
                .value())
        .isEqualTo(search.best().dev());
  }

  /** Two samples, two positions, two candidates: worked out by hand. */
  @Test
  void reinforce_gradient_isThatByHand() {
    double[][] p = {{0.5, 0.5}, {0.9, 0.1}};
    int[][] actions = {{0, 1}, {1, 0}};
    // mean 2, advantages (1 - 2) / 1 = -1 and 1
    double[][] g = Reinforce.gradient(p, actions, new double[] {1, 3});
    // position 0: -1 (1 - .5, 0 - .5) + 1 (0 - .5, 1 - .5)
    assertThat(g[0]).containsExactly(new double[] {-1, 1}, within(1e-12));
    // position 1: -1 (0 - .9, 1 - .1) + 1 (1 - .9, 0 - .1)
    assertThat(g[1]).containsExactly(new double[] {1, -1}, within(1e-12));
  }

  @Test
  void reinforce_overManySteps_earnsMore() {
    Search search =
        new Reinforce(
            masked,
            TASK,
            PromptTemplate.parse("{sentence} [T] [T] it was [P]"),
            labels(masked),
            new Reinforce.Config(12, 10, 20, Set.of(TokenFilter.Rule.SPECIAL), 5, 0),
            new Accuracy(),
            new RandomSource(2));
    double[] means = new double[40];
    for (int step = 1; step <= 40; step++) {
      means[step - 1] = search.step(step).score();
    }
    assertThat(meanOf(means, 30, 40)).isGreaterThan(meanOf(means, 0, 5) + 0.02);
  }

  // ------------------------------------------------------------------ errors

  @Test
  void rlPrompt_whatDoesNotFit_isRefusedInOneSentence() {
    assertThatThrownBy(() -> on(masked, masked, SMALL))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("causal");
    assertThatThrownBy(
            () ->
                new RlPrompt(
                    causal,
                    masked,
                    TASK,
                    PromptTemplate.parse("{sentence} it was [P]"),
                    labels(masked),
                    SMALL,
                    new Accuracy(),
                    new RandomSource(0)))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("[T]");
    RlPrompt.Config many = new RlPrompt.Config(4, 1000, 12, 1e-2, 5, 0.1, 100, 2, 0);
    assertThatThrownBy(() -> on(masked, causal, many))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("top_k");
    assertThatThrownBy(() -> new RlPrompt.Config(1, 8, 12, 1e-2, 5, 0.1, 100, 2, 0))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("prompts");
  }

  @Test
  void rlPrompt_otherVocabularyAndScatteredSlots_isRefused(@TempDir Path other) {
    try (LanguageModel t5 = TinyModels.textToText(other)) {
      assertThatThrownBy(
              () ->
                  new RlPrompt(
                      causal,
                      t5,
                      TASK,
                      PromptTemplate.parse("[T] {sentence} [T] [P]"),
                      labels(t5),
                      SMALL,
                      new Accuracy(),
                      new RandomSource(0)))
          .isInstanceOf(InvalidInputException.class)
          .hasMessageContaining("side by side");
    }
  }

  private static RlPrompt on(LanguageModel model, LanguageModel policy, RlPrompt.Config config) {
    return new RlPrompt(
        policy,
        model,
        TASK,
        PolicyContractTest.TEMPLATE,
        labels(model),
        config,
        new Accuracy(),
        new RandomSource(1));
  }
}

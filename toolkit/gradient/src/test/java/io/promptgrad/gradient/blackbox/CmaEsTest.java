package io.promptgrad.gradient.blackbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.search.RandomSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.IntFunction;
import java.util.function.ToDoubleFunction;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** The optimizers without any model. */
class CmaEsTest {

  // ------------------------------------------------------------------ parameters

  @Test
  void parameters_of500DimensionsAnd20Points_areTheTutorials() {
    CmaParameters p = CmaParameters.of(500, 20, CmaEs.Form.TUTORIAL);
    assertThat(p.muEff()).isCloseTo(5.938804, within(1e-6));
    assertThat(p.c1()).isCloseTo(7.958374e-6, within(1e-12));
    assertThat(p.cMu()).isCloseTo(3.457950e-5, within(1e-11));
    assertThat(p.cSigma()).isCloseTo(0.01553768, within(1e-8));
    assertThat(p.dSigma()).isCloseTo(1.01553768, within(1e-8));
    assertThat(p.cC()).isCloseTo(0.007959699, within(1e-9));
    assertThat(p.chi()).isCloseTo(22.3495037, within(1e-7));
    assertThat(p.weights()[0]).isCloseTo(0.2796147, within(1e-7));
    assertThat(p.weights()[19]).isCloseTo(-0.2132251, within(1e-7));
    assertThat(p.gap()).isEqualTo(4);
    assertThat(CmaParameters.of(500, 20, CmaEs.Form.CMAES).cMu())
        .isCloseTo(3.259545e-5, within(1e-11));
    assertThat(CmaParameters.of(500, 20, CmaEs.Form.PYCMA).gap()).isEqualTo(5);
    assertThat(CmaParameters.defaultPopulation(500)).isEqualTo(22);
  }

  /**
   * Two dimensions, four points, m = (0, 0), sigma = 1, C = I: worked out with the tutorial's
   * equations.
   *
   * <p>w' = ln 2.5 - ln i = .916291, .223144, -.182322, -.470004; mu = 2, so w_1 = .916291 /
   * 1.139434 = .804163, w_2 = .195837. The best points are (1, 0) and (0, 1): the step is (.804163,
   * .195837).
   */
  @Test
  void tell_oneGenerationInTwoDimensions_followsTheEquations() {
    CmaEs cma = new CmaEs(new double[2], 1, 4, CmaEs.Form.TUTORIAL);
    double[][] points = {{-1, 0}, {1, 0}, {0, -2}, {0, 1}};
    cma.tell(points, new double[] {3, 1, 4, 2});

    double w1 = 0.8041629;
    double w2 = 0.1958371;
    assertThat(cma.mean()[0]).isCloseTo(w1, within(1e-6));
    assertThat(cma.mean()[1]).isCloseTo(w2, within(1e-6));
    // mu_eff = 1 / (.646678 + .038352) = 1.459791; c_sigma = 3.459791 / 8.459791 = .408969
    double muEff = 1 / (w1 * w1 + w2 * w2);
    double cSigma = (muEff + 2) / (2 + muEff + 5);
    assertThat(muEff).isCloseTo(1.459791, within(1e-5));
    assertThat(cSigma).isCloseTo(0.408969, within(1e-5));
    double gain = Math.sqrt(cSigma * (2 - cSigma) * muEff); // .974577
    double length = gain * Math.hypot(w1, w2); // .974577 * .827665 = .806623
    assertThat(cma.paths()[0][0]).isCloseTo(gain * w1, within(1e-6));
    // chi = sqrt 2 (1 - 1/8 + 1/84) = 1.254272; d_sigma = 1 + 0 + .408969
    double chi = 1.254272;
    double sigma = Math.exp(cSigma / (1 + cSigma) * (length / chi - 1));
    assertThat(cma.sigma()).isCloseTo(sigma, within(1e-5));
    // h: |p| / sqrt(1 - (1 - c_sigma)^2) = .806623 / .806655 < (1.4 + 2/3) chi = 2.592
    double muOverN = muEff / 2;
    double cC = (4 + muOverN) / (6 + 2 * muOverN);
    double pc0 = Math.sqrt(cC * (2 - cC) * muEff) * w1;
    double pc1 = Math.sqrt(cC * (2 - cC) * muEff) * w2;
    assertThat(cma.paths()[1][0]).isCloseTo(pc0, within(1e-6));
    double c1 = 2 / (3.3 * 3.3 + muEff);
    double cMu = 2 * (0.25 + muEff + 1 / muEff - 2) / (16 + muEff);
    // negative weights: -.182322, -.470004, sum .652325, mu- = .652325^2 / .254145 = 1.674357
    double alpha =
        Math.min(
            1 + c1 / cMu, Math.min(1 + 2 * 1.674357 / (muEff + 2), (1 - c1 - cMu) / (2 * cMu)));
    double w3 = -alpha * 0.1823216 / 0.6523252;
    double w4 = -alpha * 0.4700036 / 0.6523252;
    double sum = 1 + w3 + w4;
    // steps: (1,0), (0,1), (-1,0) with 2 / 1, (0,-2) with 2 / 4
    double keep = 1 - c1 - cMu * sum;
    double c00 = keep + c1 * pc0 * pc0 + cMu * (w1 + w3 * 2);
    double c11 = keep + c1 * pc1 * pc1 + cMu * (w2 + w4 * (2 / 4.0) * 4);
    assertThat(cma.covariance()[0][0]).isCloseTo(c00, within(1e-6));
    assertThat(cma.covariance()[1][1]).isCloseTo(c11, within(1e-6));
    assertThat(cma.covariance()[0][1]).isCloseTo(c1 * pc0 * pc1, within(1e-6));
    assertThat(cma.covariance()[1][0]).isEqualTo(cma.covariance()[0][1]);
  }

  // ------------------------------------------------------------------ functions

  private static double sphere(double[] x) {
    return Arrays.stream(x).map(v -> v * v).sum();
  }

  private static double ellipsoid(double[] x) {
    double sum = 0;
    for (int i = 0; i < x.length; i++) {
      sum += Math.pow(1e6, i / (x.length - 1.0)) * x[i] * x[i];
    }
    return sum;
  }

  private static double rosenbrock(double[] x) {
    double sum = 0;
    for (int i = 0; i + 1 < x.length; i++) {
      sum += 100 * Math.pow(x[i] * x[i] - x[i + 1], 2) + Math.pow(1 - x[i], 2);
    }
    return sum;
  }

  private static double[] filled(double value) {
    double[] x = new double[20];
    Arrays.fill(x, value);
    return x;
  }

  /** Evaluations until the first point below 1e-9, the median of seven seeds. */
  private static int evaluations(
      IntFunction<EvolutionStrategy> strategies, ToDoubleFunction<double[]> loss) {
    List<Integer> counts = new ArrayList<>();
    for (int seed = 0; seed < 7; seed++) {
      EvolutionStrategy strategy = strategies.apply(seed);
      int count = 0;
      boolean reached = false;
      while (!reached && count < 200_000) {
        double[][] points =
            strategy.ask(new RandomSource(seed).stream("cma", strategy.generation()));
        double[] losses = Arrays.stream(points).mapToDouble(loss).toArray();
        for (int k = 0; k < losses.length && !reached; k++) {
          count++;
          reached = losses[k] < 1e-9;
        }
        strategy.tell(points, losses);
      }
      counts.add(count);
    }
    return counts.stream().sorted().toList().get(3);
  }

  private static EvolutionStrategy full(double start, double sigma) {
    return new CmaEs(filled(start), sigma, 12, CmaEs.Form.TUTORIAL);
  }

  @Test
  void sphere_in20Dimensions_isSolvedInTheGoldenNumberOfEvaluations() {
    assertThat(evaluations(seed -> full(1, 0.5), CmaEsTest::sphere))
        .isLessThan((int) (1.25 * 2832));
  }

  @Test
  void ellipsoid_in20Dimensions_isSolvedInTheGoldenNumberOfEvaluations() {
    assertThat(evaluations(seed -> full(1, 0.5), CmaEsTest::ellipsoid))
        .isLessThan((int) (1.25 * 13008));
  }

  @Test
  void rosenbrock_in20Dimensions_isSolvedInTheGoldenNumberOfEvaluations() {
    assertThat(evaluations(seed -> full(0, 0.1), CmaEsTest::rosenbrock))
        .isLessThan((int) (1.25 * 16620));
  }

  /** Where the axes are those of the ellipsoid, scales are all that there is to learn. */
  @Test
  void separable_onAnEllipsoidAlongTheAxes_isQuickerThanTheFullMatrix() {
    int separable =
        evaluations(seed -> new SeparableCmaEs(filled(1), 0.5, 12), CmaEsTest::ellipsoid);
    assertThat(separable).isLessThan(13008 / 2);
    assertThat(evaluations(seed -> new SeparableCmaEs(filled(1), 0.5, 12), CmaEsTest::sphere))
        .isLessThan((int) (1.25 * 2832));
  }

  /**
   * The diagonal in two dimensions: mu = 2, w = ln 3 - ln i = 1.098612, .405465, so .730449 and
   * .269551; the points are those of the full matrix's test.
   */
  @Test
  void separable_oneGenerationInTwoDimensions_followsTheEquations() {
    SeparableCmaEs cma = new SeparableCmaEs(new double[2], 1, 4);
    cma.tell(new double[][] {{-1, 0}, {1, 0}, {0, -2}, {0, 1}}, new double[] {3, 1, 4, 2});
    assertThat(cma.mean()[0]).isCloseTo(0.7304887, within(1e-4));
    assertThat(cma.mean()[1]).isCloseTo(0.2695113, within(1e-4));
    CmaParameters p = CmaParameters.separable(2, 4);
    // mu_eff = 1 / (.533606 + .072638) = 1.64948; c_sigma = 3.64948 / 6.64948; c_c = 4 / 6
    assertThat(p.muEff()).isCloseTo(1.6495, within(1e-3));
    assertThat(p.cSigma()).isCloseTo(0.54884, within(1e-4));
    assertThat(p.cC()).isCloseTo(2 / 3.0, within(1e-12));
    // 4/3 [2 / (1.6495 * 11.65685) + (1 - .60625) * (2.29896 / 17.64948)] = 4/3 [.104014 + .051290]
    assertThat(p.cMu()).isCloseTo(0.20707, within(1e-4));
  }

  // ------------------------------------------------------------------ stops

  private static Optional<EvolutionStrategy.Stop> stopOn(
      EvolutionStrategy strategy, ToDoubleFunction<double[]> loss) {
    while (strategy.stop().isEmpty() && strategy.generation() < 5000) {
      double[][] points = strategy.ask(new RandomSource(1).stream("cma", strategy.generation()));
      strategy.tell(points, Arrays.stream(points).mapToDouble(loss).toArray());
    }
    return strategy.stop();
  }

  @Test
  void stop_severalCauses_areToldApart() {
    assertThat(stopOn(full(1, 0.5), CmaEsTest::sphere)).contains(EvolutionStrategy.Stop.TOL_FUN);
    assertThat(stopOn(full(1, 0.5), x -> 7)).contains(EvolutionStrategy.Stop.FLAT_LOSS);
    assertThat(stopOn(full(1, 0.5), x -> -x[0])).contains(EvolutionStrategy.Stop.TOL_FACTOR_UP_X);
    assertThat(stopOn(full(1, 0.5), x -> 1e6 * Math.sqrt(sphere(x))))
        .contains(EvolutionStrategy.Stop.TOL_X);
    assertThat(stopOn(full(1e9, 1e-9), CmaEsTest::sphere))
        .contains(EvolutionStrategy.Stop.NO_EFFECT_COORDINATE);
    RandomGenerator noise = new RandomSource(5).stream("noise", 0);
    assertThat(stopOn(full(0, 1), x -> noise.nextDouble()))
        .contains(EvolutionStrategy.Stop.STAGNATION);
  }

  @Test
  void tell_aLossThatIsNoNumber_isRefused() {
    CmaEs cma = new CmaEs(new double[2], 1, 4, CmaEs.Form.TUTORIAL);
    assertThatThrownBy(() -> cma.tell(new double[4][2], new double[] {1, Double.NaN, 2, 3}))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("NaN");
  }

  // ------------------------------------------------------------------ state

  @Test
  void restore_afterAnyGeneration_goesOnToTheLastBit() throws Exception {
    List<IntFunction<EvolutionStrategy>> strategies =
        List.of(
            seed -> full(0, 0.1),
            seed ->
                new CmaEs(
                    filled(0),
                    0.1,
                    12,
                    CmaEs.Form.TUTORIAL,
                    seed < 0 ? new SymmetricEigen.Nd4jEigen() : new SymmetricEigen.TorchEigen()),
            seed -> new SeparableCmaEs(filled(0), 0.1, 12));
    for (IntFunction<EvolutionStrategy> made : strategies) {
      EvolutionStrategy whole = made.apply(0);
      for (int g = 0; g < 30; g++) {
        EvolutionStrategy resumed = made.apply(-1); // with ND4J, whatever the run began with
        resumed.restore((ObjectNode) Json.parse(Json.line(whole.save())));
        double[][] points = whole.ask(new RandomSource(9).stream("cma", g));
        assertThat(resumed.ask(new RandomSource(9).stream("cma", g))).isDeepEqualTo(points);
        double[] losses = Arrays.stream(points).mapToDouble(CmaEsTest::rosenbrock).toArray();
        whole.tell(points, losses);
        resumed.tell(points, losses);
        assertThat(Json.line(resumed.save())).isEqualTo(Json.line(whole.save()));
      }
    }
  }

  // ------------------------------------------------------------------ decompositions

  /** Both natives in one process; ND4J first and libtorch second, then the other way round. */
  @Test
  void eigen_byNd4jAndByLibtorch_areTheSame() {
    RandomGenerator random = new RandomSource(2).stream("matrix", 0);
    int n = 40;
    double[][] a = new double[n][n];
    for (int i = 0; i < n; i++) {
      for (int j = 0; j <= i; j++) {
        a[i][j] = random.nextGaussian();
        a[j][i] = a[i][j];
      }
    }
    assertThat(SymmetricEigen.available().name()).isEqualTo("nd4j");
    SymmetricEigen.Result nd4j = new SymmetricEigen.Nd4jEigen().of(a);
    SymmetricEigen.Result torch = new SymmetricEigen.TorchEigen().of(a);
    assertThat(new SymmetricEigen.Nd4jEigen().of(a).values()).isEqualTo(nd4j.values());
    for (SymmetricEigen.Result result : List.of(nd4j, torch)) {
      assertThat(result.values()).isSorted();
      for (int i = 0; i < n; i++) {
        assertThat(result.values()[i]).isCloseTo(torch.values()[i], within(1e-10));
        for (int j = 0; j < n; j++) {
          int row = i;
          int column = j;
          double rebuilt =
              IntStream.range(0, n)
                  .mapToDouble(
                      k ->
                          result.vectors()[row][k]
                              * result.values()[k]
                              * result.vectors()[column][k])
                  .sum();
          assertThat(rebuilt).isCloseTo(a[i][j], within(1e-10));
        }
      }
    }
  }
}

package io.promptgrad.gradient.blackbox;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.util.Arrays;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * CMA-ES with a diagonal covariance (Ros and Hansen, A Simple Modification in CMA-ES Achieving
 * Linear Time and Space Complexity, PPSN 2008), with the constants of the program cmaes: for
 * thousands of dimensions, where {@link CmaEs} would need a matrix. It learns scales, not
 * directions.
 *
 * <p>Cost of a generation: a few times population x n products.
 */
public final class SeparableCmaEs implements EvolutionStrategy {

  private static final double TOL_X = 1e-11;
  private static final double TOL_FACTOR_UP_X = 1e3;
  private static final double CONDITION = 1e14;

  private final int n;
  private final CmaParameters p;
  private final double firstSigma;
  private final Course course;
  private double sigma;
  private final double[] mean;
  private final double[] pathSigma;
  private final double[] pathC;
  private final double[] c; // variances

  /** As {@link CmaEs#CmaEs}. */
  public SeparableCmaEs(double[] start, double sigma, int population) {
    CmaEs.requireRanges(start, sigma, population);
    this.n = start.length;
    this.p = CmaParameters.separable(n, population);
    this.firstSigma = sigma;
    this.sigma = sigma;
    this.course = new Course(n, population);
    this.mean = start.clone();
    this.pathSigma = new double[n];
    this.pathC = new double[n];
    this.c = new double[n];
    Arrays.fill(c, 1);
  }

  @Override
  public int dimensions() {
    return n;
  }

  @Override
  public int population() {
    return p.weights().length;
  }

  @Override
  public double[][] ask(RandomGenerator random) {
    double[][] points = new double[population()][n];
    for (double[] point : points) {
      for (int i = 0; i < n; i++) {
        point[i] = mean[i] + sigma * Math.sqrt(c[i]) * random.nextGaussian();
      }
    }
    return points;
  }

  @Override
  public void tell(double[][] points, double[] losses) {
    if (points.length != population() || losses.length != population()) {
      throw new IllegalArgumentException(
          "%d points and %d losses for a population of %d"
              .formatted(points.length, losses.length, population()));
    }
    Integer[] order = Course.order(losses);
    course.add(losses, order);
    double[] step = new double[n];
    double[] squares = new double[n];
    for (int k = 0; k < p.parents(); k++) {
      for (int i = 0; i < n; i++) {
        double y = (points[order[k]][i] - mean[i]) / sigma;
        step[i] += p.weights()[k] * y;
        squares[i] += p.weights()[k] * y * y;
      }
    }
    double keep = 1 - p.cSigma();
    double gain = Math.sqrt(p.cSigma() * (2 - p.cSigma()) * p.muEff());
    for (int i = 0; i < n; i++) {
      mean[i] += sigma * step[i];
      pathSigma[i] = keep * pathSigma[i] + gain * step[i] / Math.sqrt(c[i]);
    }
    double length = CmaEs.norm(pathSigma);
    boolean h =
        length / Math.sqrt(1 - Math.pow(keep, 2.0 * generation()))
            < (1.4 + 2.0 / (n + 1)) * p.chi();
    double gainC = h ? Math.sqrt(p.cC() * (2 - p.cC()) * p.muEff()) : 0;
    double stays = 1 + (h ? 0 : p.c1() * p.cC() * (2 - p.cC())) - p.c1() - p.cMu();
    for (int i = 0; i < n; i++) {
      pathC[i] = (1 - p.cC()) * pathC[i] + gainC * step[i];
      c[i] = stays * c[i] + p.c1() * pathC[i] * pathC[i] + p.cMu() * squares[i];
    }
    sigma *= Math.exp(p.cSigma() / p.dSigma() * (length / p.chi() - 1));
  }

  @Override
  public double[] mean() {
    return mean.clone();
  }

  @Override
  public double sigma() {
    return sigma;
  }

  @Override
  public int generation() {
    return course.generations();
  }

  @Override
  public Optional<Stop> stop() {
    Optional<Stop> ofLosses = generation() == 0 ? Optional.empty() : course.stop();
    if (ofLosses.isPresent()) {
      return ofLosses;
    }
    boolean tiny = true;
    boolean huge = false;
    boolean noEffect = false;
    double least = Double.POSITIVE_INFINITY;
    double most = 0;
    for (int i = 0; i < n; i++) {
      double deviation = sigma * Math.sqrt(c[i]);
      tiny &= deviation < TOL_X && sigma * Math.abs(pathC[i]) < TOL_X;
      huge |= deviation > TOL_FACTOR_UP_X * firstSigma;
      noEffect |= mean[i] == mean[i] + 0.2 * deviation;
      least = Math.min(least, c[i]);
      most = Math.max(most, c[i]);
    }
    if (tiny) {
      return Optional.of(Stop.TOL_X);
    }
    if (huge) {
      return Optional.of(Stop.TOL_FACTOR_UP_X);
    }
    if (most / least > CONDITION) {
      return Optional.of(Stop.CONDITION);
    }
    return noEffect ? Optional.of(Stop.NO_EFFECT_COORDINATE) : Optional.empty();
  }

  @Override
  public ObjectNode save() {
    ObjectNode state = Json.object();
    state
        .put("sigma", Doubles.save(new double[] {sigma}))
        .put("mean", Doubles.save(mean))
        .put("paths", Doubles.save(pathSigma, pathC))
        .put("variances", Doubles.save(c));
    state.set("course", course.save());
    return state;
  }

  @Override
  public void restore(ObjectNode state) {
    sigma = Doubles.restore(state.path("sigma").asText())[0];
    Doubles.restore(state.path("mean").asText(), mean);
    Doubles.restore(state.path("paths").asText(), pathSigma, pathC);
    Doubles.restore(state.path("variances").asText(), c);
    course.restore((ObjectNode) state.path("course"));
  }
}

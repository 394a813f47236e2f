package io.promptgrad.gradient.blackbox;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import java.util.Arrays;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * CMA-ES (Hansen, The CMA Evolution Strategy: A Tutorial, arXiv:1604.00772): points are drawn from
 * a normal distribution whose mean goes to the better ones, whose covariance learns the directions
 * of steps that were good, and whose step size grows while steps go the same way.
 *
 * <p>Letters as there: mean m, step size sigma, covariance C = B D^2 B', paths p_sigma and p_c,
 * weights w. Covariance C is decomposed every few generations only, and points are drawn from the
 * last decomposition.
 *
 * <p>Cost of a generation in n dimensions: (population + 1) n^2 products for C and as many for the
 * points; a decomposition costs about 9 n^3 and is by {@link SymmetricEigen}. At n = 500 and 20
 * points, on a busy machine: 34 ms, and 63 to 93 ms for a decomposition by libtorch. Everything but
 * the decomposition is plain Java, in a fixed order.
 */
public final class CmaEs implements EvolutionStrategy {

  /** Whose learning rates. */
  public enum Form {
    /** The tutorial's. */
    TUTORIAL,
    /** Those of the program pycma: c_1, c_sigma and the gap between decompositions differ. */
    PYCMA,
    /** Those of the program cmaes: the tutorial's older c_mu. */
    CMAES
  }

  private static final double TOL_X = 1e-11;
  private static final double TOL_FACTOR_UP_X = 1e3;
  private static final double CONDITION = 1e14;

  private final int n;
  private final CmaParameters p;
  private final double firstSigma;
  private final Course course;
  private SymmetricEigen eigen;
  private double sigma;
  private final double[] mean; // m
  private final double[] pathSigma;
  private final double[] pathC;
  private final double[][] c; // C
  private double[][] b; // B, eigenvectors in columns
  private double[] d; // D, roots of the eigenvalues
  private int decomposedAt;

  /**
   * @param start m at the beginning [n]
   * @param sigma step size at the beginning
   * @param population points of a generation, at least 2; {@link #defaultPopulation} if in doubt
   */
  public CmaEs(double[] start, double sigma, int population, Form form) {
    this(start, sigma, population, form, SymmetricEigen.available());
  }

  CmaEs(double[] start, double sigma, int population, Form form, SymmetricEigen eigen) {
    requireRanges(start, sigma, population);
    this.n = start.length;
    this.p = CmaParameters.of(n, population, form);
    this.firstSigma = sigma;
    this.sigma = sigma;
    this.eigen = eigen;
    this.course = new Course(n, population);
    this.mean = start.clone();
    this.pathSigma = new double[n];
    this.pathC = new double[n];
    this.c = new double[n][n];
    this.b = new double[n][n];
    this.d = new double[n];
    for (int i = 0; i < n; i++) {
      c[i][i] = 1;
      b[i][i] = 1;
      d[i] = 1;
    }
  }

  static void requireRanges(double[] start, double sigma, int population) {
    if (start.length == 0 || !(sigma > 0) || population < 2) {
      throw new IllegalArgumentException(
          "%d dimensions, a step size of %s and a population of %d, at least 1, above 0 and 2 needed"
              .formatted(start.length, sigma, population));
    }
  }

  /** 4 + floor(3 ln n) points. */
  public static int defaultPopulation(int dimensions) {
    return CmaParameters.defaultPopulation(dimensions);
  }

  @Override
  public int dimensions() {
    return n;
  }

  @Override
  public int population() {
    return p.weights().length;
  }

  /** x = m + sigma B D z. */
  @Override
  public double[][] ask(RandomGenerator random) {
    double[][] points = new double[population()][];
    for (int k = 0; k < points.length; k++) {
      double[] scaled = new double[n]; // D z
      for (int j = 0; j < n; j++) {
        scaled[j] = d[j] * random.nextGaussian();
      }
      double[] y = times(b, scaled);
      for (int i = 0; i < n; i++) {
        y[i] = mean[i] + sigma * y[i];
      }
      points[k] = y;
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
    double[][] y = new double[points.length][n]; // steps, from the best
    for (int k = 0; k < y.length; k++) {
      for (int i = 0; i < n; i++) {
        y[k][i] = (points[order[k]][i] - mean[i]) / sigma;
      }
    }

    double[] step = new double[n]; // weighted mean of the better half
    for (int k = 0; k < p.parents(); k++) {
      addTo(step, p.weights()[k], y[k]);
    }
    addTo(mean, sigma, step);

    double[] whitened = whiten(step);
    double keep = 1 - p.cSigma();
    double gain = Math.sqrt(p.cSigma() * (2 - p.cSigma()) * p.muEff());
    for (int i = 0; i < n; i++) {
      pathSigma[i] = keep * pathSigma[i] + gain * whitened[i];
    }
    double length = norm(pathSigma);
    // stalls p_c while the path is long: the step size is to grow first
    boolean h =
        length / Math.sqrt(1 - Math.pow(keep, 2.0 * generation()))
            < (1.4 + 2.0 / (n + 1)) * p.chi();
    double gainC = h ? Math.sqrt(p.cC() * (2 - p.cC()) * p.muEff()) : 0;
    for (int i = 0; i < n; i++) {
      pathC[i] = (1 - p.cC()) * pathC[i] + gainC * step[i];
    }
    updateCovariance(y, h);
    sigma *= Math.exp(p.cSigma() / p.dSigma() * (length / p.chi() - 1));
    if (generation() - decomposedAt >= p.gap()) {
      decompose();
    }
  }

  private void updateCovariance(double[][] y, boolean h) {
    double[] w = p.weights().clone();
    double sum = 0;
    for (int k = 0; k < w.length; k++) {
      sum += w[k];
      if (w[k] < 0) { // no direction shrinks by more than its own length allows
        double[] whitened = whiten(y[k]);
        double squares = norm(whitened) * norm(whitened);
        w[k] *= n / Math.max(squares, Double.MIN_NORMAL);
      }
    }
    double keep = 1 + (h ? 0 : p.c1() * p.cC() * (2 - p.cC())) - p.c1() - p.cMu() * sum;
    for (int i = 0; i < n; i++) {
      double[] row = c[i];
      scale(row, keep, i + 1);
      axpy(row, p.c1() * pathC[i], pathC, i + 1);
      for (int k = 0; k < y.length; k++) {
        axpy(row, p.cMu() * w[k] * y[k][i], y[k], i + 1);
      }
    }
    for (int i = 0; i < n; i++) {
      for (int j = 0; j < i; j++) {
        c[j][i] = c[i][j];
      }
    }
  }

  private void decompose() {
    SymmetricEigen.Result result = eigen.of(c);
    b = result.vectors();
    double largest = result.values()[n - 1];
    for (int i = 0; i < n; i++) {
      // rounding may leave a tiny negative one; the stop rule for the condition comes before
      d[i] = Math.sqrt(Math.max(result.values()[i], largest * 1e-20));
    }
    decomposedAt = generation();
  }

  /** C^(-1/2) y = B D^-1 B' y, with the decomposition that the points were drawn from. */
  private double[] whiten(double[] y) {
    double[] rotated = new double[n]; // B' y
    for (int i = 0; i < n; i++) {
      axpy(rotated, y[i], b[i], n);
    }
    for (int j = 0; j < n; j++) {
      rotated[j] /= d[j];
    }
    return times(b, rotated);
  }

  private static double[] times(double[][] matrix, double[] vector) {
    double[] product = new double[matrix.length];
    for (int i = 0; i < product.length; i++) {
      double sum = 0;
      double[] row = matrix[i];
      for (int j = 0; j < vector.length; j++) {
        sum += row[j] * vector[j];
      }
      product[i] = sum;
    }
    return product;
  }

  private static void addTo(double[] sum, double factor, double[] x) {
    axpy(sum, factor, x, sum.length);
  }

  private static void axpy(double[] sum, double factor, double[] x, int count) {
    for (int j = 0; j < count; j++) {
      sum[j] += factor * x[j];
    }
  }

  private static void scale(double[] x, double factor, int count) {
    for (int j = 0; j < count; j++) {
      x[j] *= factor;
    }
  }

  static double norm(double[] x) {
    double sum = 0;
    for (double value : x) {
      sum += value * value;
    }
    return Math.sqrt(sum);
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

  /** The covariance C, a fresh matrix [n][n]. */
  double[][] covariance() {
    return Arrays.stream(c).map(double[]::clone).toArray(double[][]::new);
  }

  /** p_sigma and p_c, fresh arrays. */
  double[][] paths() {
    return new double[][] {pathSigma.clone(), pathC.clone()};
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
    for (int i = 0; i < n; i++) {
      double deviation = sigma * Math.sqrt(c[i][i]);
      tiny &= deviation < TOL_X && sigma * Math.abs(pathC[i]) < TOL_X;
      huge |= deviation > TOL_FACTOR_UP_X * firstSigma;
      noEffect |= mean[i] == mean[i] + 0.2 * deviation;
    }
    double ratio = Arrays.stream(d).max().orElseThrow() / Arrays.stream(d).min().orElseThrow();
    if (tiny) {
      return Optional.of(Stop.TOL_X);
    }
    if (huge) {
      return Optional.of(Stop.TOL_FACTOR_UP_X);
    }
    if (ratio * ratio > CONDITION) {
      return Optional.of(Stop.CONDITION);
    }
    if (noEffect) {
      return Optional.of(Stop.NO_EFFECT_COORDINATE);
    }
    return noEffectAxis() ? Optional.of(Stop.NO_EFFECT_AXIS) : Optional.empty();
  }

  /** One axis in each generation, in turn. */
  private boolean noEffectAxis() {
    int axis = generation() % n;
    for (int i = 0; i < n; i++) {
      if (mean[i] != mean[i] + 0.1 * sigma * d[axis] * b[i][axis]) {
        return false;
      }
    }
    return true;
  }

  @Override
  public ObjectNode save() {
    ObjectNode state = Json.object();
    state
        .put("eigen", eigen.name())
        .put("sigma", Doubles.save(new double[] {sigma}))
        .put("mean", Doubles.save(mean))
        .put("paths", Doubles.save(pathSigma, pathC))
        .put("covariance", Doubles.save(c))
        .put("vectors", Doubles.save(b))
        .put("roots", Doubles.save(d))
        .put("decomposed_at", decomposedAt);
    state.set("course", course.save());
    return state;
  }

  @Override
  public void restore(ObjectNode state) {
    eigen = SymmetricEigen.named(state.path("eigen").asText());
    sigma = Doubles.restore(state.path("sigma").asText())[0];
    Doubles.restore(state.path("mean").asText(), mean);
    Doubles.restore(state.path("paths").asText(), pathSigma, pathC);
    Doubles.restore(state.path("covariance").asText(), c);
    Doubles.restore(state.path("vectors").asText(), b);
    Doubles.restore(state.path("roots").asText(), d);
    decomposedAt = state.path("decomposed_at").asInt();
    course.restore((ObjectNode) state.path("course"));
  }
}

package io.promptgrad.gradient.blackbox;

import java.util.Arrays;

/**
 * The numbers of CMA-ES that depend on nothing but the dimensions and the population.
 *
 * @param weights w of the points from the best to the worst [population]; negative ones for the
 *     worse half
 * @param parents mu, the number of points that the mean is made of
 * @param muEff variance-effective number of parents
 * @param c1 learning rate of the rank-one update
 * @param cMu learning rate of the rank-mu update
 * @param cSigma learning rate of the step size's path
 * @param dSigma damping of the step size
 * @param cC learning rate of the covariance's path
 * @param chi expected length of a standard normal vector
 * @param gap generations between two eigendecompositions
 */
record CmaParameters(
    double[] weights,
    int parents,
    double muEff,
    double c1,
    double cMu,
    double cSigma,
    double dSigma,
    double cC,
    double chi,
    int gap) {

  /** 4 + floor(3 ln n). */
  static int defaultPopulation(int n) {
    return 4 + (int) Math.floor(3 * Math.log(n));
  }

  /** Full covariance, as in a text or in a program. */
  static CmaParameters of(int n, int population, CmaEs.Form form) {
    int mu = population / 2;
    double[] raw = new double[population];
    for (int i = 0; i < population; i++) {
      raw[i] = Math.log((population + 1) / 2.0) - Math.log(i + 1);
    }
    double muEff = effective(raw, 0, mu);
    double muMinus = effective(raw, mu, population);
    double c1 = 2 / ((n + 1.3) * (n + 1.3) + muEff);
    if (form == CmaEs.Form.PYCMA) {
      c1 *= Math.min(1, population / 6.0);
    }
    double quarter = form == CmaEs.Form.CMAES ? 0 : 0.25;
    double cMu =
        Math.min(1 - c1, 2 * (quarter + muEff + 1 / muEff - 2) / ((n + 2.0) * (n + 2.0) + muEff));
    double positive = 0;
    double negative = 0;
    for (double w : raw) {
      positive += Math.max(0, w);
      negative += Math.max(0, -w);
    }
    double alpha =
        Math.min(1 + c1 / cMu, Math.min(1 + 2 * muMinus / (muEff + 2), (1 - c1 - cMu) / (n * cMu)));
    double[] weights = new double[population];
    for (int i = 0; i < population; i++) {
      weights[i] = raw[i] >= 0 ? raw[i] / positive : raw[i] * alpha / negative;
    }
    double cSigma = (muEff + 2) / (n + muEff + (form == CmaEs.Form.PYCMA ? 3 : 5));
    double gap = 1 / (10 * n * (c1 + cMu));
    return new CmaParameters(
        weights,
        mu,
        muEff,
        c1,
        cMu,
        cSigma,
        damping(n, muEff, cSigma),
        (4 + muEff / n) / (n + 4 + 2 * muEff / n),
        chi(n),
        Math.max(1, (int) (form == CmaEs.Form.PYCMA ? Math.ceil(gap) : gap)));
  }

  /** Diagonal covariance (Ros and Hansen 2008), as in the program cmaes. */
  static CmaParameters separable(int n, int population) {
    int mu = population / 2;
    double[] weights = new double[population];
    for (int i = 0; i < mu; i++) {
      weights[i] = Math.log(mu + 1) - Math.log(i + 1);
    }
    double sum = Arrays.stream(weights).sum();
    for (int i = 0; i < mu; i++) {
      weights[i] /= sum;
    }
    double muEff = effective(weights, 0, mu);
    double c1 = 2 / ((n + 1.3) * (n + 1.3) + muEff);
    double full =
        2 / (muEff * (n + Math.sqrt(2)) * (n + Math.sqrt(2)))
            + (1 - 1 / muEff) * Math.min(1, (2 * muEff - 1) / ((n + 2.0) * (n + 2.0) + muEff));
    double cSigma = (muEff + 2) / (n + muEff + 3);
    return new CmaParameters(
        weights,
        mu,
        muEff,
        c1,
        Math.min(1 - c1, (n + 2) / 3.0 * full),
        cSigma,
        damping(n, muEff, cSigma),
        4 / (n + 4.0),
        chi(n),
        1);
  }

  /** (sum w)^2 / sum w^2. */
  private static double effective(double[] w, int from, int to) {
    double sum = 0;
    double squares = 0;
    for (int i = from; i < to; i++) {
      sum += w[i];
      squares += w[i] * w[i];
    }
    return sum * sum / squares;
  }

  private static double damping(int n, double muEff, double cSigma) {
    return 1 + 2 * Math.max(0, Math.sqrt((muEff - 1) / (n + 1)) - 1) + cSigma;
  }

  private static double chi(int n) {
    return Math.sqrt(n) * (1 - 1 / (4.0 * n) + 1 / (21.0 * n * n));
  }
}

package io.promptgrad.gradient.blackbox;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.program.Program;
import java.util.Map;
import org.nd4j.linalg.api.buffer.DataType;
import org.nd4j.linalg.api.ndarray.INDArray;
import org.nd4j.linalg.factory.Nd4j;

/**
 * Eigendecomposition of symmetric matrices, the one expensive thing in CMA-ES, by ND4J or by the
 * libtorch that runs the models.
 *
 * <p>ND4J (130 MB of libraries) is optional: whoever puts it on the class path wants it. It and
 * libtorch live in one process, but its threads do not heed libtorch's settings: at n = 500 on a
 * busy machine it took 508 to 624 ms where libtorch took 63 to 93. Results agree to rounding only,
 * so a run keeps to the one that it began with.
 */
sealed interface SymmetricEigen {

  /**
   * A = V diag(values) V'.
   *
   * @param values ascending [n]
   * @param vectors V, an eigenvector in each column [n][n]
   */
  record Result(double[] values, double[][] vectors) {}

  /** As saved states call it. */
  String name();

  /** Decomposes a symmetric matrix [n][n], which is left as it is. */
  Result of(double[][] matrix);

  /** ND4J where it is on the class path, else libtorch. */
  static SymmetricEigen available() {
    return Nd4jEigen.isThere() ? new Nd4jEigen() : new TorchEigen();
  }

  /**
   * The one of this name.
   *
   * @throws InvalidInputException if it is not on the class path
   */
  static SymmetricEigen named(String name) {
    if (!name.equals(Nd4jEigen.NAME)) {
      return new TorchEigen();
    }
    if (!Nd4jEigen.isThere()) {
      throw new InvalidInputException(
          "The run began with ND4J, which is not on the class path now; put nd4j-native 1.0.0-M2.1 there, or start a new run.");
    }
    return new Nd4jEigen();
  }

  /** By LAPACK in ND4J. */
  final class Nd4jEigen implements SymmetricEigen {

    static final String NAME = "nd4j";

    private static final String BACKEND = "org.nd4j.linalg.cpu.nativecpu.CpuBackend";

    static boolean isThere() {
      try {
        Class.forName(BACKEND, false, SymmetricEigen.class.getClassLoader());
        return true;
      } catch (ClassNotFoundException | LinkageError e) {
        return false;
      }
    }

    @Override
    public String name() {
      return NAME;
    }

    @Override
    public Result of(double[][] matrix) {
      int n = matrix.length;
      // Column-major, because LAPACK writes the vectors over the matrix.
      try (INDArray a = Nd4j.createFromArray(matrix).dup('f');
          INDArray w = Nd4j.create(DataType.DOUBLE, n)) {
        Nd4j.getBlasWrapper().lapack().syev('V', 'U', a, w);
        return new Result(w.toDoubleVector(), a.toDoubleMatrix());
      }
    }
  }

  /** By LAPACK in libtorch. */
  final class TorchEigen implements SymmetricEigen {

    private static final String SOURCE =
        """
        class Eigen(Module):
          __parameters__ = []
          __buffers__ = []
          training : bool
          def decompose(self: __torch__.Eigen,
            matrix: Tensor) -> Tuple[Tensor, Tensor]:
            torch.set_grad_enabled(False)
            values, vectors, = torch.linalg_eigh(matrix, "L")
            return (values, torch.contiguous(vectors))
        """;

    /** On the CPU whatever the model is on; it has no state and lives as long as the process. */
    private static final class Loaded {
      static final Program PROGRAM =
          Program.load(Device.cpu(), SOURCE, "Eigen", Map.of("training", false));
    }

    @Override
    public String name() {
      return "libtorch";
    }

    @Override
    public Result of(double[][] matrix) {
      int n = matrix.length;
      double[] flat = new double[n * n];
      for (int i = 0; i < n; i++) {
        System.arraycopy(matrix[i], 0, flat, i * n, n);
      }
      try (NDManager scope = Loaded.PROGRAM.newScope()) {
        NDArray a = scope.create(flat, new Shape(n, n));
        NDList out = Loaded.PROGRAM.call(scope, "decompose", a);
        double[] columns = out.get(1).toDoubleArray();
        double[][] vectors = new double[n][n];
        for (int i = 0; i < n; i++) {
          System.arraycopy(columns, i * n, vectors[i], 0, n);
        }
        return new Result(out.get(0).toDoubleArray(), vectors);
      }
    }
  }
}

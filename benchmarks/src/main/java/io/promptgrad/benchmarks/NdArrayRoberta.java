package io.promptgrad.benchmarks;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import ai.djl.ndarray.types.SparseFormat;
import ai.djl.nn.Activation;
import ai.djl.nn.core.Embedding;
import ai.djl.nn.core.Linear;
import ai.djl.nn.norm.LayerNorm;
import ai.djl.training.GradientCollector;
import io.promptgrad.lm.EmbeddingGradient;
import io.promptgrad.lm.Targets;
import io.promptgrad.lm.TokenBatch;
import io.promptgrad.lm.arch.Architecture;
import io.promptgrad.lm.arch.TransformerSpec;
import io.promptgrad.lm.program.LibTorch;
import io.promptgrad.lm.weights.Checkpoint;
import io.promptgrad.lm.weights.TensorView;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;

/**
 * RoBERTa (Liu et al. 2019) as one would write it with DJL's NDArray: one native call for each
 * operation, gradients by a collector. It is here to be measured against the toolkit's program, and
 * does not replace it: float32 only, and one gradient at a time in the whole process.
 *
 * <p>An operation's result belongs to the manager of its first operand, so weights never come
 * first. Shapes: B rows, S tokens, H heads, D head width, C hidden width, N chosen positions, V
 * vocabulary.
 */
final class NdArrayRoberta implements AutoCloseable {

  private static final String EMBEDDINGS = "roberta.embeddings.";

  private final TransformerSpec spec;
  private final NDManager manager;
  private final Map<String, NDArray> weights = new HashMap<>();
  private final NDArray scale; // a number as an operand would become a new array in every call

  private NdArrayRoberta(TransformerSpec spec, NDManager manager) {
    this.spec = spec;
    this.manager = manager;
    this.scale = manager.create((float) spec.attention().scale());
  }

  /** Loads a model folder of family roberta with a tied head. */
  static NdArrayRoberta load(Path folder, Device device) {
    TransformerSpec spec = Architecture.read(folder).spec();
    if (!spec.family().equals("roberta") || !spec.head().tied()) {
      throw new IllegalArgumentException(folder + " is no RoBERTa with a tied head");
    }
    NdArrayRoberta model = new NdArrayRoberta(spec, LibTorch.engine().newBaseManager(device));
    Checkpoint checkpoint = Checkpoint.open(folder);
    for (String name : checkpoint.names()) {
      TensorView tensor = checkpoint.get(name);
      model.weights.put(name, model.manager.create(tensor.toFloats(), new Shape(tensor.shape())));
    }
    return model;
  }

  /** A new owner for results. */
  NDManager newScope() {
    return manager.newSubManager();
  }

  /** Logits at the chosen positions [N, V]. */
  NDArray logits(NDManager scope, TokenBatch batch, int[] at) {
    return head(trunk(wordVectors(scope, batch), batch), at);
  }

  /**
   * Losses, and the gradient of their weighted sum at the word vectors.
   *
   * @param targets with as many tokens at each position
   */
  EmbeddingGradient gradient(NDManager scope, TokenBatch batch, Targets targets) {
    NDArray ids = tokenSets(scope, targets); // [N, t]
    NDArray factors = scope.create(targets.weights());
    NDArray leaf = wordVectors(scope, batch); // fresh, because gradients add up in a leaf
    leaf.setRequiresGradient(true);
    try (GradientCollector collector = LibTorch.engine().newGradientCollector()) {
      NDArray logits = head(trunk(leaf, batch), targets.at());
      NDArray losses =
          logits.logSoftmax(1).gather(ids, 1).exp().sum(new int[] {1}).log().neg(); // [N]
      collector.backward(losses.mul(factors).sum());
      return new EmbeddingGradient(losses.stopGradient(), leaf.getGradient());
    }
  }

  private NDArray wordVectors(NDManager scope, TokenBatch batch) {
    NDArray ids = scope.create(longs(batch.ids(), 0), shape(batch));
    return embedding(ids, EMBEDDINGS + "word_embeddings"); // [B, S, C]
  }

  private NDArray trunk(NDArray wordVectors, TokenBatch batch) {
    NDManager scope = wordVectors.getManager();
    NDArray positions = scope.create(longs(batch.positions(), spec.positionOffset()), shape(batch));
    NDArray types = scope.create(new long[batch.ids().length], shape(batch));
    NDArray x =
        wordVectors
            .add(embedding(positions, EMBEDDINGS + "position_embeddings"))
            .add(embedding(types, EMBEDDINGS + "token_type_embeddings"));
    x = norm(x, EMBEDDINGS + "LayerNorm");
    NDArray bias = maskBias(scope, batch);
    for (int l = 0; l < spec.layers(); l++) {
      String layer = "roberta.encoder.layer." + l + ".";
      x = norm(x.add(attention(x, bias, layer)), layer + "attention.output.LayerNorm");
      NDArray up = Activation.gelu(linear(x, layer + "intermediate.dense"));
      x = norm(x.add(linear(up, layer + "output.dense")), layer + "output.LayerNorm");
    }
    return x; // [B, S, C]
  }

  private NDArray attention(NDArray x, NDArray bias, String layer) {
    NDArray q = heads(linear(x, layer + "attention.self.query"));
    NDArray k = heads(linear(x, layer + "attention.self.key"));
    NDArray v = heads(linear(x, layer + "attention.self.value"));
    NDArray scores = q.matMul(k.transpose(0, 1, 3, 2)).mul(scale); // [B, H, S, S]
    if (bias != null) {
      scores = scores.add(bias);
    }
    NDArray mixed = scores.softmax(3).matMul(v).transpose(0, 2, 1, 3); // [B, S, H, D]
    return linear(mixed.reshape(x.getShape()), layer + "attention.output.dense");
  }

  /** [B, S, C] -> [B, H, S, D]. */
  private NDArray heads(NDArray x) {
    Shape s = x.getShape();
    int heads = spec.attention().heads();
    return x.reshape(s.get(0), s.get(1), heads, spec.attention().headDim()).transpose(0, 2, 1, 3);
  }

  private NDArray head(NDArray x, int[] at) {
    NDManager scope = x.getManager();
    NDArray chosen =
        x.reshape(-1, spec.hidden()).get(scope.create(longs(at, 0), new Shape(at.length)));
    NDArray features = norm(Activation.gelu(linear(chosen, "lm_head.dense")), "lm_head.layer_norm");
    return Linear.linear(
            features,
            weights.get(EMBEDDINGS + "word_embeddings.weight"),
            weights.get("lm_head.bias"))
        .singletonOrThrow();
  }

  private NDArray embedding(NDArray ids, String name) {
    return Embedding.embedding(ids, weights.get(name + ".weight"), SparseFormat.DENSE)
        .singletonOrThrow();
  }

  private NDArray linear(NDArray x, String name) {
    return Linear.linear(x, weights.get(name + ".weight"), weights.get(name + ".bias"))
        .singletonOrThrow();
  }

  private NDArray norm(NDArray x, String name) {
    return LayerNorm.layerNorm(
            x,
            new Shape(spec.hidden()),
            weights.get(name + ".weight"),
            weights.get(name + ".bias"),
            (float) spec.norm().epsilon())
        .singletonOrThrow();
  }

  /** 0 for a token, minus infinity for padding [B, 1, 1, S]; null if nothing is padded. */
  private static NDArray maskBias(NDManager scope, TokenBatch batch) {
    if (batch.full()) {
      return null;
    }
    float[] bias = new float[batch.mask().length];
    for (int i = 0; i < bias.length; i++) {
      bias[i] = batch.mask()[i] == 0 ? Float.NEGATIVE_INFINITY : 0f;
    }
    return scope.create(bias, new Shape(batch.rows(), 1, 1, batch.length()));
  }

  private static NDArray tokenSets(NDManager scope, Targets targets) {
    int width = targets.tokens()[0].length;
    long[] ids = new long[targets.at().length * width];
    for (int n = 0; n < targets.at().length; n++) {
      if (targets.tokens()[n].length != width) {
        throw new IllegalArgumentException("every position needs as many target tokens");
      }
      for (int t = 0; t < width; t++) {
        ids[n * width + t] = targets.tokens()[n][t];
      }
    }
    return scope.create(ids, new Shape(targets.at().length, width));
  }

  private static Shape shape(TokenBatch batch) {
    return new Shape(batch.rows(), batch.length());
  }

  private static long[] longs(int[] values, long plus) {
    return Arrays.stream(values).mapToLong(value -> value + plus).toArray();
  }

  @Override
  public void close() {
    manager.close();
  }
}

package io.promptgrad.lm;

import io.promptgrad.lm.weights.TensorView;
import io.promptgrad.lm.weights.WeightType;
import java.nio.ByteBuffer;

/** Tensors of the same name and shape in another type. */
final class Retyped {

  private Retyped() {}

  static TensorView zeros(TensorView tensor, WeightType type) {
    int bytes = Math.multiplyExact((int) tensor.elements(), type.bytes());
    return new TensorView(tensor.name(), type, tensor.shape(), ByteBuffer.allocate(bytes));
  }
}

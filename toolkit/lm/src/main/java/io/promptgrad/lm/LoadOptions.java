package io.promptgrad.lm;

import ai.djl.Device;
import io.promptgrad.lm.program.LibTorch;

/** Where and in which number format a model is loaded. */
public record LoadOptions(Device device, Precision precision) {

  /** The first GPU in bfloat16 if there is one, else the CPU in float32. */
  public static LoadOptions defaults() {
    return on(LibTorch.defaultDevice());
  }

  /** A device with its default precision. */
  public static LoadOptions on(Device device) {
    return new LoadOptions(device, Precision.defaultFor(device));
  }

  /** The same device with another precision. */
  public LoadOptions withPrecision(Precision other) {
    return new LoadOptions(device, other);
  }
}

package io.promptgrad.gradient.coordinate;

import java.nio.ByteBuffer;
import java.util.Base64;

/** Arrays of floats in checkpoints, to the last bit. */
public final class Floats {

  private Floats() {}

  /** As text. */
  public static String save(float[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(values.length * Float.BYTES);
    bytes.asFloatBuffer().put(values);
    return Base64.getEncoder().encodeToString(bytes.array());
  }

  /** Reads what {@link #save} wrote. */
  public static float[] restore(String text) {
    ByteBuffer bytes = ByteBuffer.wrap(Base64.getDecoder().decode(text));
    float[] values = new float[bytes.remaining() / Float.BYTES];
    bytes.asFloatBuffer().get(values);
    return values;
  }
}

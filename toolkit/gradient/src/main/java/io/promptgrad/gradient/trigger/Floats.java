package io.promptgrad.gradient.trigger;

import java.nio.ByteBuffer;
import java.util.Base64;
import java.util.List;

/** Arrays of floats: side by side for one call, and in checkpoints to the last bit. */
public final class Floats {

  private Floats() {}

  /** One behind the other. */
  public static float[] joined(List<float[]> parts) {
    float[] all = new float[parts.stream().mapToInt(part -> part.length).sum()];
    int from = 0;
    for (float[] part : parts) {
      System.arraycopy(part, 0, all, from, part.length);
      from += part.length;
    }
    return all;
  }

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

package io.promptgrad.lm.weights;

import io.promptgrad.input.InvalidInputException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** Files that are often taken for safetensors files, known by their first bytes. */
final class ForeignFormat {

  /** How to turn a pickled checkpoint into one that can be read; ends a sentence. */
  static final String CONVERT =
      "convert it in Python: load it with torch.load(..., weights_only=True) and write it with"
          + " safetensors.torch.save_file, or call model.save_pretrained(DIR,"
          + " safe_serialization=True)";

  private ForeignFormat() {}

  static void refuseIfKnown(Path path, byte[] start) {
    if (startsWith(start, "PK")) {
      throw new InvalidInputException(
          ("%s is a zip archive, most likely a PyTorch pickle, which can run code and is never"
                  + " loaded; %s.")
              .formatted(path, CONVERT));
    }
    if (start.length >= 2 && (start[0] & 0xff) == 0x80 && start[1] >= 2 && start[1] <= 5) {
      throw new InvalidInputException(
          "%s is a PyTorch pickle, which can run code and is never loaded; %s."
              .formatted(path, CONVERT));
    }
    if (startsWith(start, "GGUF")) {
      throw new InvalidInputException(
          path + " is a GGUF file; use the model's original safetensors checkpoint instead.");
    }
    if (startsWith(start, "version https:")) {
      throw new InvalidInputException(
          path
              + " is only a Git LFS pointer, not the weights; run \"git lfs pull\" in that"
              + " repository or download the file itself.");
    }
  }

  private static boolean startsWith(byte[] start, String signature) {
    byte[] expected = signature.getBytes(StandardCharsets.US_ASCII);
    if (start.length < expected.length) {
      return false;
    }
    for (int i = 0; i < expected.length; i++) {
      if (start[i] != expected[i]) {
        return false;
      }
    }
    return true;
  }
}

package io.promptgrad.lm.tokenizer;

import io.promptgrad.fuzz.ReadingProcess;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Opens a {@code tokenizer.json} and uses what came of it, native library included. */
final class TokenizerReader implements ReadingProcess.Reader {

  private static final List<String> TEXTS =
      List.of(
          "",
          " a",
          "The film isn't good.\n\n  \t1234 ",
          "[MASK] <s> \u00e9\u0301 \ud83d\ude00 \u4e2d\u0000");

  private final Path folder;

  TokenizerReader() throws IOException {
    folder = Files.createTempDirectory("tokenizer");
  }

  @Override
  public void read(byte[] document) throws IOException {
    Files.write(folder.resolve("tokenizer.json"), document);
    try (Tokenizer tokenizer = Tokenizer.open(folder)) {
      for (String text : TEXTS) {
        tokenizer.decode(tokenizer.encode(text));
        tokenizer.decode(tokenizer.encodeWithSpecials(text), true);
        tokenizer.encodePlain(text);
      }
      tokenizer.encodeAll(TEXTS);
      tokenizer.encodeWord("good", true);
      for (int id = 0; id < tokenizer.vocabularySize() && id < 300; id++) {
        tokenizer.view(id);
        if (tokenizer.has(id)) {
          tokenizer.startsWord(id);
          tokenizer.isCapitalised(id);
        }
      }
    }
  }
}

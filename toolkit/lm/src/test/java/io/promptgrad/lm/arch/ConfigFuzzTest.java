package io.promptgrad.lm.arch;

import io.promptgrad.fuzz.Damaged;
import io.promptgrad.fuzz.Fuzz;
import io.promptgrad.lm.TinyModels;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.lifecycle.AfterContainer;

/** The configuration of every family, damaged. */
class ConfigFuzzTest {

  private static final Fuzz FUZZ =
      Fuzz.of(
          "config.json",
          TinyModels.ALL.stream().map(ConfigFuzzTest::text).toList(),
          List.of(
              "\"model_type\": \"llama\",",
              "\"hidden_size\": ",
              "\"num_attention_heads\": 0,",
              "\"num_hidden_layers\": 2147483647,",
              "\"rope_scaling\": {\"rope_type\": \"llama3\"},",
              "\"layer_types\": [\"full_attention\"],",
              "\"sliding_window\": -1,",
              "\"head_dim\": ",
              "[[\"global\"], 1]"));

  private static final Path DIRECTORY = directory();

  private static String text(String name) {
    try {
      return Files.readString(TinyModels.folder(name).resolve("config.json"));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Path directory() {
    try {
      return Files.createTempDirectory("config-fuzz");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Provide
  Arbitrary<Damaged> damaged() {
    return FUZZ.damaged();
  }

  @Property(edgeCases = EdgeCasesMode.NONE, seed = "20261121")
  void read_damagedConfiguration_isReadOrRefused(@ForAll("damaged") Damaged config) {
    FUZZ.check(
        config,
        () -> {
          Files.write(DIRECTORY.resolve("config.json"), config.bytes());
          Architecture.read(DIRECTORY);
        });
  }

  @AfterContainer
  static void printAndDelete() throws IOException {
    FUZZ.print();
    Files.delete(DIRECTORY.resolve("config.json"));
    Files.delete(DIRECTORY);
  }
}

package io.promptgrad.experiments.config;

import io.promptgrad.fuzz.Damaged;
import io.promptgrad.fuzz.Fuzz;
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

/** Configurations of experiments, damaged. */
class ConfigFuzzTest {

  private static final Path FOLDER = folder();

  private static final Fuzz FUZZ =
      Fuzz.of(
          "experiment configurations",
          List.of(
              """
              method: autoprompt # the only one
              model: bundled:mini-roberta
              task: {label: label, train: {file: t.tsv, limit: 9}, dev: {from: train, size: 4}, test: t.tsv}
              template: "{sentence} [T] [P] ."
              label_search: {tokens_per_label: 4, learning_rate: 1e-2, filter: [special]}
              metric: macro-f1
              seed: 12345678901
              device: cuda:1
              budget: {steps: 9, evaluations: 5_000, time: 1h2m3s}
              stop: {patience: 5, target: 0.9, convergence: {window: 4, tolerance: 0.01}}
              autoprompt:
                candidates: 10
                filter: [special, labels]
                start: [film, "1", great]
                reference: {batch_size: 2, evaluation_batch_size: 3, accumulation_steps: 4}
              manual_prompts:
                - template: "{sentence} [P] ."
                  verbalizer: {negative: bad, positive: good}
              out: runs/x
              """,
              """
              model: bundled:mini-roberta
              task: bundled:sentiment
              template: >-
                {sentence} [T]
                [P] .
              verbalizer:
                "negative": bad
                positive: [good, 17, no, "1"]
              """),
          List.of(
              ": ",
              "- ",
              "\n  ",
              "\n",
              "&a ",
              "*a",
              "!!int ",
              "? ",
              "|",
              ">-",
              "---\n",
              "...\n",
              "%YAML 1.2\n",
              "<<: ",
              "~",
              ".inf",
              "0x1F",
              "1_000",
              "2001-01-01",
              "{a: ",
              "[[",
              "#",
              "steps: ",
              "99999999999999d",
              "cuda:",
              "template: ",
              "\u0085"));

  private static Path folder() {
    try {
      Path folder = Files.createTempDirectory("config-fuzz");
      Files.writeString(folder.resolve("t.tsv"), "sentence\tlabel\nx\tnegative\n");
      return folder;
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
        config, () -> ConfigReader.read(YamlDocument.parse(config.text(), "c.yaml"), FOLDER));
  }

  @AfterContainer
  static void printAndDelete() throws IOException {
    FUZZ.print();
    Files.delete(FOLDER.resolve("t.tsv"));
    Files.delete(FOLDER);
  }
}

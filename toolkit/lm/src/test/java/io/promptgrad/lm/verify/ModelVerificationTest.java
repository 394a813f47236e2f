package io.promptgrad.lm.verify;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelVerificationTest {

  @ParameterizedTest
  @ValueSource(
      strings = {
        "bert",
        "bert__untied_silu_large_eps",
        "roberta",
        "gpt2",
        "llama",
        "llama__rope_llama3",
        "llama__rope_linear"
      })
  void run_recordedModel_withinTolerances(String name) {
    Path folder = Path.of("/work/shared/fixtures/parity").resolve(name);
    List<Comparison> comparisons = ModelVerification.run(folder, Device.cpu());
    comparisons.forEach(c -> System.out.println(name + " " + c.ok() + " " + c));
    assertThat(comparisons).allMatch(Comparison::ok);
  }
}

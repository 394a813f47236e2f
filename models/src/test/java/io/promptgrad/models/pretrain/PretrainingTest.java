package io.promptgrad.models.pretrain;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import ai.djl.Device;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.AdamW;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.weights.SafetensorsFile;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A tiny model on a text that counts: 4, 5, 6, ... 15, 4, 5, ... */
class PretrainingTest {

  private static final int VOCAB = 48;
  private static final int COUNTED = 12;
  private static final int TOKENS = 4000;
  private static final int STEPS = 24;

  @TempDir private Path folder;
  private EncodedCorpus corpus;

  @BeforeEach
  void write() throws IOException {
    write(TokenizerSettings.Objective.MASKED);
  }

  private void write(TokenizerSettings.Objective objective) throws IOException {
    byte[] ids = new byte[2 * TOKENS];
    for (int i = 0; i < TOKENS; i++) {
      ids[2 * i] = (byte) (4 + i % COUNTED);
    }
    Files.write(folder.resolve("train.u16"), ids);
    Files.write(folder.resolve("heldout.u16"), ids);
    List<EncodedCorpus.Range> all =
        List.of(new EncodedCorpus.Range("counting", "CC0", 1, 1, 0, TOKENS));
    EncodedCorpus.describe(
        folder,
        new EncodedCorpus.Description(
            "",
            objective,
            VOCAB,
            2,
            new EncodedCorpus.Part("train.u16", TOKENS, "", all),
            new EncodedCorpus.Part("heldout.u16", TOKENS, "", all)));
    corpus = EncodedCorpus.open(folder);
    Files.writeString(
        folder.resolve("config.json"),
        """
        {"architectures": ["RobertaForMaskedLM"], "model_type": "roberta", "vocab_size": 48,
         "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32,
         "hidden_act": "gelu", "max_position_embeddings": 34, "type_vocab_size": 1,
         "layer_norm_eps": 1e-5, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
         "tie_word_embeddings": true}
        """);
  }

  private Pretraining pretraining(Path out, PretrainingPlan plan, Precision precision) {
    return new Pretraining(
        plan, corpus, folder, out, new LoadOptions(Device.cpu(), precision), line -> {});
  }

  private static PretrainingPlan plan(int steps, double rate, double dropout) {
    return new PretrainingPlan(
        steps, 8, 32, rate, rate / 20, 4, AdamW.forPretraining(), dropout, 0.1, 3, 6, 8, 5);
  }

  private static List<String> lossLines(Path out) throws IOException {
    return Files.readAllLines(out.resolve("loss.jsonl")).stream()
        .map(line -> line.replaceFirst("\"seconds\":[^,}]+", ""))
        .toList();
  }

  @ParameterizedTest
  @ValueSource(strings = {"float32", "bfloat16"})
  void run_textThatCounts_learnsIt(String precision) throws IOException {
    Path out = folder.resolve("out");
    Pretraining training = pretraining(out, plan(240, 1e-2, 0), Precision.parse(precision));

    double loss = training.run();

    // Not knowing the order costs log 12 = 2.48 nats.
    assertThat(loss).isLessThan(1.5);
    SafetensorsFile saved = SafetensorsFile.open(out.resolve("model.safetensors"));
    assertThat(saved.get("roberta.embeddings.word_embeddings.weight").type())
        .isEqualTo(WeightType.F16);
    assertThat(lossLines(out)).hasSize(40);
  }

  @Test
  void run_stoppedAndKilledOnTheWay_endsAsIfItHadNot() throws IOException {
    PretrainingPlan plan = plan(STEPS, 1e-2, 0.1);
    Path whole = folder.resolve("whole");
    double loss = pretraining(whole, plan, Precision.FLOAT32).run();

    Path broken = folder.resolve("broken");
    Pretraining stopped = pretraining(broken, plan, Precision.FLOAT32);
    stopped.stop(); // after the first step
    assertThat(stopped.run()).isNaN();
    assertThat(broken.resolve("model.safetensors")).doesNotExist();
    // What a process that was killed after its checkpoint has logged, the last line in part.
    Files.writeString(
        broken.resolve("loss.jsonl"),
        "{\"step\":6,\"tokens\":1536}\n{\"step\":12,\"tok",
        StandardOpenOption.CREATE,
        StandardOpenOption.APPEND);
    double resumed = pretraining(broken, plan, Precision.FLOAT32).run();

    assertThat(resumed).isEqualTo(loss);
    assertThat(lossLines(broken)).isEqualTo(lossLines(whole));
    assertThat(broken.resolve("model.safetensors"))
        .hasSameBinaryContentAs(whole.resolve("model.safetensors"));
  }

  @Test
  void run_madeWithSomethingElse_isRefused() throws IOException {
    Path out = folder.resolve("out");
    Pretraining first = pretraining(out, plan(STEPS, 1e-2, 0), Precision.FLOAT32);
    first.stop();
    first.run();

    refused(pretraining(out, plan(STEPS, 2e-2, 0), Precision.FLOAT32), "another plan");
    refused(pretraining(out, plan(STEPS, 1e-2, 0), Precision.BFLOAT16), "another precision");
    Path config = folder.resolve("config.json");
    Files.writeString(config, Files.readString(config).replace("1e-5", "1e-6"));
    refused(pretraining(out, plan(STEPS, 1e-2, 0), Precision.FLOAT32), "another config.json");
  }

  @Test
  void run_corpusThatDoesNotFitTheModel_isRefused() throws IOException {
    write(TokenizerSettings.Objective.CAUSAL);
    Path out = folder.resolve("out");
    refused(pretraining(out, plan(STEPS, 1e-2, 0), Precision.FLOAT32), "prepared for causal");

    write(TokenizerSettings.Objective.MASKED);
    Path config = folder.resolve("config.json");
    Files.writeString(
        config, Files.readString(config).replace("\"vocab_size\": 48", "\"vocab_size\": 50"));
    refused(pretraining(out, plan(STEPS, 1e-2, 0), Precision.FLOAT32), "vocabulary of 48");
    assertThat(out).doesNotExist();
  }

  @Test
  void run_learningRateFarTooLarge_saysThatItDiverged() {
    Path out = folder.resolve("out");
    refused(pretraining(out, plan(STEPS, 1e30, 0), Precision.FLOAT32), "Training diverged");
  }

  @Test
  void run_outputBelowAFile_isRefused() {
    Path out = folder.resolve("config.json").resolve("out");
    refused(pretraining(out, plan(STEPS, 1e-2, 0), Precision.FLOAT32), "--out");
  }

  @Test
  void new_planOutOfRange_isRefusedByName() {
    assertThatThrownBy(() -> plan(0, 1e-2, 0)).hasMessageContaining("steps is 0");
    assertThatThrownBy(() -> plan(1, -1, 0)).hasMessageContaining("learning-rate is -1");
    assertThatThrownBy(() -> plan(1, 1, 1)).hasMessageContaining("dropout is 1");
  }

  private static void refused(Pretraining pretraining, String what) {
    assertThatThrownBy(pretraining::run)
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining(what);
  }

  @Test
  void run_moreSteps_goesOn() throws IOException {
    Path out = folder.resolve("out");
    pretraining(out, plan(6, 1e-2, 0), Precision.FLOAT32).run();
    pretraining(out, plan(12, 1e-2, 0), Precision.FLOAT32).run();

    assertThat(lossLines(out)).hasSize(2);
    assertThat(lossLines(out).get(1)).contains("\"step\":12");
  }
}

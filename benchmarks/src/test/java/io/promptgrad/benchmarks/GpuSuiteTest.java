package io.promptgrad.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import ai.djl.Device;
import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.benchmarks.MemoryCourse.Point;
import io.promptgrad.files.Json;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.lm.arch.Architecture;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class GpuSuiteTest {

  @TempDir Path folder;

  /** The whole program on two replicas; every part of it must have run and be in the file. */
  @Test
  void suite_tinyOnTheCpu_runsFromEndToEnd() throws Exception {
    JsonNode json = run("--device", "cpu,cpu", "--sizes", "tiny", "--steps", "20");

    assertThat(json.path("machine").path("devices")).hasSize(2);
    assertThat(json.path("machine").path("libtorch").asText()).contains("because");
    assertThat(json.path("versions").path("libtorch").asText()).isNotEmpty();
    assertThat(json.path("precision_differences").path("float32").path("logits").asDouble())
        .isZero();
    assertThat(json.path("precision_differences").path("bfloat16").path("logits").asDouble())
        .isBetween(1e-5, 3e-2);
    assertThat(json.path("out_of_memory").path("failures").asInt()).isEqualTo(3); // 48, 24, 12
    assertThat(json.path("memory").path("points")).hasSize(10);
    assertThat(json.path("matmul").path("tflops").asDouble()).isPositive();
    JsonNode works = json.path("throughput").get(0).path("work");
    assertThat(works).hasSize(3);
    for (JsonNode work : works) {
      assertThat(work.path("tokens_per_second").asDouble()).isPositive();
      assertThat(work.path("share_of_matmul").asDouble()).isPositive();
      assertThat(work.path("tokens_with_padding").asLong())
          .isGreaterThanOrEqualTo(work.path("tokens").asLong());
    }
    assertThat(works.get(0).path("tokens").asLong()).isEqualTo(6 * 16);
    assertThat(json.path("ok").asBoolean()).isTrue();
    try (var left = Files.list(folder)) { // no checkpoint stays behind
      assertThat(left.map(f -> f.getFileName().toString())).containsExactly("gpu.json");
    }
  }

  /** Written and never run so far: it needs a GPU, and a while for the largest model. */
  @Test
  @Tag("gpu")
  void suite_onTheGpu_passesItsOwnChecks() throws Exception {
    JsonNode json = run("--device", "cuda:0", "--sizes", "tiny,0.1b", "--steps", "500");
    assertThat(json.path("out_of_memory").path("failures").asInt()).isPositive();
    assertThat(json.path("throughput").get(1).path("work").get(0).path("tflops").asDouble())
        .isPositive();
  }

  private JsonNode run(String... arguments) throws Exception {
    Path out = folder.resolve("gpu.json");
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    CommandLine line =
        new CommandLine(new GpuSuite(new PrintStream(printed, true, StandardCharsets.UTF_8)));
    String[] all = Arrays.copyOf(arguments, arguments.length + 4);
    all[arguments.length] = "--out";
    all[arguments.length + 1] = out.toString();
    all[arguments.length + 2] = "--temp";
    all[arguments.length + 3] = folder.toString();
    assertThat(line.execute(all)).as(printed.toString(StandardCharsets.UTF_8)).isZero();
    assertThat(printed.toString(StandardCharsets.UTF_8))
        .contains("Machine", "Agreement", "Out of memory", "Throughput", "All checks are well.");
    return Json.parse(Files.readString(out));
  }

  // ------------------------------------------------------------------ its parts

  @Test
  void randomLlama_everySize_hasTheWeightsThatItsNameSays() throws Exception {
    for (RandomLlama size : RandomLlama.values()) {
      if (size == RandomLlama.TINY) {
        continue;
      }
      assertThat(size.parameters() / 1e9)
          .isCloseTo(
              Double.parseDouble(size.title.replace("b", "")),
              within(0.12 * size.parameters() / 1e9));
    }
    Path model = Files.createDirectories(folder.resolve("model"));
    RandomLlama.TINY.write(model, 3);
    assertThat(Architecture.read(model).spec().layers()).isEqualTo(2);
    try (LanguageModel loaded =
        LanguageModel.load(model, new LoadOptions(Device.cpu(), Precision.FLOAT32))) {
      assertThat(loaded.parameters()).isEqualTo(RandomLlama.TINY.parameters());
    }
    assertThatThrownBy(() -> RandomLlama.named("2b"))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("0.1b");
  }

  /**
   * By hand: 2 layers; attention 64 x 64 twice and 64 x 32 twice, the MLP three times 64 x 128, in
   * all 36,864 weights a layer. For 10 tokens 2 x 2 x 36,864 x 10 = 1,474,560; attention 4 x 2 x 10
   * x 64 x 10 = 51,200; one logit 2 x 64 = 128.
   */
  @Test
  void operations_ofTheTinyShape_areThoseCountedByHand() {
    assertThat(RandomLlama.TINY.forwardOperations(10, 1)).isEqualTo(1_474_560 + 51_200 + 128);
    assertThat(RandomLlama.TINY.gradientOperations(10))
        .isEqualTo(2 * 1_474_560 + 3 * 51_200 + 2 * 2 * 64 * 320);
  }

  @Test
  void matmulRate_here_isPositiveInBothPrecisions() {
    for (Precision precision : List.of(Precision.FLOAT32, Precision.BFLOAT16)) {
      assertThat(MatmulRate.measure(Device.cpu(), precision, 64, 3)).isPositive();
    }
  }

  @Test
  void memoryCourse_anythingThatGrows_isNotOk() {
    Point start = new Point(200, 1000, 500, 7, 70);
    assertThat(course(start, new Point(2000, 1049, 524, 7, 70)).ok()).isTrue();
    assertThat(course(start, new Point(2000, 1051, 500, 7, 70)).ok()).isFalse();
    assertThat(course(start, new Point(2000, 1000, 526, 7, 70)).ok()).isFalse();
    assertThat(course(start, new Point(2000, 1000, 500, 8, 70)).ok()).isFalse();
    assertThat(course(start, new Point(2000, 1000, 500, 7, 71)).ok()).isFalse();
    assertThat(course(start, new Point(900, 2000, 500, 7, 70)).ok()).isTrue(); // too early to tell
    Point cpu = new Point(200, 1000, -1, 7, 70);
    assertThat(course(cpu, new Point(2000, 1000, -1, 7, 70)).ok()).isTrue();
  }

  private static MemoryCourse course(Point first, Point last) {
    return new MemoryCourse(List.of(first, last));
  }
}

package io.promptgrad.gradient.discrete;

import static org.assertj.core.api.Assertions.assertThat;

import ai.djl.Device;
import ai.djl.ndarray.NDManager;
import ai.djl.util.cuda.CudaUtils;
import io.promptgrad.gradient.TinyModels;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.Precision;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import io.promptgrad.template.Verbalizer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Searches on a GPU: {@code mvn verify -Pgpu}. Written without one at hand and not run yet. */
@Tag("gpu")
class GpuSearchTest {

  private static final Device GPU = Device.gpu(0);

  @TempDir static Path folder;

  private static final Task TASK = TinyModels.task(64, 32, 2);

  @BeforeAll
  static void write() {
    TinyModels.masked(folder).close();
  }

  private static AutoPrompt search(LanguageModel model) {
    Cloze cloze =
        new Cloze(
            model,
            PromptTemplate.parse("{sentence} [T] [T] [T] [P]"),
            Verbalizer.parse(Map.of("negative", List.of("bad", "awful"), "positive", "good")));
    AutoPromptConfig config = AutoPromptConfig.defaults().withCandidates(12).withExamples(32, 48);
    return new AutoPrompt(model, TASK, cloze, config, new RandomSource(1));
  }

  @Test
  void fiveHundredSteps_memoryAndLiveArrays_stayFlat() {
    for (Precision precision : List.of(Precision.FLOAT32, Precision.BFLOAT16)) {
      try (LanguageModel model = LanguageModel.load(folder, new LoadOptions(GPU, precision))) {
        AutoPrompt search = search(model);
        long usedEarly = 0;
        int arraysEarly = 0;
        for (int step = 1; step <= 500; step++) {
          search.step(step);
          if (step == 50) {
            usedEarly = CudaUtils.getGpuMemory(GPU).getUsed();
            arraysEarly = arrays(model);
          }
        }
        assertThat(arrays(model)).isEqualTo(arraysEarly);
        assertThat(CudaUtils.getGpuMemory(GPU).getUsed())
            .isLessThanOrEqualTo(usedEarly + (32L << 20));
      }
    }
  }

  private static int arrays(LanguageModel model) {
    try (NDManager scope = model.newScope()) {
      return scope.getParentManager().getManagedArrays().size();
    }
  }

  @Test
  void sameSeed_takesTheSameStepsAgainAndOnTwoReplicas() {
    List<List<StepReport>> traces = new ArrayList<>();
    for (List<Device> devices : List.of(List.of(GPU), List.of(GPU), List.of(GPU, GPU))) {
      try (LanguageModel model =
          LanguageModel.load(folder, new LoadOptions(devices, Precision.FLOAT32))) {
        AutoPrompt search = search(model);
        List<StepReport> steps = new ArrayList<>();
        for (int step = 1; step <= 10; step++) {
          steps.add(search.step(step));
        }
        traces.add(steps);
      }
    }
    assertThat(traces.get(1)).isEqualTo(traces.get(0));
    assertThat(traces.get(2)).isEqualTo(traces.get(0));
  }
}

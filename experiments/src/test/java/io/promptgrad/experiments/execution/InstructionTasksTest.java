package io.promptgrad.experiments.execution;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import io.promptgrad.experiments.config.InstructionConfig;
import io.promptgrad.experiments.config.InstructionReader;
import io.promptgrad.experiments.config.YamlDocument;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.ScoreRequest;
import io.promptgrad.llm.client.Scoring;
import io.promptgrad.llm.client.TextScore;
import io.promptgrad.llm.client.Usage;
import io.promptgrad.llm.instruction.ExampleScorer;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The task files of configs/tasks with their real data, where these are: splits, and gold answers.
 */
class InstructionTasksTest {

  private static final Path CONFIGS = Path.of("").toAbsolutePath().resolve("configs");

  private static Path data() {
    String given = System.getProperty("promptgrad.shared");
    Path at = Path.of("").toAbsolutePath();
    while (given == null && at.getParent() != null && !Files.isDirectory(at.resolve("shared"))) {
      at = at.getParent();
    }
    return (given == null ? at.resolve("shared") : Path.of(given)).resolve("data");
  }

  static Stream<Path> tasks() throws IOException {
    try (Stream<Path> files = Files.walk(CONFIGS.resolve("tasks"))) {
      return files.filter(Files::isRegularFile).sorted().toList().stream();
    }
  }

  private static InstructionConfig config(Path task) {
    YamlDocument document =
        YamlDocument.parse(
            "method: opro\nscorer: openai:any\ntask: \"%s\"\ndata: {dir: \"%s\"}\n"
                .formatted(task, data()),
            "test");
    return InstructionReader.read(document, CONFIGS);
  }

  /** A model that says one thing. */
  private record Parrot(String text) implements Llm {

    @Override
    public String model() {
      return "parrot";
    }

    @Override
    public String identity() {
      return "parrot";
    }

    @Override
    public ChatReply chat(ChatRequest request) {
      return new ChatReply(text, ChatReply.Finish.STOP, List.of(), new Usage(1, 0, 1, true));
    }

    @Override
    public Scoring scoring() {
      return new Scoring(Scoring.Kind.NONE, "a parrot");
    }

    @Override
    public TextScore score(ScoreRequest request) {
      throw new IllegalStateException("not asked for");
    }
  }

  /**
   * Whoever says the gold answer is right, plainly or behind a cue; whoever says nothing is not.
   */
  @ParameterizedTest
  @MethodSource("tasks")
  void task_goldAnswers_areRightAndNonsenseIsNot(Path file) {
    assumeThat(data().resolve("bbh")).as("real data").isDirectory();
    InstructionTask task = InstructionTask.of(config(file), true);
    InstructionPrompt prompt = InstructionPrompt.of("Do it.");
    boolean bbh = file.toString().contains("bbh");
    for (Example example : task.task().test()) {
      for (String said :
          bbh
              ? List.of(example.label(), "Let us see. So the answer is " + example.label() + ".")
              : List.of(example.label())) {
        ExampleScorer scorer = task.scorer(new Parrot(said), Optional.empty());
        Outcome outcome = scorer.score(prompt, example);
        assertThat(outcome.value()).as("%s for %s", said, example).isEqualTo(1);
      }
      Outcome nonsense = task.scorer(new Parrot("qwxz ;"), Optional.empty()).score(prompt, example);
      assertThat(nonsense.value()).as(example.toString()).isLessThan(1);
    }
  }

  /** Lists of right answers are never shown to the model that is to find one. */
  @ParameterizedTest
  @MethodSource("tasks")
  void task_conversation_doesNotHoldTheAnswers(Path file) {
    assumeThat(data().resolve("bbh")).as("real data").isDirectory();
    InstructionTask task = InstructionTask.of(config(file), true);
    for (Example example : task.task().train().subList(0, 1)) {
      String shown = task.layout().messages(InstructionPrompt.of("Do it."), example).toString();
      assertThat(shown).doesNotContain("[\"");
      task.shown()
          .forEach(field -> assertThat(shown).contains(example.fields().get(field).strip()));
    }
  }

  @Test
  void tasks_ofThePapers_haveTheirSplits() throws IOException {
    assumeThat(data().resolve("bbh")).as("real data").isDirectory();
    assertThat(tasks().filter(file -> file.toString().contains("/bbh/"))).hasSize(27);
    assertThat(tasks().filter(file -> file.toString().contains("induction"))).hasSize(24);
    sizes("bbh/navigate", 40, 10, 200);
    sizes("bbh/penguins_in_a_table", 19, 10, 117);
    sizes("instruction-induction/antonyms", 100, 20, 100);
    sizes("truthfulqa", 100, 50, 667);
    sizes("gsm8k", 261, 50, 1319);
    sizes("sst2", 200, 200, 872);
  }

  private static void sizes(String task, int train, int dev, int test) {
    InstructionTask read =
        InstructionTask.of(config(CONFIGS.resolve("tasks").resolve(task + ".yaml")), true);
    assertThat(
            List.of(
                read.task().train().size(), read.task().dev().size(), read.task().test().size()))
        .as(task)
        .containsExactly(train, dev, test);
  }

  /** The configurations are read; those of a server are rehearsed without it. */
  @Test
  void configs_all_areReadAndRehearsed() throws IOException {
    assumeThat(data().resolve("bbh")).as("real data").isDirectory();
    try (Stream<Path> files = Files.list(CONFIGS.resolve("instruction"))) {
      for (Path file : files.sorted().toList()) {
        YamlDocument document = YamlDocument.read(file);
        document.set("data.dir=" + data());
        document.set("budget={steps: 1, calls: 500}");
        InstructionConfig config = InstructionReader.read(document, file.getParent());
        Rehearsal.Result expected = Rehearsal.run(config);
        assertThat(expected.parts().get("scorer").calls()).as(file.toString()).isPositive();
      }
    }
  }
}

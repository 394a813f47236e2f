package io.promptgrad.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.promptgrad.input.InvalidInputException;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.junit.jupiter.api.Test;

class FactTaskTest {

  /** A model without capitals that knows three towns. */
  private static final Function<String, Optional<String>> ANSWERS =
      object ->
          Set.of("rome", "oslo", "lima").contains(object.toLowerCase(Locale.ROOT))
              ? Optional.of(object.toLowerCase(Locale.ROOT))
              : Optional.empty();

  private static Example fact(String id, String subject, String object, String evidences) {
    return new Example(id, Map.of("sub_label", subject, "evidences", evidences), object);
  }

  private static String evidence(String surface, String sentence) {
    return "{\"sub_surface\": \"s\", \"obj_surface\": \"%s\", \"masked_sentence\": \"%s\"}"
        .formatted(surface, sentence);
  }

  private static final String ROME =
      "["
          + evidence("Roma", "one two [MASK] four five")
          + ","
          + evidence("Rome", "in [MASK] .")
          + "]";
  private static final String OSLO = "[" + evidence("Oslo town", "up to [MASK]") + "]";

  private static Task task() {
    return new Task(
        "lama/P19",
        List.of(
            fact("train:1", "Ada Hill", "Rome", ROME),
            fact("train:2", "Bo Lind", "Oslo", OSLO),
            fact("train:3", "Cy Moss", "New York", "[]")),
        List.of(fact("dev:1", "Di Vale", "Rome", ROME)),
        List.of(
            fact("test:1", "Ed Nash", "Oslo", OSLO),
            fact("test:2", "Flo Park", "Lima", "[]"),
            fact("test:3", "Gil Reed", "Paris", OSLO)));
  }

  @Test
  void of_objectsThatAreNoAnswers_areLeftOutAndCounted() {
    FactTask facts = FactTask.of(task(), ANSWERS, Optional.empty());
    assertThat(facts.task().train())
        .containsExactly(
            new Example("train:1", Map.of("sub_label", "Ada Hill"), "rome"),
            new Example("train:2", Map.of("sub_label", "Bo Lind"), "oslo"));
    assertThat(facts.task().test()).extracting(Example::id).containsExactly("test:1", "test:2");
    assertThat(facts.counts())
        .containsEntry("train", new FactTask.Count(3, 2, 1, 0))
        .containsEntry("dev", new FactTask.Count(1, 1, 0, 0))
        .containsEntry("test", new FactTask.Count(3, 2, 1, 0));
    assertThat(facts.leftOut())
        .containsExactly(
            "1 of the 3 facts of train are left out: 1 objects are no single token of the answer vocabulary.",
            "1 of the 3 facts of test are left out: 1 objects are no single token of the answer vocabulary.");
  }

  @Test
  void of_withContext_drawsOneSentenceCutsItAndPutsTheSurfaceIn() {
    FactTask facts = FactTask.of(task(), ANSWERS, Optional.of(new FactTask.Context(3, false, 1)));
    assertThat(facts.task().train().get(0).fields().get("context"))
        .isIn("one two Roma", "in Rome .");
    assertThat(facts.task().train().get(1).fields()).containsEntry("context", "up to Oslo town");
    assertThat(facts.counts()).containsEntry("test", new FactTask.Count(3, 1, 1, 1));
    assertThat(facts.task().test()).extracting(Example::id).containsExactly("test:1");
    // Drawn by the seed and the row, whatever else is in the task.
    assertThat(FactTask.of(task(), ANSWERS, Optional.of(new FactTask.Context(3, false, 1))))
        .isEqualTo(facts);
    Set<String> drawn = new HashSet<>();
    for (long seed = 0; seed < 20; seed++) {
      Optional<FactTask.Context> context = Optional.of(new FactTask.Context(3, false, seed));
      drawn.add(
          FactTask.of(task(), ANSWERS, context).task().train().get(0).fields().get("context"));
    }
    assertThat(drawn).containsExactlyInAnyOrder("one two Roma", "in Rome .");
  }

  @Test
  void of_cutBeforeTheObject_losesIt() {
    FactTask facts = FactTask.of(task(), ANSWERS, Optional.of(new FactTask.Context(1, false, 1)));
    assertThat(facts.task().train().get(1).fields()).containsEntry("context", "up");
  }

  /** Of two objects the other one is the only choice, with one of its own surfaces. */
  @Test
  void of_perturbed_exchangesObjectsInLabelAndSentence() {
    FactTask facts = FactTask.of(task(), ANSWERS, Optional.of(new FactTask.Context(50, true, 3)));
    Example rome = facts.task().train().get(0);
    assertThat(rome.label()).isEqualTo("oslo");
    assertThat(rome.fields().get("context")).isIn("one two Oslo town four five", "in Oslo town .");
    Example oslo = facts.task().test().get(0);
    assertThat(oslo.label()).isEqualTo("rome");
    assertThat(oslo.fields().get("context")).isIn("up to Roma", "up to Rome");
  }

  @Test
  void of_nothingLeft_saysWhy() {
    assertThatThrownBy(() -> FactTask.of(task(), object -> Optional.empty(), Optional.empty()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("Of the 3 facts in the train split of lama/P19 none is left")
        .hasMessageContaining("3 have an object that is no single token");
  }

  @Test
  void of_rowsWithoutWhatIsNeeded_areRefused() {
    Example bare = new Example("train:1", Map.of("sub_label", "Ada"), "Rome");
    Task pairs = new Task("pairs", List.of(bare), List.of(bare), List.of(bare));
    Optional<FactTask.Context> context = Optional.of(new FactTask.Context(50, false, 0));
    assertThatThrownBy(() -> FactTask.of(pairs, ANSWERS, context))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("no field 'evidences'");
    Example other = new Example("train:1", Map.of("sentence", "good"), "Rome");
    Task sentences = new Task("sst", List.of(other), List.of(other), List.of(other));
    assertThatThrownBy(() -> FactTask.of(sentences, ANSWERS, Optional.empty()))
        .isInstanceOf(InvalidInputException.class)
        .hasMessageContaining("no 'sub_label'");
    assertThatThrownBy(() -> new FactTask.Context(0, false, 0))
        .isInstanceOf(InvalidInputException.class);
  }
}

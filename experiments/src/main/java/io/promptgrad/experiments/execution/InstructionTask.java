package io.promptgrad.experiments.execution;

import io.promptgrad.experiments.config.InstructionConfig;
import io.promptgrad.experiments.config.InstructionReader;
import io.promptgrad.experiments.config.ScoringConfig;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.llm.instruction.AnswerScorer;
import io.promptgrad.llm.instruction.ChatLayout;
import io.promptgrad.llm.instruction.ChoiceScorer;
import io.promptgrad.llm.instruction.ConductorScorer;
import io.promptgrad.llm.instruction.ExampleScorer;
import io.promptgrad.llm.instruction.Grader;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.JudgeScorer;
import io.promptgrad.llm.instruction.LikelihoodScorer;
import io.promptgrad.llm.instruction.MeanValue;
import io.promptgrad.llm.instruction.PairwiseJudge;
import io.promptgrad.llm.instruction.PairwiseScorer;
import io.promptgrad.llm.instruction.TaskGraders;
import io.promptgrad.metric.Accuracy;
import io.promptgrad.metric.Metric;
import io.promptgrad.task.Example;
import io.promptgrad.task.Task;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * A task as a search for instructions sees it: what of an example is shown and where, how answers
 * are read, and what counts.
 *
 * <p>What the configuration leaves to {@code auto} goes by the data set: GSM8K and MultiArith are
 * read as numbers, BIG-Bench Hard in the gold answer's form, instruction induction by the metric of
 * each of its tasks, TruthfulQA by its lists of answers; any other task with a few labels by the
 * label that is named first, and else by the first line. A model of this machine chooses among
 * labels where there are some.
 *
 * @param shown the fields that a prompt shows; lists of right and wrong answers are none of them
 * @param rival the prompt that others are compared with, where a judge compares
 */
record InstructionTask(
    Task task,
    ChatLayout layout,
    List<String> shown,
    List<String> labels,
    String by,
    String extractor,
    Metric metric,
    ScoringConfig scoring,
    InstructionPrompt rival,
    boolean guided) {

  /** Fields that only the graders look at. */
  private static final Set<String> HIDDEN =
      Set.of("answers", "correct_answers", "incorrect_answers");

  private static final int MOST_LABELS = 20;

  private static final ChatLayout COMPLETION =
      new ChatLayout(
          "",
          "{instruction}\n\n{demonstrations}Input: {question}\nOutput:",
          "",
          "Input: {question}\nOutput: {answer}\n\n");

  /**
   * Settles what the configuration leaves open.
   *
   * @param chats whether the scored model is used to conversations
   * @throws InvalidInputException if task and scoring do not fit together
   */
  static InstructionTask of(InstructionConfig config, boolean chats) {
    Task task = Tasks.load(config.task());
    ScoringConfig scoring = config.scoring();
    String data = config.task().path("train").path("data").asText(task.name());
    List<String> labels = scoring.labels().isEmpty() ? fewLabels(task) : scoring.labels();
    String extractor =
        scoring.extractor().equals(ScoringConfig.AUTO)
            ? extractor(data, !labels.isEmpty())
            : scoring.extractor();
    boolean local = config.scorer().startsWith(InstructionConfig.LOCAL);
    boolean byLabel = extractor.equals(ScoringConfig.LABEL);
    String by =
        !scoring.by().equals(ScoringConfig.AUTO)
            ? scoring.by()
            : local && byLabel ? "choice" : "answer";
    boolean graded = by.equals("answer") || by.equals("conductor");
    if (by.equals("choice") || (graded && byLabel)) {
      if (labels.isEmpty()) {
        throw new InvalidInputException(
            "The task %s has no few labels to choose among; give scoring.labels, or score answers."
                .formatted(task.name()));
      }
      Tasks.requireLabels(task, labels);
    }
    Metric metric =
        (graded || by.equals("choice")) && !TaskGraders.isGraded(extractor)
            ? new Accuracy()
            : new MeanValue();
    List<String> shown = task.fields().stream().filter(f -> !HIDDEN.contains(f)).toList();
    return new InstructionTask(
        task,
        layout(config, task, shown, chats),
        shown,
        labels,
        by,
        extractor,
        metric,
        scoring,
        InstructionPrompt.of(config.seeds().get(0)),
        local);
  }

  private static List<String> fewLabels(Task task) {
    List<String> labels = task.labels();
    return labels.size() <= MOST_LABELS && labels.size() <= task.train().size()
        ? labels
        : List.of();
  }

  private static String extractor(String data, boolean fewLabels) {
    String set = data.replaceFirst("/.*", "");
    String part = data.substring(Math.min(data.length(), set.length() + 1));
    return switch (set) {
      case "gsm8k", "multiarith" -> "number";
      case "bbh" -> "bbh";
      case "truthfulqa" -> "truthful";
      case "instruction-induction" ->
          switch (part) {
            case "common_concept", "informal_to_formal" -> "induction-f1";
            case "orthography_starts_with", "taxonomy_animal" -> "induction-set";
            case "synonyms" -> "induction-contains";
            default -> "induction-exact";
          };
      default -> fewLabels ? ScoringConfig.LABEL : "exact";
    };
  }

  private static ChatLayout layout(
      InstructionConfig config, Task task, List<String> shown, boolean chats) {
    if (config.layout().isObject()) {
      return InstructionReader.layout(config.layout());
    }
    ChatLayout layout =
        switch (config.layout().asText()) {
          case "auto" -> chats ? ChatLayout.chat() : COMPLETION;
          case "chat" -> ChatLayout.chat();
          case "completion" -> COMPLETION;
          case "before_question" -> ChatLayout.opro(ChatLayout.Position.BEFORE_QUESTION, true);
          case "question_begin" -> ChatLayout.opro(ChatLayout.Position.QUESTION_BEGIN, true);
          case "question_end" -> ChatLayout.opro(ChatLayout.Position.QUESTION_END, true);
          default -> ChatLayout.opro(ChatLayout.Position.ANSWER_BEGIN, true);
        };
    if (shown.size() == task.fields().size()) {
      return layout;
    }
    String question = String.join("\n", shown.stream().map(field -> "{" + field + "}").toList());
    return new ChatLayout(layout.system(), layout.user(), question, layout.demonstration());
  }

  /** Whether an answer is right or wrong, as one that is always the majority class is too. */
  boolean rightOrWrong() {
    return metric instanceof Accuracy;
  }

  // ------------------------------------------------------------------ scoring

  /** Returns what scores a prompt on an example by these models. */
  ExampleScorer scorer(Llm model, Optional<Llm> judge) {
    ChoiceScorer.Objective objective =
        scoring.objective().equals("accuracy")
            ? ChoiceScorer.Objective.ACCURACY
            : ChoiceScorer.Objective.LOG_PROBABILITY;
    return switch (by) {
      case "choice" ->
          guided
              ? ChoiceScorer.guided(model, layout, labels, objective)
              : new ChoiceScorer(model, layout, labels, scoring.alternatives(), objective);
      case "likelihood" -> new LikelihoodScorer(model, likelihoodTemplate());
      case "judge" ->
          new JudgeScorer(model, layout, sampling(), judge.orElseThrow(), scoring.criterion());
      case "pairwise" ->
          new PairwiseScorer(
              model,
              layout,
              sampling(),
              new PairwiseJudge(judge.orElseThrow(), scoring.criterion()),
              rival);
      case "conductor" ->
          new ConductorScorer(model, layout, sampling(), scoring.rounds(), grader());
      default -> new AnswerScorer(model, layout, sampling(), grader());
    };
  }

  private Sampling sampling() {
    Sampling sampling = Sampling.greedy(scoring.maxTokens()).withTemperature(scoring.temperature());
    return scoring.topP() == 1 ? sampling : sampling.withTopP(scoring.topP());
  }

  private Grader grader() {
    return extractor.equals(ScoringConfig.LABEL)
        ? Grader.label(labels)
        : TaskGraders.named(extractor).orElseThrow();
  }

  /** The conversation as one text; the answer follows behind a blank. */
  private String likelihoodTemplate() {
    String text = layout.system().isEmpty() ? "" : layout.system() + "\n\n";
    text += layout.user().replace("{demonstrations}", "");
    String question =
        layout.question().isEmpty()
            ? String.join(" ", shown.stream().map(field -> "{" + field + "}").toList())
            : layout.question();
    return text.replace("{question}", question) + " ";
  }

  /** Tokens that an answer has, as a guess for estimates. */
  int expectedAnswer() {
    int tokens =
        switch (by) {
          case "choice", "likelihood" -> 1;
          case "judge", "pairwise", "conductor" -> 150;
          default ->
              Set.of("number", "bbh", "truthful").contains(extractor)
                  ? 150
                  : Math.max(4, longestLabel() / 4 + 2);
        };
    return Math.min(tokens, longestAnswer());
  }

  /** Tokens that an answer has at the most. */
  int longestAnswer() {
    return by.equals("choice") || by.equals("likelihood") ? 1 : scoring.maxTokens();
  }

  private int longestLabel() {
    return task.train().stream().map(Example::label).mapToInt(String::length).max().orElseThrow();
  }
}

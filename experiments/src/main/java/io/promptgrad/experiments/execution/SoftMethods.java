package io.promptgrad.experiments.execution;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.experiments.config.SoftMethod;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.cloze.Cloze;
import io.promptgrad.gradient.discrete.AutoPromptConfig;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.gradient.soft.ClassificationProblem;
import io.promptgrad.gradient.soft.MixedTasks;
import io.promptgrad.gradient.soft.PeftAdapter;
import io.promptgrad.gradient.soft.SoftConfig;
import io.promptgrad.gradient.soft.SoftProblem;
import io.promptgrad.gradient.soft.SoftPrompt;
import io.promptgrad.gradient.soft.SoftSearch;
import io.promptgrad.gradient.soft.SoftStart;
import io.promptgrad.gradient.soft.TriggerStart;
import io.promptgrad.gradient.soft.XPrompt;
import io.promptgrad.gradient.trigger.TriggerProblem;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.lm.SoftModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.prompt.Prompt;
import io.promptgrad.run.RunDirectory;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.task.LeakCheck;
import io.promptgrad.task.Task;
import io.promptgrad.template.PromptTemplate;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Makes the searches that train virtual tokens. */
final class SoftMethods {

  private SoftMethods() {}

  /**
   * A method on a classification task.
   *
   * @param modelName as the configuration writes it
   * @param cloze template and label tokens; examples are encoded anew, with room for the prompt
   */
  static Search search(
      SoftMethod method,
      LanguageModel model,
      String modelName,
      Task task,
      Cloze cloze,
      Metric metric,
      RandomSource random) {
    SoftConfig config = method.config(start(method, model, modelName));
    int slots = cloze.template().triggerCount();
    // as many tokens as the text has that they are drawn to, or as a template has slots, where
    // nobody said otherwise
    int tokens =
        slots > 0
            ? 0
            : config.tokens() > 0
                ? config.tokens()
                : config
                    .extras()
                    .pull()
                    .map(pull -> model.tokenizer().encode(pull.text()).length)
                    .orElse(0);
    SoftConfig fitting =
        config.with(tokens, config.learningRate(), config.updates(), config.batchSize());
    SoftProblem problem = problem(model, task, cloze, tokens, metric);
    List<SoftProblem> all = new ArrayList<>(List.of(problem));
    for (Further further : further(method, model)) {
      all.add(problem(model, further.task(), further.cloze(), tokens, metric));
    }
    SoftProblem together = all.size() > 1 ? new MixedTasks(all, true) : problem;
    return fitting.extras().pruning().isPresent()
        ? new XPrompt(method.method(), together, fitting, modelName, random)
        : new SoftSearch(method.method(), together, fitting, modelName, random);
  }

  /**
   * @param front virtual tokens in front, for which examples leave room; 0: they have slots
   */
  private static SoftProblem problem(
      LanguageModel model, Task task, Cloze cloze, int front, Metric metric) {
    Cloze room = front == 0 ? cloze : new Cloze(model, cloze.template(), cloze.labels(), front);
    return new ClassificationProblem(model, task, room, metric);
  }

  // ------------------------------------------------------------------ further tasks

  /** The file of a run that has the scores of the further tasks. */
  static final String TASKS = "tasks.json";

  private static final String OF_FURTHER = " of further task ";

  private record Further(Task task, Cloze cloze) {}

  private static List<Further> further(SoftMethod method, LanguageModel model) {
    List<Further> all = new ArrayList<>();
    for (SoftMethod.Further own : method.tasks()) {
      Task task = Tasks.load(own.task());
      Tasks.requireFields(task, own.template());
      Cloze cloze = new Cloze(model, own.template(), own.verbalizer());
      Tasks.requireLabels(task, cloze.labels().labels());
      all.add(new Further(task, cloze));
    }
    return all;
  }

  /** Hashes of the further tasks' examples. */
  static ObjectNode inputs(SoftMethod method) {
    ObjectNode inputs = Json.object();
    int i = 0;
    for (SoftMethod.Further own : method.tasks()) {
      String name = "task %d's ".formatted(++i);
      Inputs.of(Tasks.load(own.task()))
          .properties()
          .forEach(split -> inputs.set(name + split.getKey(), split.getValue()));
    }
    return inputs;
  }

  /**
   * Texts that one task's prompt is trained on or chosen by, and another or the same further task
   * scores it on: one prompt sees the train and dev of all.
   */
  static List<String> leaks(SoftMethod method, Task task, PromptTemplate template) {
    if (method.tasks().isEmpty()) {
      return List.of();
    }
    Map<String, LeakCheck.Texts> texts = new LinkedHashMap<>();
    for (String split : List.of("train", "dev", "test")) {
      texts.put(split, new LeakCheck.Texts(task.split(split), template.fields()));
      int i = 0;
      for (SoftMethod.Further own : method.tasks()) {
        texts.put(
            split + OF_FURTHER + ++i,
            new LeakCheck.Texts(Tasks.load(own.task()).split(split), own.template().fields()));
      }
    }
    return Tasks.sentences(
        LeakCheck.check(texts),
        (earlier, later) ->
            (earlier.contains(OF_FURTHER) || later.contains(OF_FURTHER)) // else it is said already
                && !kind(earlier).equals(kind(later)));
  }

  private static String kind(String split) {
    return split.replaceFirst(" .*", "");
  }

  /**
   * Scores the prompt on every further task, with that task's template and words, and keeps it in a
   * folder for each beside the first task's: what {@code eval} takes.
   *
   * @return warnings
   */
  static List<String> writeFurther(
      SoftMethod method,
      LanguageModel model,
      SoftPrompt prompt,
      Metric metric,
      List<Metric> others,
      RunDirectory run,
      Console console) {
    List<Further> tasks = further(method, model);
    List<String> warnings = new ArrayList<>();
    if (tasks.isEmpty()) {
      return warnings;
    }
    ObjectNode scores = Json.object();
    ArrayNode list = scores.putArray("tasks");
    for (int i = 0; i < tasks.size(); i++) {
      Further own = tasks.get(i);
      SoftPrompt asked =
          prompt.asking(
              SoftPrompt.Reading.of(
                  own.cloze().template(), own.cloze().labels(), model.tokenizer()));
      String folder = "prompt/tasks/" + (i + 1);
      asked.saveFiles(run.path().resolve(folder));
      run.write(folder + "/prompt.json", Json.pretty(asked.toJson()));
      ObjectNode json = list.addObject().put("task", own.task().name()).put("prompt", folder);
      json.put("template", own.cloze().template().toString());
      for (String split : List.of("dev", "test")) {
        EvalReport report = Prompts.evaluate(asked, model, own.task().split(split), metric, others);
        json.set(split, report.toScore().toJson());
        String which = "%s of further task %d: ".formatted(split, i + 1);
        report.warnings().forEach(warning -> warnings.add(which + warning));
        console.say(
            "%s, %s: %s %.3f of %d examples"
                .formatted(own.task().name(), split, report.metric(), report.value(), report.n()));
      }
    }
    run.write(TASKS, Json.pretty(scores));
    return warnings;
  }

  // ------------------------------------------------------------------ starts

  private static SoftStart start(SoftMethod method, LanguageModel model, String modelName) {
    if (method.text("start").equals("towards")) {
      return new SoftStart.Tokens(model.tokenizer().encode(method.text("towards")));
    }
    return method.start().orElseGet(() -> begun(method, model, modelName));
  }

  /** Another prompt's numbers, or the tokens of a trigger. */
  private static SoftStart begun(SoftMethod method, LanguageModel model, String modelName) {
    Prompt begun = begun(Path.of(method.text("from")), model, modelName);
    return begun instanceof SoftPrompt soft
        ? new SoftStart.Given(soft.adapters().get(0).used())
        : new SoftStart.Tokens(begun.tokenIds());
  }

  /**
   * A problem of discrete search that begins where another search ended: at a trigger's tokens, or
   * at those nearest to a soft prompt's vectors.
   */
  static TriggerProblem startingAt(
      Path from, TriggerProblem problem, LanguageModel model, String modelName) {
    Prompt begun = begun(from, model, modelName);
    if (!(begun instanceof SoftPrompt soft)) {
      return new TriggerStart(problem, begun.tokenIds());
    }
    requireVectors(soft, from);
    return TriggerStart.nearest(problem, soft, SearchModel.Nearness.COSINE);
  }

  /** The same for AutoPrompt. */
  static AutoPromptConfig startingAt(
      Path from, AutoPromptConfig config, LanguageModel model, String modelName) {
    Prompt begun = begun(from, model, modelName);
    if (begun instanceof SoftPrompt soft) {
      requireVectors(soft, from);
      return config.withStart(new AutoPromptConfig.Start.Nearest(soft.adapters().get(0).used()));
    }
    List<String> tokens =
        Arrays.stream(begun.tokenIds()).mapToObj(model.tokenizer()::token).toList();
    return config.withStart(new AutoPromptConfig.Start.Tokens(tokens));
  }

  private static void requireVectors(SoftPrompt prompt, Path from) {
    if (prompt.layout() != SoftModel.Layout.VECTORS) {
      throw new InvalidInputException(
          "%s is a prompt of keys and values, which no tokens are near to; begin at one of word vectors."
              .formatted(from));
    }
  }

  /** A soft prompt, or a trigger with tokens. */
  private static Prompt begun(Path from, LanguageModel model, String modelName) {
    Optional<Path> json = promptJson(from);
    if (json.isPresent()) {
      JsonNode saved = Json.read(json.get());
      if (!saved.path("kind").asText().equals(SoftPrompt.KIND)) {
        TriggerPrompt trigger = TriggerPrompt.fromJson(saved, model.tokenizer());
        if (trigger.tokenIds().length == 0) {
          throw new InvalidInputException(
              "%s has no trigger tokens to begin at.".formatted(json.get()));
        }
        return trigger;
      }
      SoftPrompt prompt = SoftPrompt.read(saved, json.get().getParent(), model.tokenizer());
      prompt.requireFit(model, modelName);
      return prompt;
    }
    SoftPrompt prompt =
        new SoftPrompt(List.of(PeftAdapter.read(from)), Optional.empty(), List.of());
    prompt.requireFit(model, modelName);
    return prompt;
  }

  /** Hashes of the files of a prompt that a search begins at. */
  static ObjectNode inputs(Path from) {
    return Inputs.ofPrompt(promptJson(from).map(Path::getParent).orElse(from));
  }

  /** The prompt.json that a path names or holds. */
  static Optional<Path> promptJson(Path path) {
    for (Path file :
        new Path[] {
          path.resolve("prompt").resolve("prompt.json"), path.resolve("prompt.json"), path
        }) {
      if (Files.isRegularFile(file)) {
        return Optional.of(file);
      }
    }
    return Optional.empty();
  }
}

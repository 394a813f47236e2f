package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.parse.Tags;
import io.promptgrad.metric.Outcome;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.random.RandomGenerator;
import java.util.stream.Collectors;

/**
 * GrIPS, gradient-free edit-based instruction search (Prasad, Hase, Zhou and Bansal 2022,
 * arXiv:2203.07281, algorithm 1): the instruction is cut into parts; candidates are made by
 * deleting, swapping, paraphrasing and re-adding parts; the best is taken if it is strictly better.
 *
 * <p>The score is balanced accuracy plus {@code entropyWeight} times the entropy of the histogram
 * of predictions, in nats (section 3.2: 100 * balanced accuracy + 10 * entropy). Where outcomes
 * have no predictions it is the mean value.
 *
 * <p>Where this differs from the original: phrases are found by marks and small words and not by a
 * parser of constituents, so that no model is needed; patience is the loop's stop rule. With {@link
 * GripsConfig#annealing} a candidate that is worse by d is taken with probability exp(d / T), T =
 * 10 * exp(-step / 5), scores in hundredths; the champion stays who it is.
 *
 * <p>Cost of a step: {@code candidates * trainExamples} calls of the task model, and one call of
 * the proposer for each paraphrase. The seed fixes all edits; ties go to the first candidate.
 */
public final class Grips implements Search {

  private final PromptProblem problem;
  private final GripsConfig config;
  private final List<Example> train;
  private final Champion champion;
  private String base;
  private String baseId = "0";
  private double baseScore = Double.NaN;
  private final Set<String> deleted = new LinkedHashSet<>();

  /** An edit of the base; {@code removed} is what it took out. */
  private record Edited(String text, String how, Optional<String> removed) {}

  /** A search over instructions. */
  public Grips(PromptProblem problem, GripsConfig config) {
    this.problem = problem;
    this.config = config;
    this.train = problem.fixedTrain("grips.train", config.trainExamples());
    this.champion = new Champion(problem);
    this.base = problem.seeds().get(0).instruction();
  }

  @Override
  public String method() {
    return "grips";
  }

  @Override
  public StepReport step(int step) {
    StepNotes notes = new StepNotes(step);
    RandomGenerator random = problem.random().stream("grips.edits", step);
    if (Double.isNaN(baseScore)) {
      startFromTheBestSeed(notes);
    }

    // 1. Candidates, each by some edits of the base.
    List<Edited> edited = new ArrayList<>();
    Set<String> texts = new LinkedHashSet<>();
    for (int c = 0; c < config.candidates(); c++) {
      edit(step, c, random, notes)
          .filter(one -> !one.text().equals(base) && texts.add(one.text()))
          .ifPresent(edited::add);
    }

    // 2. Their scores; the best one is taken if it is strictly better, or by annealing.
    List<InstructionPrompt> prompts =
        edited.stream().map(e -> InstructionPrompt.of(e.text())).toList();
    double[] scores = scores(prompts);
    int best = -1;
    for (int i = 0; i < scores.length; i++) {
      best = best < 0 || scores[i] > scores[best] ? i : best;
    }
    boolean taken = best >= 0 && (scores[best] > baseScore || annealed(scores[best], step, random));
    notes.offerBest(champion, prompts, scores);
    String parent = baseId;
    for (int i = 0; i < scores.length; i++) {
      String id = notes.nextId();
      boolean accepted = taken && i == best;
      notes.add(
          id,
          parent,
          prompts.get(i),
          scores[i],
          train.size(),
          accepted ? Status.ACCEPTED : Status.EVALUATED,
          Map.of("edits", edited.get(i).how()));
      if (accepted) {
        base = edited.get(i).text();
        baseScore = scores[i];
        baseId = id;
        edited.get(i).removed().ifPresent(deleted::add);
      }
    }
    return notes.report(baseScore, problem.calls());
  }

  private void startFromTheBestSeed(StepNotes notes) {
    double[] scores = scores(problem.seeds());
    int best = 0;
    for (int i = 0; i < scores.length; i++) {
      best = scores[i] > scores[best] ? i : best;
    }
    notes.offerBest(champion, problem.seeds(), scores);
    for (int i = 0; i < scores.length; i++) {
      String id = notes.nextId();
      notes.add(
          id, "", problem.seeds().get(i), scores[i], train.size(), Status.INCUMBENT, Map.of());
      if (i == best) {
        base = problem.seeds().get(i).instruction();
        baseScore = scores[i];
        baseId = id;
      }
    }
  }

  private boolean annealed(double score, int step, RandomGenerator random) {
    double temperature = 10 * Math.exp(-step / 5.0);
    return config.annealing()
        && random.nextDouble() < Math.exp(100 * (score - baseScore) / temperature);
  }

  // ------------------------------------------------------------------ edits

  private Optional<Edited> edit(int step, int candidate, RandomGenerator random, StepNotes notes) {
    String text = base;
    List<String> how = new ArrayList<>();
    Optional<String> removed = Optional.empty();
    List<GripsConfig.Edit> kinds = config.edits().stream().sorted().toList();
    for (int e = 0; e < config.composed(); e++) {
      List<String> parts = Parts.of(text, config.level());
      List<GripsConfig.Edit> possible =
          kinds.stream()
              .filter(
                  kind ->
                      switch (kind) {
                        case DELETE, SWAP -> parts.size() > 1;
                        case ADD -> !deleted.isEmpty();
                        case PARAPHRASE -> !parts.isEmpty();
                      })
              .toList();
      if (possible.isEmpty()) {
        break;
      }
      GripsConfig.Edit kind = possible.get(random.nextInt(possible.size()));
      int place = random.nextInt(Math.max(1, parts.size()));
      switch (kind) {
        case DELETE -> removed = Optional.of(parts.remove(place));
        case SWAP -> Parts.swap(parts, place, random);
        case ADD ->
            parts.add(
                random.nextInt(parts.size() + 1),
                List.copyOf(deleted).get(random.nextInt(deleted.size())));
        case PARAPHRASE -> {
          Proposer.Proposal<String> proposal =
              paraphrase(parts.get(place), problem.sample(step, candidate * 100 + e));
          if (proposal.value().isEmpty()) {
            notes.skip(baseId, "", proposal.why());
            return Optional.empty();
          }
          parts.set(place, proposal.value().get());
        }
      }
      how.add(kind.name().toLowerCase(Locale.ROOT));
      text = String.join(" ", parts);
    }
    return how.isEmpty()
        ? Optional.empty()
        : Optional.of(new Edited(text, String.join(", ", how), removed));
  }

  private Proposer.Proposal<String> paraphrase(String part, String sample) {
    return problem
        .proposer()
        .ask(
            Proposer.Question.of(
                    "Say this in other words with the same meaning: \"%s\". Write the new wording alone, between <prompt> and </prompt>."
                        .formatted(part),
                    config.sampling(),
                    sample,
                    answer -> Tags.last(answer, "prompt"))
                .otherwise(edits -> edits.of(part)));
  }

  // ------------------------------------------------------------------ the score

  private double[] scores(List<InstructionPrompt> prompts) {
    return problem.scorer().outcomes(prompts, train).stream()
        .mapToDouble(outcomes -> score(outcomes, config.entropyWeight()))
        .toArray();
  }

  /** Mean over the gold labels of the mean value of their examples, plus the weighted entropy. */
  static double score(List<Outcome> outcomes, double entropyWeight) {
    Collection<List<Outcome>> byGold =
        outcomes.stream()
            .collect(Collectors.groupingBy(Outcome::gold, TreeMap::new, Collectors.toList()))
            .values();
    double balanced =
        byGold.stream()
            .mapToDouble(own -> own.stream().mapToDouble(Outcome::value).average().orElseThrow())
            .average()
            .orElseThrow();
    Map<String, Long> predicted =
        outcomes.stream()
            .filter(outcome -> !outcome.predicted().isEmpty())
            .collect(
                Collectors.groupingBy(Outcome::predicted, TreeMap::new, Collectors.counting()));
    double total = predicted.values().stream().mapToLong(n -> n).sum();
    double entropy =
        predicted.values().stream().mapToDouble(n -> -n / total * Math.log(n / total)).sum();
    return balanced + entropyWeight * entropy;
  }

  // ------------------------------------------------------------------ state

  @Override
  public Best best() {
    return champion.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode json = Json.object().put("base", base).put("base_id", baseId);
    json.set("base_score", Json.number(baseScore));
    ArrayNode parts = json.putArray("deleted");
    deleted.forEach(parts::add);
    json.set("champion", champion.save());
    json.set("calls", problem.saveCalls());
    return json;
  }

  @Override
  public void restore(ObjectNode state) {
    base = state.path("base").asText();
    baseId = state.path("base_id").asText();
    baseScore = Json.toDouble(state.path("base_score"));
    deleted.clear();
    state.path("deleted").forEach(part -> deleted.add(part.asText()));
    champion.restore(state.path("champion"));
    problem.restoreCalls(state.path("calls"));
  }
}

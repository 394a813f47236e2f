package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.parse.Tags;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;

/**
 * Search with meta-prompts that are searched too. A design of this library, after PromptBreeder's
 * hypermutation (Fernando et al. 2023, arXiv:2309.16797).
 *
 * <p>One step: children of members of the population, each by a meta-prompt that is drawn by its
 * credit, the share of its children so far that were better than their parents (with one success
 * and one failure added, so that new ones get their turn). The best of old and new live on. A
 * meta-prompt that was used often enough and has the lowest credit is rewritten by the proposer;
 * its credit begins anew. The tags that answers come in are not part of a meta-prompt, so no
 * rewrite can break the reading.
 *
 * <p>Cost of a step: {@code children} calls of the proposer, one more for a rewrite, and {@code
 * children * trainExamples} of the task model. The seed fixes parents and meta-prompts.
 */
public final class SelfRefining implements Search {

  private static final String TAG = "prompt";

  private final PromptProblem problem;
  private final SelfRefiningConfig config;
  private final List<Example> train;
  private final Champion champion;
  private List<Member> population = new ArrayList<>(); // best first
  private final List<Meta> metas = new ArrayList<>();

  private record Member(String id, String text, double score) {}

  /** A meta-prompt: how often it was used, and how often the child was better. */
  private record Meta(String text, int uses, int wins) {

    double credit() {
      return (wins + 1.0) / (uses + 2.0);
    }
  }

  /** A search over instructions. */
  public SelfRefining(PromptProblem problem, SelfRefiningConfig config) {
    this.problem = problem;
    this.config = config;
    this.train = problem.fixedTrain("selfrefining.train", config.trainExamples());
    this.champion = new Champion(problem);
    config.metaPrompts().forEach(text -> metas.add(new Meta(text, 0, 0)));
  }

  @Override
  public String method() {
    return "self-refining";
  }

  @Override
  public StepReport step(int step) {
    StepNotes notes = new StepNotes(step);
    if (population.isEmpty()) {
      score(
          problem.seeds().stream().map(InstructionPrompt::instruction).distinct().toList(),
          List.of(),
          List.of(),
          notes);
    }

    // 1. Children, each of a parent by a meta-prompt.
    RandomGenerator random = problem.random().stream("selfrefining.parents", step);
    List<Member> parents = new ArrayList<>();
    List<Integer> by = new ArrayList<>();
    List<Proposer.Question<String>> questions = new ArrayList<>();
    for (int c = 0; c < config.children(); c++) {
      Member parent = population.get(random.nextInt(population.size()));
      int meta = byCredit(random);
      parents.add(parent);
      by.add(meta);
      questions.add(
          question(metas.get(meta).text() + "\n\nPrompt: " + parent.text(), step, c)
              .otherwise(edits -> edits.of(parent.text())));
    }
    List<String> texts = new ArrayList<>();
    List<Member> parentOf = new ArrayList<>();
    List<Integer> metaOf = new ArrayList<>();
    List<Proposer.Proposal<String>> proposals = problem.proposer().ask(questions);
    for (int c = 0; c < proposals.size(); c++) {
      Optional<String> text = proposals.get(c).value();
      if (text.isEmpty()) {
        notes.skip(parents.get(c).id(), "", proposals.get(c).why());
        used(by.get(c), false);
      } else {
        texts.add(text.get());
        parentOf.add(parents.get(c));
        metaOf.add(by.get(c));
      }
    }

    // 2. Their scores; what they say about the meta-prompts; the best live on.
    List<Member> children = score(texts, parentOf, metaOf, notes);
    for (int i = 0; i < children.size(); i++) {
      used(metaOf.get(i), children.get(i).score() > parentOf.get(i).score());
    }

    // 3. The meta-prompt that did worst, if it was used enough, is rewritten.
    rewriteWorst(step, notes);
    return notes.report(population.get(0).score(), problem.calls());
  }

  private int byCredit(RandomGenerator random) {
    double ball = random.nextDouble() * metas.stream().mapToDouble(Meta::credit).sum();
    for (int m = 0; m < metas.size(); m++) {
      ball -= metas.get(m).credit();
      if (ball < 0) {
        return m;
      }
    }
    return metas.size() - 1;
  }

  private void used(int meta, boolean won) {
    Meta before = metas.get(meta);
    metas.set(meta, new Meta(before.text(), before.uses() + 1, before.wins() + (won ? 1 : 0)));
  }

  private void rewriteWorst(int step, StepNotes notes) {
    int worst = -1;
    for (int m = 0; m < metas.size(); m++) {
      boolean enough = metas.get(m).uses() >= config.uses();
      if (enough && (worst < 0 || metas.get(m).credit() < metas.get(worst).credit())) {
        worst = m;
      }
    }
    if (worst < 0) {
      return;
    }
    Meta meta = metas.get(worst);
    Proposer.Proposal<String> rewritten =
        problem
            .proposer()
            .ask(
                question(
                    "This sentence tells somebody how to change a prompt. Of %d prompts that were changed by it, %d became better. Write a sentence that does better.\n\nSentence: %s"
                        .formatted(meta.uses(), meta.wins(), meta.text()),
                    step,
                    1000));
    if (rewritten.value().isEmpty()) {
      notes.skip("", meta.text(), rewritten.why());
    } else {
      metas.set(worst, new Meta(rewritten.value().get(), 0, 0));
    }
  }

  private Proposer.Question<String> question(String wish, int step, int number) {
    return Proposer.Question.of(
        wish + "\n\nWrite it between <prompt> and </prompt>.",
        config.sampling(),
        problem.sample(step, number),
        answer -> Tags.last(answer, TAG));
  }

  private List<Member> score(
      List<String> texts, List<Member> parents, List<Integer> by, StepNotes notes) {
    List<InstructionPrompt> prompts = texts.stream().map(InstructionPrompt::of).toList();
    double[] scores = problem.scorer().means(prompts, train);
    int best = notes.offerBest(champion, prompts, scores);
    List<Member> members = new ArrayList<>();
    for (int i = 0; i < scores.length; i++) {
      String id = notes.nextId();
      members.add(new Member(id, texts.get(i), scores[i]));
      boolean seed = parents.isEmpty();
      notes.add(
          id,
          seed ? "" : parents.get(i).id(),
          prompts.get(i),
          scores[i],
          train.size(),
          i == best ? Status.ACCEPTED : seed ? Status.INCUMBENT : Status.EVALUATED,
          seed ? Map.of() : Map.of("meta_prompt", metas.get(by.get(i)).text()));
    }
    List<Member> all = new ArrayList<>(population);
    for (Member member : members) {
      if (all.stream().noneMatch(other -> other.text().equals(member.text()))) {
        all.add(member);
      }
    }
    all.sort(Comparator.comparingDouble(Member::score).reversed());
    population = new ArrayList<>(all.subList(0, Math.min(config.population(), all.size())));
    return members;
  }

  // ------------------------------------------------------------------ state

  @Override
  public Best best() {
    return champion.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode json = Json.object();
    ArrayNode all = json.putArray("population");
    for (Member member : population) {
      ObjectNode one = all.addObject().put("id", member.id()).put("text", member.text());
      one.set("score", Json.number(member.score()));
    }
    ArrayNode how = json.putArray("meta_prompts");
    metas.forEach(
        m -> how.addObject().put("text", m.text()).put("uses", m.uses()).put("wins", m.wins()));
    json.set("champion", champion.save());
    json.set("calls", problem.saveCalls());
    return json;
  }

  @Override
  public void restore(ObjectNode state) {
    population = new ArrayList<>();
    for (JsonNode one : state.path("population")) {
      population.add(
          new Member(
              one.path("id").asText(),
              one.path("text").asText(),
              Json.toDouble(one.path("score"))));
    }
    metas.clear();
    for (JsonNode one : state.path("meta_prompts")) {
      metas.add(
          new Meta(one.path("text").asText(), one.path("uses").asInt(), one.path("wins").asInt()));
    }
    champion.restore(state.path("champion"));
    problem.restoreCalls(state.path("calls"));
  }
}

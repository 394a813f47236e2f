package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.metric.Outcome;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * ProTeGi, prompt optimization with textual gradients (Pryzant, Iter, Li, Lee, Zhu and Zeng 2023,
 * arXiv:2305.03495, algorithms 1 to 4), also known as APO.
 *
 * <p>One step: every prompt of the beam is run on one minibatch; for groups of its errors the
 * proposer gives a reason (the gradient) and then edits the prompt against it; edits and prompt are
 * paraphrased. From all of them and the beam a bandit algorithm selects the next beam. The result
 * is the best of all beams' best ones on dev.
 *
 * <p>Where this differs from the original: no reasons are asked for if there are no errors (undone
 * by {@link ProTeGiConfig#reference}); the selectors return means, where successive rejects and
 * halving returned ranks; a prompt is replaced as a whole, where the original replaced its text
 * within a document and did nothing when blanks differed.
 *
 * <p>Cost of a step for each prompt of the beam: {@code minibatch} calls of the task model, 2 *
 * gradients + (gradients + 1) * paraphrases of the proposer; then {@code evaluations} and dev.
 */
public final class ProTeGi implements Search {

  private static final String OPEN = "<START>";
  private static final String CLOSE = "<END>";

  private final PromptProblem problem;
  private final ProTeGiConfig config;
  private final Champion champion;
  private List<Member> beam = new ArrayList<>();

  private record Member(String id, String text) {}

  /** An error: the example and what was said. */
  private record Wrong(Example example, String said) {}

  /** A search over instructions. */
  public ProTeGi(PromptProblem problem, ProTeGiConfig config) {
    this.problem = problem;
    this.config = config;
    this.champion = new Champion(problem);
  }

  @Override
  public String method() {
    return "protegi";
  }

  @Override
  public StepReport step(int step) {
    StepNotes notes = new StepNotes(step);
    if (beam.isEmpty()) {
      for (InstructionPrompt seed : problem.seeds()) {
        beam.add(new Member("0." + (beam.size() + 1), seed.instruction()));
      }
    }

    // 1. Successors of each member, by its errors on one minibatch.
    List<Example> minibatch = problem.draw("protegi.minibatch", step, config.minibatch());
    List<InstructionPrompt> members =
        beam.stream().map(member -> InstructionPrompt.of(member.text())).toList();
    List<List<Outcome>> outcomes = problem.scorer().outcomes(members, minibatch);
    Map<String, String> parents = new LinkedHashMap<>(); // text to its parent's id
    for (int m = 0; m < beam.size(); m++) {
      List<Wrong> wrong = new ArrayList<>();
      for (int e = 0; e < minibatch.size(); e++) {
        if (outcomes.get(m).get(e).value() < 1) {
          wrong.add(new Wrong(minibatch.get(e), outcomes.get(m).get(e).predicted()));
        }
      }
      for (String text : successors(beam.get(m), wrong, step, m, notes)) {
        parents.putIfAbsent(text, beam.get(m).id());
      }
    }
    beam.forEach(member -> parents.remove(member.text()));

    // 2. They and the beam compete for the next beam.
    List<Member> arms = new ArrayList<>(beam);
    parents.keySet().forEach(text -> arms.add(new Member(notes.nextId(), text)));
    List<InstructionPrompt> prompts =
        arms.stream().map(arm -> InstructionPrompt.of(arm.text())).toList();
    List<BestArms.Arm> selected =
        config.arms().select(problem, prompts, config.beam(), "protegi.selection", step);

    // 3. The best one is measured on dev.
    BestArms.Arm first = selected.get(0);
    notes.measure(champion, prompts.get(first.place()), first.mean());
    Map<Integer, BestArms.Arm> chosen =
        selected.stream().collect(Collectors.toMap(BestArms.Arm::place, arm -> arm));
    for (int a = 0; a < arms.size(); a++) {
      BestArms.Arm arm = chosen.get(a);
      boolean old = a < beam.size();
      notes.add(
          old ? notes.nextId() : arms.get(a).id(),
          old ? arms.get(a).id() : parents.get(arms.get(a).text()),
          prompts.get(a),
          arm == null ? Double.NaN : arm.mean(),
          arm == null ? 0 : arm.n(),
          arm == null ? Status.PRUNED : old ? Status.INCUMBENT : Status.ACCEPTED,
          Map.of());
    }
    beam = new ArrayList<>(selected.stream().map(arm -> arms.get(arm.place())).toList());
    return notes.report(first.mean(), problem.calls());
  }

  // ------------------------------------------------------------------ successors

  private List<String> successors(
      Member member, List<Wrong> wrong, int step, int place, StepNotes notes) {
    int base = place * 10_000; // draws of this member
    List<String> edited = new ArrayList<>();
    if (!wrong.isEmpty() || config.reference()) {
      // Reasons (the gradients), each for some of the errors.
      List<String> shown = new ArrayList<>();
      List<Proposer.Question<String>> questions = new ArrayList<>();
      for (int g = 0; g < config.gradients(); g++) {
        shown.add(shown(some(wrong, config.errors(), "protegi.errors." + step, base + g)));
        questions.add(
            question(
                    "I am improving a prompt for a classifier. The prompt is now:\n\"%s\"\n\nBut it gets these examples wrong:\n%s\nGive one reason why the prompt could have got them wrong. Write the reason between %s and %s."
                        .formatted(member.text(), shown.get(g), OPEN, CLOSE),
                    step,
                    base + g)
                .otherwise(edits -> Optional.of("unknown")));
      }
      List<Optional<String>> reasons = ask(questions, member, notes);
      // Edits against the reasons (along the negative gradient).
      questions = new ArrayList<>();
      for (int g = 0; g < config.gradients(); g++) {
        if (reasons.get(g).isPresent()) {
          questions.add(
              question(
                      "I am improving a prompt for a classifier. It gets these examples wrong:\n%s\nThe problem with the prompt is: %s\n\nThe prompt is now:\n\"%s\"\n\nWrite one better prompt. Write it between %s and %s."
                          .formatted(
                              shown.get(g), reasons.get(g).get(), member.text(), OPEN, CLOSE),
                      step,
                      base + 1000 + g)
                  .otherwise(edits -> edits.of(member.text())));
        }
      }
      ask(questions, member, notes).forEach(text -> text.ifPresent(edited::add));
    }
    // Paraphrases of edits and prompt.
    List<String> toReword = new ArrayList<>(edited);
    toReword.add(member.text());
    List<Proposer.Question<String>> questions = new ArrayList<>();
    for (int t = 0; t < toReword.size(); t++) {
      String reworded = toReword.get(t);
      for (int i = 0; i < config.paraphrases(); i++) {
        questions.add(
            question(
                    "Write a variation of this prompt that keeps its meaning, between %s and %s:\n%s"
                        .formatted(OPEN, CLOSE, toReword.get(t)),
                    step,
                    base + 2000 + t * config.paraphrases() + i)
                .otherwise(edits -> edits.of(reworded)));
      }
    }
    List<String> all = new ArrayList<>(edited);
    ask(questions, member, notes).forEach(text -> text.ifPresent(all::add));
    List<String> fresh =
        all.stream().distinct().filter(text -> !text.equals(member.text())).toList();
    return thinned(fresh, wrong, step, base);
  }

  /** At most {@code expansion} of them. */
  private List<String> thinned(List<String> texts, List<Wrong> wrong, int step, int base) {
    if (texts.size() <= config.expansion()) {
      return texts;
    }
    if (!config.rejectOnErrors() || wrong.isEmpty()) {
      return some(texts, config.expansion(), "protegi.expansion." + step, base);
    }
    List<String> more = some(texts, 2 * config.expansion(), "protegi.expansion." + step, base);
    List<Example> errors =
        some(wrong, 2 * config.expansion(), "protegi.rejection." + step, base).stream()
            .map(Wrong::example)
            .toList();
    double[] scores =
        problem.scorer().means(more.stream().map(InstructionPrompt::of).toList(), errors);
    return IntStream.range(0, more.size())
        .boxed()
        .sorted((a, b) -> Double.compare(scores[b], scores[a]))
        .limit(config.expansion())
        .map(more::get)
        .toList();
  }

  private <T> List<T> some(List<T> from, int n, String draw, int number) {
    int[] order = RandomSource.permutation(from.size(), problem.random().stream(draw, number));
    return IntStream.range(0, Math.min(n, order.length)).mapToObj(i -> from.get(order[i])).toList();
  }

  private String shown(List<Wrong> wrong) {
    StringBuilder text = new StringBuilder();
    for (Wrong one : wrong) {
      text.append(
          "Text: %s\nLabel: %s\nPrediction: %s\n\n"
              .formatted(
                  problem.layout().question(one.example()), one.example().label(), one.said()));
    }
    return text.toString();
  }

  private Proposer.Question<String> question(String text, int step, int number) {
    return Proposer.Question.of(
        text,
        config.sampling(),
        problem.sample(step, number),
        answer -> between(answer).stream().findFirst());
  }

  private List<Optional<String>> ask(
      List<Proposer.Question<String>> questions, Member member, StepNotes notes) {
    List<Optional<String>> texts = new ArrayList<>();
    for (Proposer.Proposal<String> proposal : problem.proposer().ask(questions)) {
      if (proposal.value().isEmpty()) {
        notes.skip(member.id(), "", proposal.why());
      }
      texts.add(proposal.value());
    }
    return texts;
  }

  /** The texts of all complete pairs that are not empty. */
  static List<String> between(String answer) {
    List<String> texts = new ArrayList<>();
    int start = answer.indexOf(OPEN);
    while (start >= 0) {
      int end = answer.indexOf(CLOSE, start);
      if (end < 0) {
        break;
      }
      String text = answer.substring(start + OPEN.length(), end).strip();
      if (!text.isEmpty()) {
        texts.add(text);
      }
      start = answer.indexOf(OPEN, end);
    }
    return texts;
  }

  // ------------------------------------------------------------------ state

  @Override
  public Best best() {
    return champion.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode json = Json.object();
    ArrayNode all = json.putArray("beam");
    beam.forEach(member -> all.addObject().put("id", member.id()).put("text", member.text()));
    json.set("champion", champion.save());
    json.set("calls", problem.saveCalls());
    return json;
  }

  @Override
  public void restore(ObjectNode state) {
    beam = new ArrayList<>();
    for (JsonNode one : state.path("beam")) {
      beam.add(new Member(one.path("id").asText(), one.path("text").asText()));
    }
    champion.restore(state.path("champion"));
    problem.restoreCalls(state.path("calls"));
  }
}

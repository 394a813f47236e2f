package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.client.Message;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.PromptScorer;
import io.promptgrad.llm.parse.Tags;
import io.promptgrad.metric.Outcome;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.RandomSource;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * OPRO, optimization by prompting (Yang, Wang, Lu, Liu, Le, Zhou and Chen 2023, arXiv:2309.03409,
 * section 4): the proposer sees the best instructions so far in ascending order of their scores,
 * with some solved examples, and writes new ones.
 *
 * <p>One step: one meta-prompt, several draws from it, polished and filtered; the new instructions
 * scored on the training examples and added to the history. Nothing is ever taken out of the
 * history, only out of sight.
 *
 * <p>Where this differs from the original (undone by {@link OproConfig#reference}, see there): low
 * scores are dropped before the trajectory is cut; instructions to begin with are known when
 * repeated; unreadable answers are asked for again; empty ones are never scored. Exemplars are
 * drawn by the run's seed.
 *
 * <p>Cost of a step: {@code samples} calls of the proposer, and at most {@code samples *
 * trainExamples} of the task model, with dev for each new best. The seed fixes examples and
 * exemplars, and names the proposer's draws.
 */
public final class Opro implements Search {

  /**
   * So many of the best instructions may be edited instead, also where none is good enough to show.
   */
  private static final int BEST_TO_EDIT = 4;

  private final PromptProblem problem;
  private final OproConfig config;
  private final List<Example> train;
  private final Champion champion;
  private final List<Scored> history = new ArrayList<>();

  /** An instruction that was scored; {@code wrong} are places in the training examples. */
  private record Scored(String id, String text, double score, int step, Set<Integer> wrong) {}

  /** A search over instructions. */
  public Opro(PromptProblem problem, OproConfig config) {
    this.problem = problem;
    this.config = config;
    this.train = problem.fixedTrain("opro.train", config.trainExamples());
    this.champion = new Champion(problem);
  }

  @Override
  public String method() {
    return "opro";
  }

  @Override
  public StepReport step(int step) {
    StepNotes notes = new StepNotes(step);

    // 1. The instructions to begin with.
    if (history.isEmpty()) {
      score(
          problem.seeds().stream().map(InstructionPrompt::instruction).distinct().toList(),
          step,
          notes);
    }

    // 2. One meta-prompt from the best so far and some examples; several draws.
    List<Scored> shown = trajectory();
    String metaPrompt = metaPrompt(shown, exemplars(shown, step));
    List<String> best =
        history.stream()
            .sorted(Comparator.comparingDouble(Scored::score).reversed())
            .limit(BEST_TO_EDIT)
            .map(Scored::text)
            .toList();
    List<Proposer.Question<String>> questions = new ArrayList<>();
    for (int i = 0; i < config.samples(); i++) {
      questions.add(
          Proposer.Question.of(metaPrompt, config.sampling(), problem.sample(step, i), this::read)
              .otherwise(edits -> edits.one(best)));
    }

    // 3. Polish, and leave out what is known or not wanted.
    Set<String> known =
        history.stream()
            .filter(scored -> !config.reference() || scored.step() > 0)
            .map(Scored::text)
            .collect(Collectors.toCollection(HashSet::new));
    List<String> fresh = new ArrayList<>();
    for (Proposer.Proposal<String> proposal : problem.proposer().ask(questions)) {
      if (proposal.value().isEmpty()) {
        notes.skip("", "", proposal.why());
        continue;
      }
      String text = polished(proposal.value().get());
      Optional<String> unwanted = unwanted(text);
      if (unwanted.isPresent()) {
        notes.skip("", text, unwanted.get());
      } else if (known.add(text)) {
        fresh.add(text);
      } else {
        notes.skip("", text, "known already");
      }
    }

    // 4. Score the rest and remember them.
    score(fresh, step, notes);
    return notes.report(champion.train(), problem.calls());
  }

  private void score(List<String> texts, int step, StepNotes notes) {
    boolean seeds = history.isEmpty();
    List<InstructionPrompt> prompts = texts.stream().map(InstructionPrompt::of).toList();
    List<List<Outcome>> outcomes = problem.scorer().outcomes(prompts, train);
    double[] scores = outcomes.stream().mapToDouble(PromptScorer::mean).toArray();
    int best = notes.offerBest(champion, prompts, scores);
    for (int i = 0; i < scores.length; i++) {
      List<Outcome> own = outcomes.get(i);
      Set<Integer> wrong =
          IntStream.range(0, own.size())
              .filter(e -> own.get(e).value() < 1)
              .boxed()
              .collect(Collectors.toSet());
      String id = notes.nextId();
      Status status = i == best ? Status.ACCEPTED : seeds ? Status.INCUMBENT : Status.EVALUATED;
      notes.add(id, "", prompts.get(i), scores[i], own.size(), status, Map.of());
      history.add(new Scored(id, texts.get(i), scores[i], seeds ? 0 : step, wrong));
    }
  }

  // ------------------------------------------------------------------ the meta-prompt

  /** The instructions that are shown, worst first. */
  private List<Scored> trajectory() {
    List<Scored> ascending = new ArrayList<>(history);
    ascending.sort(Comparator.comparingDouble(Scored::score)); // stable: earlier ones first
    if (config.form() == OproConfig.Form.LIST) {
      return ascending;
    }
    if (config.reference()) {
      return good(lastOf(ascending));
    }
    return lastOf(good(ascending));
  }

  private List<Scored> lastOf(List<Scored> ascending) {
    return ascending.subList(Math.max(0, ascending.size() - config.trajectory()), ascending.size());
  }

  private List<Scored> good(List<Scored> all) {
    return all.stream().filter(scored -> !(scored.score() < config.threshold())).toList();
  }

  /** Places of the exemplars in the training examples. */
  private List<Integer> exemplars(List<Scored> shown, int step) {
    int n = Math.min(config.exemplars(), train.size());
    List<Integer> all = IntStream.range(0, train.size()).boxed().toList();
    return switch (config.strategy()) {
      case RANDOM -> some(all, n, step);
      case CONSTANT -> some(all, n, 0);
      case EVER_WRONG -> {
        List<Integer> wrong =
            all.stream()
                .filter(e -> history.stream().anyMatch(s -> s.wrong().contains(e)))
                .toList();
        yield wrong.size() > n ? some(wrong, n, step) : wrong;
      }
      case MOST_WRONG -> {
        Map<Integer, Long> times =
            shown.stream()
                .flatMap(scored -> scored.wrong().stream())
                .collect(Collectors.groupingBy(e -> e, Collectors.counting()));
        long most = times.values().stream().mapToLong(t -> t).max().orElse(0);
        List<Integer> worst = all.stream().filter(e -> times.getOrDefault(e, 0L) == most).toList();
        // More ties than places: draw among them; else the n most often wrong, earlier ones first.
        yield worst.size() > n
            ? some(worst, n, step)
            : all.stream()
                .sorted(Comparator.comparingLong((Integer e) -> -times.getOrDefault(e, 0L)))
                .limit(n)
                .toList();
      }
    };
  }

  private List<Integer> some(List<Integer> places, int n, int step) {
    int[] order =
        RandomSource.permutation(places.size(), problem.random().stream("opro.exemplars", step));
    return IntStream.range(0, n).map(i -> order[i]).sorted().mapToObj(places::get).toList();
  }

  private String metaPrompt(List<Scored> shown, List<Integer> exemplars) {
    if (config.form() == OproConfig.Form.LIST) {
      StringBuilder list =
          new StringBuilder(
              "Instructions for solving the same task, each with its precision from 0 to 100:\n\n");
      shown.forEach(
          scored ->
              list.append(
                  "Precision: %s <TEXT>%s</TEXT>\n".formatted(shown(scored), scored.text())));
      return list.append("Precision: 100 <TEXT>").toString();
    }
    String slot = "<" + config.tag() + ">";
    StringBuilder texts = new StringBuilder();
    for (Scored scored : shown) {
      texts.append("text:\n%s\nscore:\n%s\n\n".formatted(scored.text(), shown(scored)));
    }
    StringBuilder examples = new StringBuilder();
    if (!exemplars.isEmpty()) {
      examples.append(
          "Here is how an instruction is used: it takes the place of %s in each input, and what is then written should be the output.\n\n"
              .formatted(slot));
    }
    for (int place : exemplars) {
      Example example = train.get(place);
      String input =
          problem.layout().messages(InstructionPrompt.of(slot), example).stream()
              .map(Message::text)
              .collect(Collectors.joining("\n"));
      examples.append("input:\n%s\noutput:\n%s\n\n".formatted(input, example.label()));
    }
    String intro =
        "Your task is to find the best instruction for the problems below. These instructions were tried before; they are listed from the worst to the best, with scores from 0 to 100.\n\n";
    String order =
        config.form() == OproConfig.Form.BRACKETS
            ? "Write a new instruction that is different from the ones above and has a score as high as possible. Write it in square brackets."
            : "Write one new instruction that is different from all of the ones above and has a score as high as possible. It should be short, effective and hold for all problems of this kind. Begin it with %s and end it with </%s>."
                .formatted(slot, config.tag());
    return config.exemplarsFirst()
        ? examples + intro + texts + order
        : intro + texts + examples + order;
  }

  /** Whole hundredths, half to even as Python rounds, or three decimals. */
  private String shown(Scored scored) {
    return config.bucketed()
        ? Long.toString((long) Math.rint(100 * scored.score()))
        : String.format(Locale.ROOT, "%.3f", scored.score());
  }

  // ------------------------------------------------------------------ the answer

  private Optional<String> read(String answer) {
    String open = "<" + config.tag() + ">";
    String close = "</" + config.tag() + ">";
    return switch (config.form()) {
      case TAGS -> {
        if (!config.reference()) {
          yield Tags.first(answer, config.tag());
        }
        int start = answer.contains(open) ? answer.indexOf(open) + open.length() : 0;
        int end = answer.contains(close) ? answer.indexOf(close) : answer.length();
        yield Optional.of(end < start ? "" : answer.substring(start, end));
      }
      case BRACKETS -> {
        int start = answer.indexOf('[');
        int end = answer.indexOf(']', start + 1);
        if (start >= 0 && end > start + 1) {
          yield Optional.of(answer.substring(start + 1, end));
        }
        yield config.reference() ? Optional.of("") : Optional.empty();
      }
      case LIST -> {
        int end = answer.indexOf("</TEXT>");
        String text = (end < 0 ? answer : answer.substring(0, end)).strip();
        yield text.isEmpty() ? Optional.empty() : Optional.of(text);
      }
    };
  }

  /** Without outer blanks and asterisks, with a capital letter. */
  static String polished(String text) {
    String plain = text.strip().replace("**", "").strip();
    return plain.isEmpty()
        ? plain
        : plain.substring(0, 1).toUpperCase(Locale.ROOT) + plain.substring(1);
  }

  private Optional<String> unwanted(String text) {
    if (text.length() > config.longest()) {
      return Optional.of("longer than " + config.longest() + " characters");
    }
    if (!config.digits() && text.chars().anyMatch(Character::isDigit)) {
      return Optional.of("it has digits");
    }
    boolean slot =
        config.reference()
            ? text.contains("INS")
            : text.matches("(?s).*<\\s*/?\\s*" + config.tag() + "\\s*>.*");
    if (slot) {
      return Optional.of("it holds the slot's name");
    }
    if (text.isEmpty() && !config.reference()) {
      return Optional.of("it is empty");
    }
    return Optional.empty();
  }

  // ------------------------------------------------------------------ state

  @Override
  public Best best() {
    return champion.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode json = Json.object();
    ArrayNode all = json.putArray("history");
    for (Scored scored : history) {
      ObjectNode one = all.addObject().put("id", scored.id()).put("text", scored.text());
      one.set("score", Json.number(scored.score()));
      one.put("step", scored.step());
      one.set("wrong", Json.array(scored.wrong().stream().mapToInt(e -> e).sorted().toArray()));
    }
    json.set("champion", champion.save());
    json.set("calls", problem.saveCalls());
    return json;
  }

  @Override
  public void restore(ObjectNode state) {
    history.clear();
    for (JsonNode one : state.path("history")) {
      history.add(
          new Scored(
              one.path("id").asText(),
              one.path("text").asText(),
              Json.toDouble(one.path("score")),
              one.path("step").asInt(),
              IntStream.of(Json.ints(one.path("wrong"))).boxed().collect(Collectors.toSet())));
    }
    champion.restore(state.path("champion"));
    problem.restoreCalls(state.path("calls"));
  }
}

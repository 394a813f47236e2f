package io.promptgrad.llm.optimizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.instruction.InstructionPrompt;
import io.promptgrad.llm.instruction.Rollout;
import io.promptgrad.llm.parse.Tags;
import io.promptgrad.search.Best;
import io.promptgrad.search.Candidate.Status;
import io.promptgrad.search.Search;
import io.promptgrad.search.StepReport;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;

/**
 * PromptAgent (Wang, Li, Wang, Bai, Luo, Zhang, Jojic, Xing and Hu 2023, arXiv:2310.16427,
 * algorithm 1): Monte Carlo tree search over instructions. A node is an instruction, its children
 * are rewrites against the errors of a minibatch each, its reward is its mean value on fixed
 * examples.
 *
 * <p>One step is one iteration: select a leaf by upper confidence bounds, {@code Q + c * sqrt(ln(N
 * of the parent + 1) / max(1, N))}; expand it; go on from its best child, expanding, to a terminal
 * node; add to every node of the path the sum of the rewards from it on. Q is the mean of these
 * sums, or the reward of a node without any. A node is terminal at full depth, or below the second
 * level if its reward is lower than the mean of root and parent. A child above all rewards so far
 * ends the way down at once.
 *
 * <p>Where this differs from the original: rewards are measured on training examples, so that dev
 * stays apart; the result is the node with the best reward on dev and not the best one of the path
 * with the best mean; a minibatch without errors makes no child.
 *
 * <p>Cost of a step: for each expanded node {@code width * minibatch} calls of the task model, 2 *
 * width of the proposer and {@code width * rewardExamples} of the task model.
 */
public final class PromptAgent implements Search {

  private static final String TAG = "prompt";

  private final PromptProblem problem;
  private final PromptAgentConfig config;
  private final List<Example> rewardExamples;
  private final Champion champion;
  private final List<Node> nodes = new ArrayList<>(); // the root first

  private static final class Node {

    final String id;
    final int parent; // -1 for the root
    final int depth;
    final String text;
    final double reward;
    final List<Integer> children = new ArrayList<>();
    final List<Double> sums = new ArrayList<>(); // of rewards from here to the path's end
    boolean expanded;

    Node(String id, int parent, int depth, String text, double reward) {
      this.id = id;
      this.parent = parent;
      this.depth = depth;
      this.text = text;
      this.reward = reward;
    }

    double q() {
      return sums.stream().mapToDouble(sum -> sum).average().orElse(reward);
    }
  }

  /** A search over instructions. */
  public PromptAgent(PromptProblem problem, PromptAgentConfig config) {
    this.problem = problem;
    this.config = config;
    this.rewardExamples = problem.fixedTrain("promptagent.reward", config.rewardExamples());
    this.champion = new Champion(problem);
  }

  @Override
  public String method() {
    return "promptagent";
  }

  @Override
  public StepReport step(int step) {
    StepNotes notes = new StepNotes(step);
    if (nodes.isEmpty()) {
      InstructionPrompt root = problem.seeds().get(0);
      addAll(List.of(root.instruction()), -1, notes);
    }

    // 1. Selection: down by upper confidence bounds to a node without children.
    List<Integer> path = new ArrayList<>(List.of(0));
    while (nodes.get(last(path)).expanded && !terminal(last(path))) {
      Optional<Integer> next = mostPromising(last(path));
      if (next.isEmpty()) {
        break; // none of its minibatches had errors
      }
      path.add(next.get());
    }

    // 2. Expansion and simulation: down by rewards, expanding, to a terminal node.
    double bestBefore = nodes.stream().mapToDouble(node -> node.reward).max().orElseThrow();
    while (!terminal(last(path))) {
      Node node = nodes.get(last(path));
      if (!node.expanded) {
        expand(last(path), step, notes);
      }
      Optional<Integer> best = bestChild(node);
      if (best.isEmpty()) {
        break;
      }
      path.add(best.get());
      if (nodes.get(best.get()).reward > bestBefore) {
        break;
      }
    }

    // 3. Back: the sum of the rewards from each node on.
    double sum = 0;
    for (int i = path.size() - 1; i >= 0; i--) {
      sum += nodes.get(path.get(i)).reward;
      nodes.get(path.get(i)).sums.add(sum);
    }
    return notes.report(champion.train(), problem.calls());
  }

  private static int last(List<Integer> path) {
    return path.get(path.size() - 1);
  }

  private boolean terminal(int at) {
    Node node = nodes.get(at);
    if (node.depth >= config.depth()) {
      return true;
    }
    return node.depth > 2
        && node.reward < (nodes.get(0).reward + nodes.get(node.parent).reward) / 2;
  }

  private Optional<Integer> mostPromising(int at) {
    Node parent = nodes.get(at);
    Integer best = null;
    double most = Double.NEGATIVE_INFINITY;
    for (int child : parent.children) {
      Node node = nodes.get(child);
      double bound =
          node.q()
              + config.exploration()
                  * Math.sqrt(Math.log(parent.sums.size() + 1.0) / Math.max(1, node.sums.size()));
      if (bound > most) {
        most = bound;
        best = child;
      }
    }
    return Optional.ofNullable(best);
  }

  private Optional<Integer> bestChild(Node node) {
    Integer best = null;
    for (int child : node.children) {
      if (best == null || nodes.get(child).reward > nodes.get(best).reward) {
        best = child;
      }
    }
    return Optional.ofNullable(best);
  }

  // ------------------------------------------------------------------ children

  /** For each of some minibatches: a critique of the errors, and a rewrite by it. */
  private void expand(int at, int step, StepNotes notes) {
    Node node = nodes.get(at);
    node.expanded = true;
    InstructionPrompt prompt = InstructionPrompt.of(node.text);
    List<String> errors = new ArrayList<>();
    for (int w = 0; w < config.width(); w++) {
      List<Example> minibatch =
          problem.draw("promptagent.minibatch", at * 1000L + w, config.minibatch());
      List<Rollout> rollouts = problem.scorer().rollouts(prompt, minibatch);
      String shown = errors(minibatch, rollouts);
      if (shown.isEmpty()) {
        notes.skip(node.id, "", "the minibatch has no errors");
      } else {
        errors.add(shown);
      }
    }
    List<Proposer.Question<String>> questions = new ArrayList<>();
    for (int e = 0; e < errors.size(); e++) {
      String question =
          "I am writing a prompt for a language model. The prompt is now:\n%s\n\nIt gets these examples wrong:\n%s\nFor each of them, say what went wrong. Then list everything about the prompt that should be different."
              .formatted(node.text, errors.get(e));
      questions.add(
          Proposer.Question.of(
                  question,
                  config.sampling(),
                  problem.sample(step, at * 1000 + e),
                  answer -> answer.isBlank() ? Optional.empty() : Optional.of(answer.strip()))
              .otherwise(edits -> Optional.of("unknown"))
              .uncounted());
    }
    List<Proposer.Proposal<String>> critiques = problem.proposer().ask(questions);
    List<Proposer.Question<String>> rewriting = new ArrayList<>();
    for (int e = 0; e < critiques.size(); e++) {
      if (critiques.get(e).value().isEmpty()) {
        notes.skip(node.id, "", critiques.get(e).why());
        continue;
      }
      String question =
          "I am writing a prompt for a language model. These were its versions so far, each better or later than the one before:\n%s\nThe prompt is now:\n%s\n\nIt gets these examples wrong:\n%s\nThis is what is to be said about it:\n%s\n\nWrite a better prompt that does not have these faults. Write it between <prompt> and </prompt>."
              .formatted(ancestors(at), node.text, errors.get(e), critiques.get(e).value().get());
      rewriting.add(
          Proposer.Question.of(
                  question,
                  config.sampling(),
                  problem.sample(step, at * 1000 + 500 + e),
                  answer -> Tags.last(answer, TAG))
              .otherwise(edits -> edits.of(node.text)));
    }
    List<String> texts = new ArrayList<>();
    for (Proposer.Proposal<String> proposal : problem.proposer().ask(rewriting)) {
      proposal.value().ifPresentOrElse(texts::add, () -> notes.skip(node.id, "", proposal.why()));
    }
    addAll(texts, at, notes);
  }

  private String errors(List<Example> minibatch, List<Rollout> rollouts) {
    StringBuilder shown = new StringBuilder();
    for (int i = 0; i < minibatch.size(); i++) {
      if (rollouts.get(i).outcome().value() < 1) {
        shown.append(
            "Input: %s\nAnswer: %s\nRight answer: %s\n\n"
                .formatted(
                    problem.layout().question(minibatch.get(i)),
                    rollouts.get(i).output(),
                    minibatch.get(i).label()));
      }
    }
    return shown.toString();
  }

  private String ancestors(int at) {
    List<String> texts = new ArrayList<>();
    for (int node = nodes.get(at).parent; node >= 0; node = nodes.get(node).parent) {
      texts.add(0, nodes.get(node).text);
    }
    return IntStream.range(0, texts.size())
        .mapToObj(i -> (i + 1) + ". " + texts.get(i) + "\n")
        .reduce("", String::concat);
  }

  private void addAll(List<String> texts, int parent, StepNotes notes) {
    List<InstructionPrompt> prompts = texts.stream().map(InstructionPrompt::of).toList();
    double[] rewards = problem.scorer().means(prompts, rewardExamples);
    int best = notes.offerBest(champion, prompts, rewards);
    for (int i = 0; i < rewards.length; i++) {
      String id = notes.nextId();
      int depth = parent < 0 ? 0 : nodes.get(parent).depth + 1;
      notes.add(
          id,
          parent < 0 ? "" : nodes.get(parent).id,
          prompts.get(i),
          rewards[i],
          rewardExamples.size(),
          i == best ? Status.ACCEPTED : parent < 0 ? Status.INCUMBENT : Status.EVALUATED,
          Map.of("depth", depth));
      if (parent >= 0) {
        nodes.get(parent).children.add(nodes.size());
      }
      nodes.add(new Node(id, parent, depth, texts.get(i), rewards[i]));
    }
  }

  // ------------------------------------------------------------------ state

  @Override
  public Best best() {
    return champion.best();
  }

  @Override
  public ObjectNode save() {
    ObjectNode json = Json.object();
    ArrayNode all = json.putArray("nodes");
    for (Node node : nodes) {
      ObjectNode one = all.addObject().put("id", node.id).put("parent", node.parent);
      one.put("depth", node.depth).put("text", node.text).put("expanded", node.expanded);
      one.set("reward", Json.number(node.reward));
      ArrayNode sums = one.putArray("sums");
      node.sums.forEach(sum -> sums.add(Json.number(sum)));
    }
    json.set("champion", champion.save());
    json.set("calls", problem.saveCalls());
    return json;
  }

  @Override
  public void restore(ObjectNode state) {
    nodes.clear();
    for (JsonNode one : state.path("nodes")) {
      Node node =
          new Node(
              one.path("id").asText(),
              one.path("parent").asInt(),
              one.path("depth").asInt(),
              one.path("text").asText(),
              Json.toDouble(one.path("reward")));
      node.expanded = one.path("expanded").asBoolean();
      one.path("sums").forEach(sum -> node.sums.add(Json.toDouble(sum)));
      if (node.parent >= 0) {
        nodes.get(node.parent).children.add(nodes.size());
      }
      nodes.add(node);
    }
    champion.restore(state.path("champion"));
    problem.restoreCalls(state.path("calls"));
  }
}

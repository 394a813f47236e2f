package io.promptgrad.search;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.prompt.Prompt;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.random.RandomGenerator;

/** A toy method: hill climbing of three digits towards 9, 9, 9 by random changes. */
final class CountingSearch implements Search {

  private final RandomSource random;
  int dieAtStep = -1;
  private final int[] state = {0, 0, 0};
  private Best best = new Best(new Digits(new int[] {0, 0, 0}), 0, 0);

  CountingSearch(long seed) {
    random = new RandomSource(seed);
  }

  @Override
  public String method() {
    return "counting";
  }

  @Override
  public StepReport step(int step) {
    RandomGenerator draws = random.stream("counting", step);
    int place = draws.nextInt(3);
    int digit = draws.nextInt(10);
    int before = sum(state);
    boolean accepted = digit > state[place];
    if (accepted) {
      state[place] = digit;
    }
    if (step == dieAtStep) {
      throw new IllegalStateException("killed in step " + step);
    }
    int after = sum(state);
    if (accepted) {
      best = new Best(new Digits(state.clone()), after, step);
    }
    Candidate candidate =
        new Candidate(
            step + ".0",
            (step - 1) + ".0",
            "set " + place + " to " + digit,
            state,
            after,
            3,
            accepted ? Candidate.Status.ACCEPTED : Candidate.Status.EVALUATED,
            Map.of("place", place, "gain", after - before + 0.5));
    return new StepReport(
        List.of(candidate),
        after,
        accepted ? OptionalDouble.of(after) : OptionalDouble.empty(),
        accepted,
        new Cost(1, 10, 5, 2, 0.25));
  }

  @Override
  public Best best() {
    return best;
  }

  @Override
  public ObjectNode save() {
    ObjectNode json = Json.object();
    json.set("state", Json.array(state));
    json.set("best", Json.array(best.prompt().tokenIds()));
    json.put("dev", best.dev()).put("best_step", best.step());
    return json;
  }

  @Override
  public void restore(ObjectNode json) {
    System.arraycopy(Json.ints(json.get("state")), 0, state, 0, 3);
    best =
        new Best(
            new Digits(Json.ints(json.get("best"))),
            json.get("dev").asDouble(),
            json.get("best_step").asInt());
  }

  @Override
  public boolean finished() {
    return sum(state) == 27;
  }

  private static int sum(int[] digits) {
    return digits[0] + digits[1] + digits[2];
  }

  /** Three digits as a prompt. */
  record Digits(int[] digits) implements Prompt {
    @Override
    public String kind() {
      return "trigger";
    }

    @Override
    public String text() {
      List<String> text = new ArrayList<>();
      for (int digit : digits) {
        text.add(Integer.toString(digit));
      }
      return String.join(" ", text);
    }

    @Override
    public int[] tokenIds() {
      return digits.clone();
    }

    @Override
    public ObjectNode toJson() {
      ObjectNode json = Json.object();
      json.put("kind", kind()).put("text", text());
      json.set("token_ids", Json.array(digits));
      return json;
    }
  }
}

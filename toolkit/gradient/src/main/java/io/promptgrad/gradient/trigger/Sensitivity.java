package io.promptgrad.gradient.trigger;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.evaluation.Comparison;
import io.promptgrad.evaluation.EvalReport;
import io.promptgrad.files.Json;
import io.promptgrad.gradient.discrete.ClozeEvaluator;
import io.promptgrad.gradient.discrete.TokenFilter;
import io.promptgrad.gradient.discrete.TriggerPrompt;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.SearchModel;
import io.promptgrad.metric.Metric;
import io.promptgrad.search.RandomSource;
import io.promptgrad.task.Example;
import io.promptgrad.template.PromptTemplate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.random.RandomGenerator;

/**
 * How much of a trigger prompt's score hangs on its exact form: scores with one trigger token left
 * out, with the tokens in another order, and with tokens replaced by those whose word vectors are
 * nearest.
 *
 * @param original the prompt as it is
 * @param variants the others, in the order of their kinds
 */
public record Sensitivity(Variant original, List<Variant> variants) {

  /** What was changed. */
  public enum Kind {
    /** Nothing. */
    NONE,
    /** One trigger token and its slot are gone. */
    DROPOUT,
    /** The trigger tokens stand in another order. */
    SHUFFLE,
    /** One token, or all, became the nearest other one. */
    NEIGHBOUR
  }

  /**
   * One form of the prompt.
   *
   * @param report what became of the examples
   * @param paired against the original; null for it itself
   */
  public record Variant(Kind kind, TriggerPrompt prompt, EvalReport report, Comparison paired) {}

  private static final int ORDERS = 20;

  /** Copies the list. */
  public Sensitivity {
    variants = List.copyOf(variants);
  }

  /**
   * Measures a prompt.
   *
   * @param random draws the orders, if there are more than {@value #ORDERS}
   * @throws InvalidInputException if the prompt has no trigger
   */
  public static Sensitivity of(
      LanguageModel model,
      TriggerPrompt prompt,
      List<Example> examples,
      Metric metric,
      RandomSource random) {
    int[] trigger = prompt.tokenIds();
    if (trigger.length == 0) {
      throw new InvalidInputException(
          "The prompt '%s' has no trigger that could be changed; take one that a search found."
              .formatted(prompt.text()));
    }
    ClozeEvaluator evaluator = new ClozeEvaluator(model, metric, List.of());
    EvalReport own = evaluator.evaluate(prompt, examples);
    Map<TriggerPrompt, Kind> forms = new LinkedHashMap<>();
    for (int t = 0; t < trigger.length; t++) {
      forms.putIfAbsent(without(prompt, t, model), Kind.DROPOUT);
    }
    for (int[] order : orders(trigger.length, random.stream("sensitivity.order", 0))) {
      forms.putIfAbsent(
          with(prompt, Arrays.stream(order).map(t -> trigger[t]).toArray(), model), Kind.SHUFFLE);
    }
    int[] neighbours = neighbours(model, prompt);
    for (int t = 0; t < trigger.length; t++) {
      int[] changed = trigger.clone();
      changed[t] = neighbours[t];
      forms.putIfAbsent(with(prompt, changed, model), Kind.NEIGHBOUR);
    }
    forms.putIfAbsent(with(prompt, neighbours, model), Kind.NEIGHBOUR);
    forms.remove(prompt); // two equal tokens in another order
    List<Variant> variants = new ArrayList<>();
    forms.forEach(
        (form, kind) -> {
          EvalReport report = evaluator.evaluate(form, examples);
          Comparison paired = Comparison.of(metric, report.outcomes(), own.outcomes());
          variants.add(new Variant(kind, form, report, paired));
        });
    return new Sensitivity(new Variant(Kind.NONE, prompt, own, null), variants);
  }

  private static TriggerPrompt with(TriggerPrompt prompt, int[] trigger, LanguageModel model) {
    return TriggerPrompt.of(prompt.template(), prompt.labels(), trigger, model.tokenizer());
  }

  private static TriggerPrompt without(TriggerPrompt prompt, int slot, LanguageModel model) {
    String text = prompt.template().toString();
    int at = -1;
    for (int t = 0; t <= slot; t++) {
      at = text.indexOf("[T]", at + 1);
    }
    String left = text.substring(0, at);
    String right = text.substring(at + "[T]".length());
    boolean blanks = left.endsWith(" ") && right.startsWith(" ");
    PromptTemplate shorter = PromptTemplate.parse(left + (blanks ? right.substring(1) : right));
    int[] trigger = prompt.tokenIds();
    int[] rest = new int[trigger.length - 1];
    for (int t = 0; t < rest.length; t++) {
      rest[t] = trigger[t < slot ? t : t + 1];
    }
    return TriggerPrompt.of(shorter, prompt.labels(), rest, model.tokenizer());
  }

  /** All orders but the given one, or so many drawn ones. */
  private static List<int[]> orders(int n, RandomGenerator random) {
    Map<List<Integer>, int[]> orders = new LinkedHashMap<>();
    int tries = 0;
    while (orders.size() < ORDERS && tries++ < 50 * ORDERS) {
      int[] order = RandomSource.permutation(n, random);
      List<Integer> key = Arrays.stream(order).boxed().toList();
      boolean given = true;
      for (int t = 0; t < n; t++) {
        given &= order[t] == t;
      }
      if (!given) {
        orders.putIfAbsent(key, order);
      }
    }
    return List.copyOf(orders.values());
  }

  private static int[] neighbours(LanguageModel model, TriggerPrompt prompt) {
    SearchModel search = model.forSearch();
    int[] trigger = prompt.tokenIds();
    int[] neighbours = new int[trigger.length];
    for (int t = 0; t < trigger.length; t++) {
      TokenFilter filter =
          TokenFilter.of(
              model.tokenizer(),
              model.spec().vocabulary(),
              Set.of(TokenFilter.Rule.SPECIAL, TokenFilter.Rule.LABELS),
              prompt.labels().flat());
      BitSet banned = (BitSet) filter.banned().clone();
      banned.set(trigger[t]);
      neighbours[t] =
          search
              .nearest(search.vectors(new int[] {trigger[t]}), banned, SearchModel.Nearness.COSINE)[
              0];
    }
    return neighbours;
  }

  /** The forms of a kind. */
  public List<Variant> of(Kind kind) {
    return variants.stream().filter(variant -> variant.kind() == kind).toList();
  }

  /** As one JSON object. */
  public ObjectNode toJson() {
    ObjectNode json = Json.object();
    json.put("metric", original.report().metric()).put("n", original.report().n());
    json.put("text", original.prompt().text()).put("score", original.report().value());
    for (Variant variant : variants) {
      ObjectNode node = json.withArray("variants").addObject();
      node.put("kind", variant.kind().name().toLowerCase(Locale.ROOT))
          .put("text", variant.prompt().text())
          .put("score", variant.report().value())
          .put("difference", variant.paired().difference())
          .put("p", variant.paired().p());
    }
    return json;
  }

  /** A table for people. */
  public String toText() {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "%s %.3f on %d examples: %s%n%n",
            original.report().metric(),
            original.report().value(),
            original.report().n(),
            original.prompt().text()));
    for (Kind kind : List.of(Kind.DROPOUT, Kind.SHUFFLE, Kind.NEIGHBOUR)) {
      List<Variant> some = of(kind);
      if (some.isEmpty()) {
        continue;
      }
      double[] scores = some.stream().mapToDouble(v -> v.report().value()).toArray();
      text.append(
          String.format(
              Locale.ROOT,
              "%-10s %3d variants: mean %.3f, lowest %.3f, highest %.3f%n",
              kind.name().toLowerCase(Locale.ROOT),
              scores.length,
              Arrays.stream(scores).average().orElseThrow(),
              Arrays.stream(scores).min().orElseThrow(),
              Arrays.stream(scores).max().orElseThrow()));
      for (Variant variant : some) {
        text.append(
            String.format(
                Locale.ROOT,
                "  %.3f  %+.3f, p = %.2g  %s%n",
                variant.report().value(),
                variant.paired().difference(),
                variant.paired().p(),
                variant.prompt().text()));
      }
    }
    return text.toString();
  }
}

package io.promptgrad.llm.optimizer;

import io.promptgrad.search.RandomSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.random.RandomGenerator;
import java.util.stream.IntStream;

/**
 * GEPA's merge (Agrawal et al. 2025, algorithms 3 and 4): two members that changed different
 * components of a common ancestor are joined, each change taken over. The ancestor is no better
 * than either of them.
 *
 * @param members all there are; a, b and old are places among them
 */
record GepaMerge(List<GepaMember> members, RandomGenerator random) {

  private static final int ATTEMPTS = 10;

  /**
   * What is to be tried.
   *
   * @param check dev examples on which it has to be no worse than both
   */
  record Attempt(int a, int b, Map<String, String> texts, List<Integer> check) {}

  /** Draws pairs of the front until one can be joined to something new; empty if none can. */
  Optional<Attempt> draw(List<Integer> front) {
    for (int attempt = 0; attempt < ATTEMPTS && front.size() > 1; attempt++) {
      int a = front.get(random.nextInt(front.size()));
      int b = front.get(random.nextInt(front.size()));
      Optional<Map<String, String>> texts = a == b ? Optional.empty() : joined(a, b);
      if (texts.isPresent() && members.stream().noneMatch(m -> m.texts().equals(texts.get()))) {
        return Optional.of(new Attempt(a, b, texts.get(), check(a, b)));
      }
    }
    return Optional.empty();
  }

  /** The texts of both, where exactly one changed something of a common ancestor's. */
  private Optional<Map<String, String>> joined(int a, int b) {
    List<Integer> ofA = ancestors(a);
    List<Integer> ofB = ancestors(b);
    if (ofA.contains(b) || ofB.contains(a)) {
      return Optional.empty();
    }
    GepaMember one = members.get(a);
    GepaMember two = members.get(b);
    double worse = Math.min(one.mean(), two.mean());
    List<GepaMember> common =
        ofA.stream()
            .filter(ofB::contains)
            .map(members::get)
            .filter(old -> old.mean() <= worse)
            .filter(
                old ->
                    old.texts().keySet().stream()
                        .anyMatch(c -> one.shares(c, old) != two.shares(c, old)))
            .toList();
    if (common.isEmpty()) {
      return Optional.empty();
    }
    GepaMember old = common.get(random.nextInt(common.size()));
    Map<String, String> texts = new LinkedHashMap<>();
    for (String component : old.texts().keySet()) {
      boolean inOne = !one.shares(component, old);
      boolean inTwo = !two.shares(component, old);
      GepaMember better = two.mean() > one.mean() ? two : one;
      GepaMember from = inOne && inTwo ? better : inTwo ? two : one;
      texts.put(component, from.texts().get(component));
    }
    return Optional.of(texts);
  }

  private List<Integer> ancestors(int member) {
    List<Integer> all = new ArrayList<>();
    for (int parent : members.get(member).parents()) {
      all.add(parent);
      all.addAll(ancestors(parent));
    }
    return all.stream().distinct().sorted().toList();
  }

  /** Five dev examples: two that a won, two that b won, the rest ties, as far as there are. */
  private List<Integer> check(int a, int b) {
    double[] one = members.get(a).values();
    double[] two = members.get(b).values();
    int[] order = RandomSource.permutation(one.length, random);
    List<Integer> chosen = new ArrayList<>();
    take(chosen, Arrays.stream(order).filter(e -> one[e] > two[e]), 2);
    take(chosen, Arrays.stream(order).filter(e -> one[e] < two[e]), 4);
    take(chosen, Arrays.stream(order).filter(e -> one[e] == two[e]), 5);
    take(chosen, Arrays.stream(order).filter(e -> !chosen.contains(e)), 5);
    return chosen;
  }

  private static void take(List<Integer> chosen, IntStream from, int upTo) {
    from.boxed().toList().stream().limit(Math.max(0, upTo - chosen.size())).forEach(chosen::add);
  }
}

package io.promptgrad.models.pretrain;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.models.pretrain.TokenizerSettings.Objective;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class BpeTrainerTest {

  private static final int BYTES_AND_SPECIALS = 256 + 2;

  private static TokenizerSettings causal(int merges) {
    return new TokenizerSettings(Objective.CAUSAL, true, false, BYTES_AND_SPECIALS + merges);
  }

  private static List<String> learned(BpeTokenizer tokenizer) {
    return IntStream.range(BYTES_AND_SPECIALS, tokenizer.size())
        .mapToObj(tokenizer::token)
        .toList();
  }

  @Test
  void train_textbookExample_mergesByCount() {
    // Sennrich et al. 2016, figure 1, words without end marks: low 5, lower 2, newest 6, widest 3.
    BpeTrainer trainer = new BpeTrainer(causal(4));
    trainer.add("low", 5);
    trainer.add("lower", 2);
    trainer.add("newest", 6);
    trainer.add("widest", 3);

    // es and st occur 9 times: 'e' is the lower left byte. Then es+t 9. The e of "we" in newest is
    // used up, so we has 2; lo and ow have 7, 'l' is lower. Then lo+w 7.
    assertThat(learned(trainer.train())).containsExactly("es", "est", "lo", "low");
  }

  @Test
  void train_equalCounts_takesLowerPair() {
    BpeTrainer trainer = new BpeTrainer(causal(3));
    trainer.add("zy", 3);
    trainer.add("ab", 3);
    trainer.add("aa", 3);

    assertThat(learned(trainer.train())).containsExactly("aa", "ab", "zy");
  }

  @Test
  void train_runsOutOfPairs_vocabularyIsSmaller() {
    BpeTrainer trainer = new BpeTrainer(causal(100));
    trainer.add("abab abab xy", 1);

    // ab occurs 4 times, abab then twice; everything else, the blank before it included, once.
    assertThat(learned(trainer.train())).containsExactly("ab", "abab");
  }

  @Test
  void train_repeatedSymbol_doesNotCountOverlaps() {
    BpeTrainer trainer = new BpeTrainer(causal(2));
    trainer.add("aaaa", 2);

    BpeTokenizer tokenizer = trainer.train();
    assertThat(learned(tokenizer)).containsExactly("aa", "aaaa");
    assertThat(tokenizer.encode("aaaaa")).containsExactly(tokenizer.id("aaaa"), tokenizer.id("a"));
  }

  @Test
  void train_orderOfTexts_doesNotMatter() {
    List<String> texts = sentences(200);
    BpeTrainer forward = new BpeTrainer(causal(150));
    texts.forEach(t -> forward.add(t, 1));
    BpeTrainer backward = new BpeTrainer(causal(150));
    for (int i = texts.size() - 1; i >= 0; i--) {
      backward.add(texts.get(i), 1);
    }

    assertThat(learned(backward.train())).isEqualTo(learned(forward.train()));
  }

  @Test
  void train_againstPlainRecounting_sameMerges() {
    // The incremental counts must give what counting every pair anew after each merge gives.
    List<String> texts = sentences(120);
    BpeTrainer trainer = new BpeTrainer(causal(200));
    Map<String, Long> words = new HashMap<>();
    for (String text : texts) {
      trainer.add(text, 1);
      ByteLevel.words(text, w -> words.merge(w, 1L, Long::sum));
    }

    List<String> learned = learned(trainer.train());
    assertThat(learned).hasSize(200).isEqualTo(plain(words, 200));
  }

  /** BPE as in the paper's listing: slow and plain. */
  private static List<String> plain(Map<String, Long> words, int merges) {
    Map<List<Integer>, Long> split = new HashMap<>();
    words.forEach(
        (w, n) ->
            split.put(IntStream.range(0, w.length()).mapToObj(i -> (int) w.charAt(i)).toList(), n));
    List<String> names = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      names.add(String.valueOf(ByteLevel.charOf(b)));
    }
    Map<List<Integer>, Long> now = split;
    for (int m = 0; m < merges; m++) {
      Map<Long, Long> counts = new HashMap<>();
      now.forEach(
          (s, n) -> {
            for (int i = 0; i + 1 < s.size(); i++) {
              counts.merge((long) s.get(i) << 32 | s.get(i + 1), n, Long::sum);
            }
          });
      long best =
          counts.entrySet().stream()
              .max(
                  Map.Entry.<Long, Long>comparingByValue()
                      .thenComparing(Map.Entry.<Long, Long>comparingByKey().reversed()))
              .orElseThrow()
              .getKey();
      int left = (int) (best >>> 32);
      int right = (int) best;
      int merged = names.size();
      names.add(names.get(left) + names.get(right));
      Map<List<Integer>, Long> next = new HashMap<>();
      now.forEach(
          (s, n) -> {
            List<Integer> out = new ArrayList<>();
            for (int i = 0; i < s.size(); i++) {
              if (i + 1 < s.size() && s.get(i) == left && s.get(i + 1) == right) {
                out.add(merged);
                i++;
              } else {
                out.add(s.get(i));
              }
            }
            next.merge(out, n, Long::sum);
          });
      now = next;
    }
    return names.subList(256, names.size());
  }

  /** Random words of few letters: many ties, and runs of one letter. */
  private static List<String> sentences(int count) {
    Random random = new Random(7);
    return IntStream.range(0, count)
        .mapToObj(
            i ->
                IntStream.range(0, 8)
                    .mapToObj(j -> letters(random))
                    .collect(Collectors.joining(" ")))
        .toList();
  }

  private static String letters(Random random) {
    return random
        .ints(random.nextInt(1, 9), 'a', 'd')
        .mapToObj(Character::toString)
        .collect(Collectors.joining());
  }
}

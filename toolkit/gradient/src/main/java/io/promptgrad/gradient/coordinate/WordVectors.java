package io.promptgrad.gradient.coordinate;

import io.promptgrad.lm.SearchModel;
import java.util.stream.IntStream;

/** What is asked of the whole table of word vectors once. */
final class WordVectors {

  private static final int AT_A_TIME = 4096;

  private WordVectors() {}

  /** Squared norms of all word vectors [V]; the table passes through in pieces. */
  static float[] squares(SearchModel model) {
    int vocabulary = model.model().spec().vocabulary();
    int width = model.model().spec().wordWidth();
    float[] squares = new float[vocabulary];
    for (int from = 0; from < vocabulary; from += AT_A_TIME) {
      int to = Math.min(vocabulary, from + AT_A_TIME);
      float[] vectors = model.vectors(IntStream.range(from, to).toArray());
      for (int i = 0; i < vectors.length; i++) {
        squares[from + i / width] += vectors[i] * vectors[i];
      }
    }
    return squares;
  }
}

package io.promptgrad.lm;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import io.promptgrad.lm.generate.Generation;
import io.promptgrad.lm.generate.GenerationOptions;
import io.promptgrad.lm.weights.Checkpoint;
import io.promptgrad.lm.weights.WeightType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * Throws everything at the library that its types allow, in a process of its own, and prints what
 * came back. Whatever is no exception (an error, a hang, a dead process) is a failure, and so is a
 * model that computes something else afterwards.
 */
final class HostileInputs {

  private static final int[] INTS = {
    0, 1, 2, 3, 7, 95, 96, 97, 98, -1, -2, 1 << 16, Integer.MAX_VALUE, Integer.MIN_VALUE
  };
  private static final float[] FLOATS = {
    0,
    1,
    -1,
    Float.MIN_VALUE,
    Float.MAX_VALUE,
    Float.NaN,
    Float.POSITIVE_INFINITY,
    Float.NEGATIVE_INFINITY
  };
  private static final DataType[] TYPES = {
    DataType.FLOAT32,
    DataType.FLOAT64,
    DataType.FLOAT16,
    DataType.INT64,
    DataType.INT32,
    DataType.INT8,
    DataType.UINT8,
    DataType.BOOLEAN
  };

  private final Random random = new Random(20);
  private final Path directory;
  private final Map<String, Integer> seen = new TreeMap<>();
  private boolean decodes; // whether batches have tokens for a decoder
  private int calls;
  private int answered;

  private HostileInputs(Path directory) {
    this.directory = directory;
  }

  /** Prints one line, "calls, answered, exceptions", and ends normally. */
  public static void main(String[] arguments) throws IOException {
    HostileInputs hostile = new HostileInputs(Path.of(arguments[0]));
    for (String name : List.of("bert", "gpt2", "llama")) {
      hostile.model(name, Precision.FLOAT32, 60);
    }
    hostile.model("llama", Precision.BFLOAT16, 80);
    hostile.model("roberta", Precision.FLOAT64, 25);
    hostile.model("gpt2", Precision.FLOAT16, 25);
    hostile.model("gemma2", Precision.FLOAT32, 25);
    hostile.model("t5__v1_1_gated_untied", Precision.FLOAT32, 40);
    hostile.model("t5__classic_relu_tied", Precision.BFLOAT16, 25);
    hostile.training("gpt2", Precision.FLOAT32);
    hostile.training("bert", Precision.BFLOAT16);
    hostile.training("t5__classic_relu_tied", Precision.FLOAT32);
    hostile.files();
    System.out.printf(
        "calls %d, answered %d, exceptions %s%n", hostile.calls, hostile.answered, hostile.seen);
  }

  /** Exceptions are right answers; errors end the process. */
  private void attempt(Supplier<Object> call) {
    calls++;
    try {
      Object result = call.get();
      read(result);
      answered++;
    } catch (RuntimeException e) {
      seen.merge(e.getClass().getSimpleName(), 1, Integer::sum);
    }
  }

  private static void read(Object result) {
    if (result instanceof NDArray array) {
      Tensors.doubles(array);
    } else if (result instanceof EmbeddingGradient gradient) {
      Tensors.doubles(gradient.losses());
      Tensors.doubles(gradient.vectors());
    } else if (result instanceof CachingModel.Extension extension) {
      Tensors.doubles(extension.logits());
    } else if (result instanceof List<?> list) {
      list.forEach(HostileInputs::read);
    }
  }

  // ------------------------------------------------------------------ the frozen model

  private void model(String name, Precision precision, int rounds) {
    LanguageModel model = TinyModels.load(name, precision);
    decodes = model.spec().encoderDecoder();
    double[] before = baseline(model);
    for (int round = 0; round < rounds; round++) {
      try (NDManager scope = model.newScope()) {
        TokenBatch batch = batch();
        List<NDArray> arrays = arrays(model, scope, batch);
        NDArray a = pick(arrays);
        NDArray b = pick(arrays);
        byte[] pastMask = random.nextBoolean() ? null : new byte[random.nextInt(20)];
        int[] at = ints();
        int[] tokens = ints();
        attempt(() -> model.logits(scope, batch, at));
        attempt(() -> model.logits(scope, batch, at, tokens));
        attempt(() -> model.losses(scope, batch, targets(batch)));
        attempt(() -> model.features(scope, batch, at));
        attempt(() -> model.hiddenStates(scope, batch));
        attempt(() -> model.wordVectors(scope, batch));
        attempt(() -> model.timesWordEmbedding(scope, a));
        attempt(() -> model.timesOutputMatrix(scope, b));
        attempt(() -> model.forCaching().extend(scope, a, batch, b, pastMask, at));
        attempt(() -> model.forCaching().extend(scope, null, batch, b, pastMask, new int[] {0}));
        attempt(() -> model.forCaching().extend(scope, a, batch, null, null, new int[] {0}));
        attempt(() -> model.forCaching().joinCaches(scope, a, b));
        attempt(() -> model.forCaching().roomBehind(scope, a, random.nextInt(6) - 1, length()));
        attempt(
            () ->
                model
                    .forCaching()
                    .extendInto(scope, batch, b, random.nextInt(8) - 1, pastMask, at));
        attempt(() -> model.forCaching().encode(scope, random.nextBoolean() ? null : a, batch));
        attempt(() -> decode(model, scope, batch, a, b));
        attempt(() -> model.gradient(scope, a, batch, null, null, targets(batch)));
        attempt(() -> model.gradient(scope, null, batch, b, pastMask, targets(batch)));
        attempt(() -> model.gradient(scope, batch, targets(batch)));
        discreteSearch(model.forSearch(), scope, batch, b, pastMask);
        attempt(() -> Generation.generate(model, List.of(ints(), ints()), generation()));
        attempt(() -> model.logits(wrongScope(model), batch(), new int[] {0}));
      }
      // a call with garbage between two that are right
      if (!Arrays.equals(baseline(model), before)) {
        throw new AssertionError(name + " computes something else after round " + round);
      }
    }
    model.close();
    attempt(() -> model.logits(model.newScope(), batch(), new int[] {0}));
    NDManager foreign = NDManager.newBaseManager(Device.cpu(), "PyTorch");
    attempt(() -> model.logits(foreign, batch(), new int[] {0}));
    attempt(() -> model.timesWordEmbedding(foreign, foreign.zeros(new Shape(1, 32))));
    attempt(() -> Generation.generate(model, List.of(new int[] {1}), GenerationOptions.greedy(2)));
    foreign.close();
  }

  private void discreteSearch(
      SearchModel search, NDManager scope, TokenBatch batch, NDArray past, byte[] pastMask) {
    SearchModel.Cache cache = random.nextInt(3) == 0 ? null : new SearchModel.Cache(past, pastMask);
    int kept = random.nextInt(3) == 0 ? pick() : 0;
    int[] among = random.nextBoolean() ? null : ints();
    SearchModel.Others others = SearchModel.Others.values()[random.nextInt(3)];
    attempt(() -> search.cache(scope, batch, cache, kept).keyValues());
    attempt(() -> search.scores(batch, targets(batch), cache, kept, among, others));
    int width = search.model().spec().wordWidth();
    float[] vectors = new float[random.nextInt(4) == 0 ? ints().length : 2 * width];
    Arrays.fill(vectors, FLOATS[random.nextInt(FLOATS.length)]);
    TargetLoss loss =
        switch (random.nextInt(3)) {
          case 0 -> new TargetLoss.CrossEntropy();
          case 1 -> new TargetLoss.Mellowmax(1);
          default -> new TargetLoss.Hinge(0);
        };
    attempt(
        () ->
            search.gradient(
                batch,
                new SearchModel.Vectors(vectors, ints(), ints()),
                targets(batch),
                cache,
                kept,
                among,
                loss));
    BitSet banned = new BitSet();
    banned.set(0, Math.floorMod(pick(), 200));
    attempt(() -> search.smallestProducts(vectors, banned, pick()));
    attempt(() -> search.nearest(vectors, banned, SearchModel.Nearness.COSINE));
    attempt(() -> search.products(vectors));
    attempt(() -> search.mixtures(new float[pick() & 255]));
    attempt(() -> search.vectors(ints()));
  }

  /** An encoded text that is right, or has keys and values or a mask of another kind. */
  private Object decode(
      LanguageModel model, NDManager scope, TokenBatch batch, NDArray a, NDArray b) {
    CachingModel.Encoded text = model.forCaching().encode(scope, null, batch);
    if (random.nextInt(3) == 0) {
      text = new CachingModel.Encoded(a, text.mask());
    } else if (random.nextInt(3) == 0) {
      text = new CachingModel.Encoded(text.keyValues(), new byte[random.nextInt(20)]);
    }
    int rows = random.nextInt(4) == 0 ? pick() : batch.rows();
    NDArray past = random.nextBoolean() ? null : b;
    int[] at = random.nextBoolean() ? ints() : new int[1];
    return past != null && random.nextBoolean()
        ? model.forCaching().decodeInto(scope, text, rows, ints(), past, random.nextInt(8) - 1, at)
        : model.forCaching().decode(scope, text, rows, ints(), past, at);
  }

  private static double[] baseline(LanguageModel model) {
    try (NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(List.of(new int[] {3, 1, 4, 1, 5}, new int[] {9, 2}), 0);
      if (model.spec().encoderDecoder()) {
        batch = batch.withDecoder(List.of(new int[] {0, 7, 8, 9}, new int[] {0, 6, 5}), 0);
      }
      return Tensors.doubles(model.logits(scope, batch, new int[] {4, 6}));
    }
  }

  private NDManager wrongScope(LanguageModel model) {
    return switch (random.nextInt(3)) {
      case 0 -> null;
      case 1 -> {
        NDManager closed = model.newScope();
        closed.close();
        yield closed;
      }
      default -> {
        NDManager parent = model.newScope();
        NDManager child = parent.newSubManager();
        parent.close();
        yield child;
      }
    };
  }

  /** A batch that is often right, else wrong in some way; a record that refuses is no batch. */
  private TokenBatch batch() {
    for (int i = 0; i < 20; i++) {
      int rows = random.nextInt(4);
      int length = random.nextInt(8) == 0 ? random.nextInt(70) : random.nextInt(6);
      boolean right = random.nextInt(3) > 0;
      int n = random.nextInt(15) == 0 ? random.nextInt(10) : rows * length;
      byte[] mask = new byte[n];
      random.nextBytes(mask);
      int[] ids = new int[n];
      int[] positions = new int[n];
      int[] types = new int[random.nextBoolean() ? 0 : n];
      for (int k = 0; k < n; k++) {
        mask[k] = random.nextInt(4) == 0 ? mask[k] : (byte) random.nextInt(2);
        ids[k] = right ? random.nextInt(97) : pick();
        positions[k] = right ? random.nextInt(38) : pick();
        if (types.length > 0) {
          types[k] = right ? 0 : pick();
        }
      }
      if (random.nextInt(10) == 0) {
        Arrays.fill(mask, (byte) 0);
      }
      calls++;
      try {
        int[] answers = new int[random.nextInt(3) == 0 ? random.nextInt(9) : 3 * rows];
        for (int k = 0; k < answers.length; k++) {
          answers[k] = right ? random.nextInt(97) : pick();
        }
        return new TokenBatch(
            random.nextInt(15) == 0 ? pick() : rows,
            random.nextInt(15) == 0 ? pick() : length,
            ids,
            mask,
            positions,
            types,
            decodes ? answers : new int[0]);
      } catch (RuntimeException e) {
        seen.merge(e.getClass().getSimpleName(), 1, Integer::sum);
      }
    }
    return TokenBatch.of(List.of(new int[] {1, 2, 3}), 0);
  }

  private Targets targets(TokenBatch batch) {
    int n = random.nextInt(4);
    int[] at = new int[n];
    int[][] tokens = new int[random.nextInt(10) == 0 ? 2 : n][];
    float[] weights = new float[n];
    boolean right = random.nextBoolean();
    for (int i = 0; i < n; i++) {
      at[i] = right ? random.nextInt(batch.ids().length) : pick();
      weights[i] = FLOATS[random.nextInt(FLOATS.length)];
    }
    for (int i = 0; i < tokens.length; i++) {
      tokens[i] = right ? new int[] {random.nextInt(97), random.nextInt(97)} : ints();
    }
    return new Targets(at, tokens, weights);
  }

  private GenerationOptions generation() {
    // T5 has no last position: a request for two thousand million tokens is one that it obeys
    return random.nextBoolean()
        ? GenerationOptions.greedy(length())
        : GenerationOptions.sampling(1 + random.nextInt(3), FLOATS[random.nextInt(8)], pick())
            .withTopK(pick())
            .withRepetitionPenalty(FLOATS[random.nextInt(8)])
            .withStopIds(pick());
  }

  /** Arrays of right and wrong shapes, types, layouts and contents; some closed, some not ours. */
  private List<NDArray> arrays(LanguageModel model, NDManager scope, TokenBatch batch) {
    int b = batch.rows();
    int s = batch.length();
    int l = model.spec().layers();
    int g = model.spec().attention().keyValueHeads();
    int d = model.spec().attention().headDim();
    List<Shape> shapes =
        List.of(
            new Shape(b, s, 32),
            new Shape(b, s, 32),
            new Shape(l, 2, b, g, 4, d),
            new Shape(l, 2, 1, g, 4, d),
            new Shape(l, 2, b, g, 0, d),
            new Shape(l, 2, b, g, 60, d),
            new Shape(2, 32),
            new Shape(0, 32),
            new Shape(32),
            new Shape(),
            new Shape(0),
            new Shape(b, s, 0),
            new Shape(b, s, 31),
            new Shape(b, s + 1, 32),
            new Shape(1, 1, 1, 1, 1, 1, 1));
    List<NDArray> arrays = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      NDArray array =
          scope.zeros(shapes.get(random.nextInt(shapes.size())), pick(Arrays.asList(TYPES)));
      switch (random.nextInt(8)) {
        case 0 -> array.close();
        case 1 -> array.setName("a.name[]");
        case 2 -> array = array.isEmpty() ? array : array.flip(0);
        case 3 -> {
          if (array.getDataType() == DataType.FLOAT32) {
            array.setRequiresGradient(true);
          }
        }
        case 4 -> {
          if (array.getDataType().isFloating() && !array.isEmpty()) {
            array.addi(FLOATS[random.nextInt(FLOATS.length)]);
          }
        }
        default -> {}
      }
      arrays.add(array);
    }
    arrays.add(null);
    arrays.add(scope.create("a string"));
    arrays.add(
        scope.createCoo(
            FloatBuffer.wrap(new float[] {1}), new long[][] {{0}, {0}}, new Shape(2, 32)));
    arrays.add(scope.zeros(new Shape(32, b)).transpose());
    if (model.precision() == Precision.BFLOAT16) { // the only arrays of a type unknown to DJL
      TokenBatch valid = TokenBatch.of(List.of(new int[] {1, 2}), 0);
      NDArray past =
          decodes
              ? model.forCaching().encode(scope, null, valid).keyValues()
              : model
                  .forCaching()
                  .extend(scope, null, valid, null, null, new int[] {0})
                  .keyValues();
      arrays.add(past);
      arrays.add(past.reshape(new Shape(past.size() / 32, 32)));
      arrays.add(past.reshape(new Shape(1, past.size() / 32, 32)));
    }
    return arrays;
  }

  private int[] ints() {
    int[] values = new int[random.nextInt(5)];
    boolean right = random.nextBoolean();
    for (int i = 0; i < values.length; i++) {
      values[i] = right ? random.nextInt(3) : pick();
    }
    return values;
  }

  /** A number of tokens; an encoder-decoder would take any, and its time. */
  private int length() {
    int picked = pick();
    return decodes ? Math.min(picked, 20) : picked;
  }

  private int pick() {
    return INTS[random.nextInt(INTS.length)];
  }

  private <T> T pick(List<T> list) {
    return list.get(random.nextInt(list.size()));
  }

  // ------------------------------------------------------------------ training

  private void training(String name, Precision precision) throws IOException {
    TrainableModel model =
        TrainableModel.load(TinyModels.folder(name), new LoadOptions(Device.cpu(), precision));
    decodes = model.spec().encoderDecoder();
    Path file = directory.resolve("state.safetensors");
    model.save(file, "note");
    byte[] saved = Files.readAllBytes(file);
    for (int round = 0; round < 30; round++) {
      TokenBatch batch = batch();
      attempt(() -> model.accumulate(batch, targets(batch), FLOATS[random.nextInt(8)]));
      attempt(() -> model.accumulate(batch, targets(batch), 0.1));
      attempt(() -> model.losses(batch, targets(batch)));
      attempt(() -> model.update(adamW(), FLOATS[random.nextInt(8)]));
      attempt(() -> model.weight("no such weight"));
      attempt(
          () -> {
            writeDamaged(file, saved);
            return model.restore(file);
          });
    }
    model.close();
    attempt(() -> model.losses(batch(), targets(batch())));
    attempt(() -> model.update(AdamW.forPretraining(), 0.1));
  }

  private AdamW adamW() {
    return new AdamW(
        FLOATS[random.nextInt(8)], 0.9, 1e-8, FLOATS[random.nextInt(8)], FLOATS[random.nextInt(8)]);
  }

  // ------------------------------------------------------------------ files

  private void files() throws IOException {
    decodes = false;
    for (String name : List.of("gpt2", "llama")) {
      Path folder = TinyModels.copy(name, directory);
      Path weights = folder.resolve("model.safetensors");
      Path config = folder.resolve("config.json");
      byte[] validWeights = Files.readAllBytes(weights);
      byte[] validConfig = Files.readAllBytes(config);
      for (int round = 0; round < 8; round++) {
        writeDamaged(weights, validWeights);
        attempt(() -> loadAndUse(folder));
        attempt(() -> Checkpoint.open(folder).names());
        Files.write(weights, validWeights);
        writeDamaged(config, validConfig);
        attempt(() -> loadAndUse(folder));
        Files.write(config, validConfig);
      }
      for (WeightType type : WeightType.values()) {
        TinyModels.rewrite(weights, t -> Retyped.zeros(t, type));
        attempt(() -> loadAndUse(folder));
      }
    }
  }

  private Object loadAndUse(Path folder) {
    Precision precision = pick(Arrays.asList(Precision.values()));
    try (LanguageModel model =
            LanguageModel.load(folder, new LoadOptions(Device.cpu(), precision));
        NDManager scope = model.newScope()) {
      TokenBatch batch = TokenBatch.of(List.of(new int[] {1, 2, 3}), 0);
      return Tensors.doubles(
          model.gradient(scope, batch, Targets.mean(new int[] {2}, new int[] {1})).vectors());
    }
  }

  /** Bytes or digits changed, cut, lengthened, or nothing of the file at all. */
  private void writeDamaged(Path file, byte[] valid) {
    Consumer<byte[]> digits =
        bytes -> {
          int header = Math.min(bytes.length, 8 + 2000);
          for (int tries = 0, left = 1 + random.nextInt(3); tries < 5000 && left > 0; tries++) {
            int at = random.nextInt(header);
            if (Character.isDigit(bytes[at])) {
              bytes[at] = (byte) ('0' + random.nextInt(10));
              left--;
            }
          }
        };
    byte[] damaged = valid.clone();
    switch (random.nextInt(7)) {
      case 0 -> damaged = Arrays.copyOf(valid, random.nextInt(valid.length));
      case 1 -> damaged = Arrays.copyOf(valid, valid.length + 1 + random.nextInt(64));
      case 2 -> random.nextBytes(damaged);
      case 3 -> damaged = "\u0080\u0002}q".getBytes(StandardCharsets.ISO_8859_1);
      case 4 -> {
        for (int i = 0; i < 8; i++) {
          damaged[random.nextInt(damaged.length)] = (byte) random.nextInt();
        }
      }
      default -> digits.accept(damaged);
    }
    try {
      Files.write(file, damaged);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}

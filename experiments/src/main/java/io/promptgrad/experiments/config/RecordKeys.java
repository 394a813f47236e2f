package io.promptgrad.experiments.config;

import static java.util.stream.Collectors.toSet;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.promptgrad.files.Json;
import io.promptgrad.llm.client.Sampling;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.ParameterizedType;
import java.lang.reflect.RecordComponent;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.Set;

/**
 * A record of settings as keys of a configuration: one for each component, so that no setting can
 * be forgotten. {@code topK} is {@code top_k}; the components of a record within the record follow
 * its name ({@code bandit_rounds}), or stand by themselves; a {@link Sampling} is {@code
 * temperature} (a number, or {@code server}, which leaves it out), {@code top_p}, {@code
 * max_tokens} and {@code seeded}, whether a seed is sent with each draw.
 *
 * <p>Components are whole numbers, numbers, flags, words of an enum, texts, lists of texts, sets of
 * an enum's words, and such records.
 */
final class RecordKeys<R extends Record> {

  private static final String TEMPERATURE = "temperature";
  private static final String TOP_P = "top_p";
  private static final String MAX_TOKENS = "max_tokens";
  private static final String SEEDED = "seeded";

  private final R defaults;
  private final List<String> notKeys;
  private final List<String> byThemselves;
  private final List<Key> keys = new ArrayList<>();

  /**
   * A key.
   *
   * @param element of a set of words
   */
  private record Key(String name, Object otherwise, Class<?> element) {}

  private RecordKeys(R defaults, List<String> notKeys, List<String> byThemselves) {
    this.defaults = defaults;
    this.notKeys = notKeys;
    this.byThemselves = byThemselves;
    collect("", defaults);
  }

  /** All components with these values, where a configuration says nothing else. */
  static <R extends Record> RecordKeys<R> of(R defaults) {
    return new RecordKeys<>(defaults, List.of(), List.of());
  }

  /** The same, with components that are no keys and stay as they are. */
  RecordKeys<R> without(String... components) {
    return new RecordKeys<>(defaults, List.of(components), byThemselves);
  }

  /** The same, with the components of these records by themselves. */
  RecordKeys<R> inline(String... records) {
    return new RecordKeys<>(defaults, notKeys, List.of(records));
  }

  /** The keys in their order. */
  List<String> names() {
    return keys.stream().map(Key::name).toList();
  }

  private void collect(String prefix, Record record) {
    for (RecordComponent component : record.getClass().getRecordComponents()) {
      if (notKeys.contains(component.getName())) {
        continue;
      }
      Object value = get(component, record);
      if (value instanceof Sampling sampling) {
        keys.add(new Key(TEMPERATURE, sampling.temperature().orElse(1), double.class));
        keys.add(new Key(TOP_P, sampling.topP().orElse(1), double.class));
        keys.add(new Key(MAX_TOKENS, sampling.maxTokens().orElseThrow(), int.class));
        keys.add(new Key(SEEDED, true, boolean.class));
      } else if (value instanceof Record inner) {
        collect(prefixOf(prefix, component), inner);
      } else {
        keys.add(new Key(prefix + underscored(component), value, element(component)));
      }
    }
  }

  private String prefixOf(String prefix, RecordComponent record) {
    boolean alone = byThemselves.contains(record.getName());
    return alone ? prefix : prefix + underscored(record) + "_";
  }

  private static String underscored(RecordComponent component) {
    return component.getName().replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
  }

  private static Class<?> element(RecordComponent component) {
    return component.getGenericType() instanceof ParameterizedType type
        ? (Class<?>) type.getActualTypeArguments()[0]
        : component.getType();
  }

  // ------------------------------------------------------------------ reading

  /**
   * Reads the section, every key with its value.
   *
   * @throws io.promptgrad.input.InvalidInputException naming what is unknown or of a wrong type
   */
  ObjectNode read(Section root, String at) {
    Section section = root.section(at, names().toArray(String[]::new));
    ObjectNode options = Json.object();
    keys.forEach(key -> read(section, key, options));
    return options;
  }

  private static void read(Section section, Key key, ObjectNode into) {
    String name = key.name();
    if (name.equals(TEMPERATURE)
        && section.get(name).filter(value -> value.asText().equals("server")).isPresent()) {
      into.put(name, "server");
    } else if (key.otherwise() instanceof Integer number) {
      into.put(name, section.wholeNumber(name, number));
    } else if (key.otherwise() instanceof Double number) {
      into.put(name, section.number(name).orElse(number));
    } else if (key.otherwise() instanceof Boolean flag) {
      into.put(name, section.flag(name, flag));
    } else if (key.otherwise() instanceof Enum<?> value) {
      into.put(name, section.choice(name, word(value), words(key.element())));
    } else if (key.otherwise() instanceof Set<?> values) {
      List<String> otherwise =
          values.stream().map(value -> word((Enum<?>) value)).sorted().toList();
      List<String> known = words(key.element());
      ArrayNode list = into.putArray(name);
      for (String one : section.texts(name).orElse(otherwise)) {
        if (!known.contains(one)) {
          throw section.problem(
              name, "'%s' has '%s'%s".formatted(section.at(name), one, Nearest.hint(one, known)));
        }
        list.add(one);
      }
    } else if (key.otherwise() instanceof List<?> texts) {
      ArrayNode list = into.putArray(name);
      section
          .texts(name)
          .orElseGet(() -> texts.stream().map(text -> (String) text).toList())
          .forEach(list::add);
    } else {
      into.put(name, section.text(name).orElse((String) key.otherwise()));
    }
  }

  private static String word(Enum<?> value) {
    return value.name().toLowerCase(Locale.ROOT);
  }

  private static List<String> words(Class<?> type) {
    return Arrays.stream(type.getEnumConstants()).map(value -> word((Enum<?>) value)).toList();
  }

  // ------------------------------------------------------------------ making

  /**
   * Makes the record of what {@link #read} returned.
   *
   * @throws io.promptgrad.input.InvalidInputException from the record, which checks the ranges
   */
  R make(ObjectNode options) {
    return make(defaults, "", options);
  }

  @SuppressWarnings("unchecked") // of the same class as the record that it stands in for
  private <T extends Record> T make(T otherwise, String prefix, ObjectNode options) {
    RecordComponent[] components = otherwise.getClass().getRecordComponents();
    Class<?>[] types = new Class<?>[components.length];
    Object[] values = new Object[components.length];
    for (int i = 0; i < components.length; i++) {
      RecordComponent component = components[i];
      types[i] = component.getType();
      Object value = get(component, otherwise);
      if (notKeys.contains(component.getName())) {
        values[i] = value;
      } else if (value instanceof Sampling) {
        values[i] = sampling(options);
      } else if (value instanceof Record inner) {
        values[i] = make(inner, prefixOf(prefix, component), options);
      } else {
        JsonNode given = options.path(prefix + underscored(component));
        values[i] = value(given, value, element(component));
      }
    }
    try {
      Constructor<?> canonical = otherwise.getClass().getDeclaredConstructor(types);
      return (T) canonical.newInstance(values);
    } catch (InvocationTargetException e) {
      throw unwrapped(e);
    } catch (ReflectiveOperationException e) {
      throw new IllegalStateException("Every record has its canonical constructor.", e);
    }
  }

  private static Object value(JsonNode given, Object otherwise, Class<?> element) {
    if (otherwise instanceof Integer) {
      return given.asInt();
    } else if (otherwise instanceof Double) {
      return given.asDouble();
    } else if (otherwise instanceof Boolean) {
      return given.asBoolean();
    } else if (otherwise instanceof Enum<?>) {
      return constant(element, given.asText());
    } else if (otherwise instanceof Set<?>) {
      return texts(given).stream().map(text -> constant(element, text)).collect(toSet());
    } else if (otherwise instanceof List<?>) {
      return texts(given);
    }
    return given.asText();
  }

  private static Object constant(Class<?> type, String word) {
    return type.getEnumConstants()[words(type).indexOf(word)];
  }

  private static List<String> texts(JsonNode list) {
    List<String> texts = new ArrayList<>();
    list.forEach(text -> texts.add(text.asText()));
    return texts;
  }

  private static Sampling sampling(ObjectNode options) {
    JsonNode temperature = options.path(TEMPERATURE);
    int maxTokens = options.path(MAX_TOKENS).asInt();
    Sampling sampling =
        Sampling.of(0, maxTokens)
            .withTemperature(
                temperature.isNumber()
                    ? OptionalDouble.of(temperature.asDouble())
                    : OptionalDouble.empty());
    double topP = options.path(TOP_P).asDouble();
    sampling = topP == 1 ? sampling : sampling.withTopP(topP);
    // The run's seed is part of each draw's name, from which the wire's seed is made.
    return options.path(SEEDED).asBoolean() ? sampling.withSeed(0) : sampling;
  }

  private static Object get(RecordComponent component, Record record) {
    try {
      return component.getAccessor().invoke(record);
    } catch (InvocationTargetException e) {
      throw unwrapped(e);
    } catch (IllegalAccessException e) {
      throw new IllegalStateException(record.getClass() + " is out of reach.", e);
    }
  }

  private static RuntimeException unwrapped(InvocationTargetException e) {
    return e.getCause() instanceof RuntimeException cause ? cause : new IllegalStateException(e);
  }
}

package io.promptgrad.experiments.config;

import io.promptgrad.input.InvalidInputException;
import java.time.Duration;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations as people write them: {@code 90s}, {@code 10m}, {@code 1h30m}. */
final class Durations {

  private static final Pattern FORM =
      Pattern.compile("(?:(\\d{1,6})h)?(?:(\\d{1,6})m)?(?:(\\d{1,6})s)?");

  private Durations() {}

  static Duration parse(String text) {
    Matcher form = FORM.matcher(text);
    if (text.isEmpty() || !form.matches()) {
      throw new InvalidInputException(
          "'%s' is not a duration; write 90s, 10m or 1h30m.".formatted(text));
    }
    return Duration.ofHours(part(form, 1)).plusMinutes(part(form, 2)).plusSeconds(part(form, 3));
  }

  private static long part(Matcher form, int group) {
    return form.group(group) == null ? 0 : Long.parseLong(form.group(group));
  }

  static String format(Duration duration) {
    long seconds = duration.toSeconds();
    String text = seconds >= 3600 ? seconds / 3600 + "h" : "";
    text += seconds % 3600 >= 60 ? seconds % 3600 / 60 + "m" : "";
    return text.isEmpty() || seconds % 60 > 0 ? text + seconds % 60 + "s" : text;
  }
}

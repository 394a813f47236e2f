package io.promptgrad.lm.jinja;

import com.fasterxml.jackson.databind.JsonNode;
import io.promptgrad.input.InvalidInputException;
import java.time.LocalDateTime;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** A template that was parsed and can be rendered any number of times, by any thread. */
public final class JinjaTemplate {

  private final String name;
  private final List<Statement> body;

  private JinjaTemplate(String name, List<Statement> body) {
    this.name = name;
    this.body = body;
  }

  /**
   * Parses a template.
   *
   * @param name what errors call it
   * @throws InvalidInputException naming the line of what is wrong or not supported
   */
  public static JinjaTemplate parse(String source, String name) {
    List<Statement> body =
        guarded(
            name, "correct the template", () -> new Parser(new Lexer(source).tokens()).template());
    return new JinjaTemplate(name, body);
  }

  /**
   * Renders the template.
   *
   * @param variables the names that it sees besides the functions of Jinja
   * @param now what {@code strftime_now} tells
   * @throws InvalidInputException naming the line that failed, which is also how {@code
   *     raise_exception} ends; nothing that is undefined passes unnoticed where Python notices it
   */
  public String render(Map<String, JsonNode> variables, LocalDateTime now) {
    Scope scope = new Scope(null);
    Functions.define(scope);
    variables.forEach((variable, value) -> scope.set(variable, Python.of(value)));
    Rendering rendering = new Rendering(now);
    return guarded(
        name,
        "check the template and what it was given",
        () -> rendering.captured(body, new Scope(scope)));
  }

  private static <T> T guarded(String name, String advice, Supplier<T> work) {
    try {
      return work.get();
    } catch (TemplateProblem problem) {
      throw new InvalidInputException(
          "%s, line %d: %s; %s."
              .formatted(name, problem.line(), sentencePart(problem.getMessage()), advice),
          problem);
    } catch (StackOverflowError e) {
      throw new InvalidInputException(
          "%s: the template nests or calls itself too deeply; %s.".formatted(name, advice), e);
    }
  }

  private static String sentencePart(String message) {
    return message.strip().replaceAll("\\s+", " ").replaceFirst("[.!?]+$", "");
  }
}

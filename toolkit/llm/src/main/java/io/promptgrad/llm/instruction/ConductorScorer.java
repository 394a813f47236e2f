package io.promptgrad.llm.instruction;

import io.promptgrad.llm.client.CallFailedException;
import io.promptgrad.llm.client.ChatReply;
import io.promptgrad.llm.client.ChatRequest;
import io.promptgrad.llm.client.Llm;
import io.promptgrad.llm.client.Message;
import io.promptgrad.llm.client.Sampling;
import io.promptgrad.metric.Outcome;
import io.promptgrad.task.Example;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Meta-prompting (Suzgun and Kalai 2024, arXiv:2401.12954): the model is a conductor that keeps the
 * conversation and consults experts. An expert is the same model without the conversation: it sees
 * only what the conductor tells it.
 *
 * <p>The conductor writes {@code Expert <name>:} with an instruction in triple quotes, or {@code >>
 * FINAL ANSWER:} with the answer; an expert's output comes back to it with its name. Who does
 * neither is reminded of the form. In the last round but one it is told to end. The searched
 * instruction stands before the question.
 *
 * <p>Experts are asked and nothing is run: an expert that writes a program gets its text back, not
 * what it prints. The original also has a Python interpreter.
 */
public final class ConductorScorer implements ExampleScorer {

  private static final Pattern EXPERT =
      Pattern.compile("Expert ([^\\s:]+(?: [^\\s:]+){0,4}):\\s*\"\"\"(.*?)\"\"\"", Pattern.DOTALL);
  private static final Pattern FINAL =
      Pattern.compile(">>\\s*FINAL ANSWER:\\s*(.*)", Pattern.DOTALL);

  private static final String SYSTEM =
      """
      You conduct experts who together solve a problem. To consult one, write its name and what it \
      shall do, in this form:
      Expert Mathematician:
      \"""
      Everything the expert has to know; it sees nothing else and remembers nothing.
      \"""
      Consult one expert at a time, and let another one check the result before you trust it. When \
      you are sure, write:
      >> FINAL ANSWER:
      and behind it the answer alone.\
      """;

  private final Llm model;
  private final ChatLayout layout;
  private final Sampling sampling;
  private final int rounds;
  private final Grader grader;

  /**
   * @param layout where the searched instruction stands in the question
   * @param sampling the original: temperature 0.1, top_p 0.95, 1024 tokens
   * @param rounds most turns of the conductor, at least 2; the original: 16
   */
  public ConductorScorer(
      Llm model, ChatLayout layout, Sampling sampling, int rounds, Grader grader) {
    if (rounds < 2) {
      throw new IllegalArgumentException("rounds must be at least 2, but is " + rounds);
    }
    this.model = Objects.requireNonNull(model, "model");
    this.layout = Objects.requireNonNull(layout, "layout");
    this.sampling = Objects.requireNonNull(sampling, "sampling");
    this.rounds = rounds;
    this.grader = Objects.requireNonNull(grader, "grader");
  }

  @Override
  public Outcome score(InstructionPrompt prompt, Example example) {
    return run(prompt, example).outcome();
  }

  @Override
  public Rollout run(InstructionPrompt prompt, Example example) {
    List<Message> conversation = new ArrayList<>();
    conversation.add(Message.system(SYSTEM));
    StringBuilder question = new StringBuilder("ROUND 1\n\n");
    layout.messages(prompt, example).forEach(m -> question.append(m.text()).append('\n'));
    conversation.add(Message.user(question.toString().strip()));
    try {
      for (int round = 1; ; round++) {
        ChatReply reply = model.chat(new ChatRequest(conversation, sampling, ""));
        if (reply.finish() == ChatReply.Finish.CONTENT_FILTER) {
          return failed(example, "the server's filter took an answer");
        }
        Matcher answer = FINAL.matcher(reply.text());
        if (answer.find()) {
          String text = unquoted(answer.group(1));
          return Rollout.of(grader.grade(example, text), text);
        }
        if (round == rounds) {
          return failed(example, "no final answer in %d rounds".formatted(rounds));
        }
        conversation.add(Message.assistant(reply.text()));
        conversation.add(Message.user(next(reply.text(), round + 1)));
      }
    } catch (CallFailedException e) {
      return failed(example, e.getMessage());
    }
  }

  /** What the conductor is told next: the expert's output, or the form that it has to keep to. */
  private String next(String said, int round) {
    StringBuilder text = new StringBuilder("ROUND ").append(round).append("\n\n");
    Matcher expert = EXPERT.matcher(said);
    if (expert.find()) {
      String name = expert.group(1).strip();
      String output =
          model
              .chat(
                  ChatRequest.of(
                      "You are Expert %s.\n\n%s".formatted(name, expert.group(2).strip()),
                      sampling,
                      ""))
              .text();
      text.append("Expert %s's output:\n\"\"\"\n%s\n\"\"\"\n\n".formatted(name, output.strip()));
      text.append("Is this right and complete? Let another expert check it, or give the answer.");
    } else {
      text.append(
          "Consult an expert as \"Expert NAME:\" with the instruction in triple quotes, or write \">> FINAL ANSWER:\".");
    }
    if (round == rounds) {
      text.append("\n\nThis is the last round: write \">> FINAL ANSWER:\" now.");
    }
    return text.toString();
  }

  private static String unquoted(String text) {
    return text.strip()
        .replaceFirst("^\"\"\"\\s*", "")
        .replaceFirst("(?s)\\s*\"\"\".*$", "")
        .strip();
  }

  private static Rollout failed(Example example, String why) {
    return Rollout.of(Outcome.failed(example.id(), example.label(), 0, why), "");
  }
}

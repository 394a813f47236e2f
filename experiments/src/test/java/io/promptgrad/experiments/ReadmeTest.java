package io.promptgrad.experiments;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Every command and every code block of the README does what it says. */
class ReadmeTest {

  private static final Path ROOT = Path.of("").toAbsolutePath().getParent();
  private static final String PROGRAM = "experiments/promptgrad ";

  /** What the README's Java block leaves to the reader: imports and examples. */
  private static final String AROUND =
      """
      import io.promptgrad.gradient.cloze.*;
      import io.promptgrad.gradient.discrete.*;
      import io.promptgrad.lm.*;
      import io.promptgrad.models.*;
      import io.promptgrad.search.*;
      import io.promptgrad.task.*;
      import io.promptgrad.template.*;
      import java.util.*;
      public class Snippet {
        public static void run() {
          List<Example> train = examples("train");
          List<Example> dev = examples("dev");
          List<Example> test = examples("test");
      %s
        }
        private static List<Example> examples(String split) {
          List<Example> all = new ArrayList<>();
          for (int i = 0; i < 8; i++) {
            String text = (i %% 2 == 0 ? "a lovely film " : "a boring film ") + split + i;
            all.add(
                new Example(
                    split + ":" + i,
                    Map.of("sentence", text),
                    i %% 2 == 0 ? "positive" : "negative"));
          }
          return all;
        }
      }
      """;

  @TempDir Path folder;

  private static List<String> blocks(String language) throws IOException {
    Matcher fence =
        Pattern.compile("```" + language + "\n(.*?)```", Pattern.DOTALL)
            .matcher(Files.readString(ROOT.resolve("README.md")));
    List<String> blocks = new ArrayList<>();
    while (fence.find()) {
      blocks.add(fence.group(1));
    }
    return blocks;
  }

  /** With a smaller budget where one is searched; Maven's own command is what runs this test. */
  @Test
  void commands_ofTheReadme_succeed() throws IOException {
    List<String> commands = blocks("sh").stream().flatMap(String::lines).toList();
    assertThat(commands).contains("mvn -B verify", PROGRAM + "quickstart");
    int run = 0;
    for (String command : commands) {
      if (!command.startsWith(PROGRAM)) {
        assertThat(command).isEqualTo("mvn -B verify");
        continue;
      }
      List<Object> arguments = new ArrayList<>();
      for (String word : command.substring(PROGRAM.length()).split(" ")) {
        arguments.add(word.startsWith("experiments/") ? ROOT.resolve(word) : word);
      }
      if (command.contains("quickstart") || command.contains(" run ")) {
        arguments.addAll(List.of("--set", "budget.steps=1", "--out", folder.resolve("run" + run)));
      }
      CommandLineRun result = CommandLineRun.of(arguments.toArray());
      assertThat(result.code()).as("%s: %s", command, result.err()).isZero();
      run++;
    }
    assertThat(run).isGreaterThanOrEqualTo(4);
    assertThat(folder.resolve("run0/report.html")).exists();
  }

  @Test
  void javaBlock_ofTheReadme_compilesAndRuns() throws Exception {
    List<String> blocks = blocks("java");
    assertThat(blocks).hasSize(1);
    String source = AROUND.formatted(blocks.get(0));
    JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    StringWriter messages = new StringWriter();
    boolean compiled =
        compiler
            .getTask(
                messages,
                null,
                null,
                List.of("-d", folder.toString(), "-cp", System.getProperty("java.class.path")),
                null,
                List.of(
                    new SimpleJavaFileObject(
                        URI.create("string:///Snippet.java"), JavaFileObject.Kind.SOURCE) {
                      @Override
                      public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                        return source;
                      }
                    }))
            .call();
    assertThat(compiled).as(messages.toString()).isTrue();
    try (URLClassLoader loader =
        new URLClassLoader(
            new URL[] {folder.toUri().toURL()}, Thread.currentThread().getContextClassLoader())) {
      loader.loadClass("Snippet").getMethod("run").invoke(null);
    }
  }
}

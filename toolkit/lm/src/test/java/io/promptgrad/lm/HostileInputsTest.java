package io.promptgrad.lm;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Nothing that a caller can pass ends the process; a dead process cannot report that itself. */
class HostileInputsTest {

  @TempDir Path directory;

  @Test
  void anyInput_inAProcessOfItsOwn_endsInAnswersAndExceptionsOnly()
      throws IOException, InterruptedException {
    Path output = directory.resolve("output.txt");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx512m",
                "-XX:+ExitOnOutOfMemoryError",
                "-Dai.djl.pytorch.num_threads=1",
                "-Dai.djl.pytorch.num_interop_threads=1",
                "-Djava.io.tmpdir=" + directory,
                "-cp",
                classPath(),
                HostileInputs.class.getName(),
                directory.toString())
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    boolean ended = process.waitFor(4, TimeUnit.MINUTES);
    process.destroyForcibly();
    String text = Files.readString(output);
    String tail = text.substring(Math.max(0, text.length() - 4000));
    assertThat(ended).as("still running after 4 minutes:%n%s", tail).isTrue();
    assertThat(process.exitValue()).as(tail).isZero();
    Matcher counts = Pattern.compile("calls (\\d+), answered (\\d+), exceptions").matcher(text);
    assertThat(counts.find()).as(tail).isTrue();
    assertThat(Integer.parseInt(counts.group(1))).isGreaterThan(6_000);
    assertThat(Integer.parseInt(counts.group(2))).isGreaterThan(700);
  }

  private static String classPath() {
    String tested = System.getProperty("surefire.test.class.path"); // not its launcher's jar
    return tested == null
        ? System.getProperty("java.class.path")
        : tested.replace(File.pathSeparator + File.pathSeparator, File.pathSeparator);
  }
}

package io.promptgrad.fuzz;

import io.promptgrad.input.InvalidInputException;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.File;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.lang.reflect.Constructor;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * A JVM with a small heap that reads one document after another. What would end a JVM ends that
 * one, and is a failure here; the next document gets a new one.
 */
public final class ReadingProcess implements AutoCloseable {

  /** What the process does with each document; has a constructor without parameters. */
  public interface Reader {
    /** Reads it; bad documents are refused with InvalidInputException. */
    void read(byte[] document) throws Exception;
  }

  private static final int MOST_SECONDS = 20;

  private final Class<? extends Reader> reader;
  private final List<String> options;
  private final Path folder;
  private Process process;
  private DataOutputStream to;
  private DataInputStream from;

  /**
   * @param options for the JVM, such as -Xmx64m
   * @param folder for what the process prints and writes
   */
  public ReadingProcess(Class<? extends Reader> reader, List<String> options, Path folder) {
    this.reader = reader;
    this.options = List.copyOf(options);
    this.folder = folder;
  }

  /**
   * Has a document read.
   *
   * @return why it was refused; empty if it was read
   * @throws AssertionError if the process throws something else, dies or does not answer in time
   */
  public Optional<String> read(byte[] document) {
    try {
      if (process == null) {
        start();
      }
      to.writeInt(document.length);
      to.write(document);
      to.flush();
      String answer =
          CompletableFuture.supplyAsync(this::answer).get(MOST_SECONDS, TimeUnit.SECONDS);
      if (answer.startsWith("failed")) {
        throw new AssertionError(answer);
      }
      return answer.startsWith("refused ") ? Optional.of(answer.substring(8)) : Optional.empty();
    } catch (IOException | ExecutionException e) {
      throw died("The process died", e);
    } catch (TimeoutException e) {
      throw died("The process did not answer in " + MOST_SECONDS + " s", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw died("Interrupted", e);
    }
  }

  private String answer() {
    try {
      byte[] answer = new byte[from.readInt()];
      from.readFully(answer);
      return new String(answer, StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The most memory that the process ever had, in bytes; empty where the system does not tell. */
  public OptionalLong peakMemory() {
    if (process == null) {
      return OptionalLong.empty();
    }
    try {
      for (String line : Files.readAllLines(Path.of("/proc/" + process.pid() + "/status"))) {
        if (line.startsWith("VmHWM:")) {
          return OptionalLong.of(1024 * Long.parseLong(line.replaceAll("\\D", "")));
        }
      }
      return OptionalLong.empty();
    } catch (IOException e) {
      return OptionalLong.empty(); // not Linux
    }
  }

  private void start() throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(options);
    command.addAll(List.of("-XX:+ExitOnOutOfMemoryError", "-Djava.io.tmpdir=" + folder));
    command.addAll(List.of("-cp", classPath(), ReadingProcess.class.getName(), reader.getName()));
    process =
        new ProcessBuilder(command)
            .directory(folder.toFile())
            .redirectError(folder.resolve("errors.txt").toFile())
            .start();
    to = new DataOutputStream(process.getOutputStream());
    from = new DataInputStream(process.getInputStream());
  }

  private AssertionError died(String what, Exception cause) {
    close();
    String printed = "";
    try {
      printed = Files.readString(folder.resolve("errors.txt"));
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
    String tail = printed.substring(Math.max(0, printed.length() - 3000));
    return new AssertionError("%s: %s%n%s".formatted(what, cause, tail), cause);
  }

  @Override
  public void close() {
    if (process != null) {
      process.destroyForcibly().onExit().join();
      process = null;
    }
  }

  private static String classPath() {
    String tested = System.getProperty("surefire.test.class.path"); // not its launcher's jar
    return tested == null
        ? System.getProperty("java.class.path")
        : tested.replace(File.pathSeparator + File.pathSeparator, File.pathSeparator);
  }

  /** The process: reads documents until there are no more. */
  public static void main(String[] arguments) throws Exception {
    DataInputStream in = new DataInputStream(System.in);
    DataOutputStream out = new DataOutputStream(new FileOutputStream(FileDescriptor.out));
    System.setOut(System.err); // what readers print is no answer
    Constructor<? extends Reader> made =
        Class.forName(arguments[0]).asSubclass(Reader.class).getDeclaredConstructor();
    made.setAccessible(true); // readers are seldom public
    Reader reader = made.newInstance();
    while (true) {
      byte[] document;
      try {
        document = new byte[in.readInt()];
      } catch (EOFException e) {
        return;
      }
      in.readFully(document);
      String answer;
      try {
        reader.read(document);
        answer = "read";
      } catch (InvalidInputException e) {
        answer = "refused " + e.getMessage();
      } catch (Exception | StackOverflowError e) {
        StringWriter trace = new StringWriter();
        e.printStackTrace(new PrintWriter(trace));
        answer = "failed: " + trace;
      }
      byte[] bytes = answer.getBytes(StandardCharsets.UTF_8);
      out.writeInt(bytes.length);
      out.write(bytes);
      out.flush();
    }
  }
}

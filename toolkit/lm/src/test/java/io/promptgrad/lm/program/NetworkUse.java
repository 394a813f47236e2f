package io.promptgrad.lm.program;

import ai.djl.Device;
import io.promptgrad.lm.LanguageModel;
import io.promptgrad.lm.LoadOptions;
import io.promptgrad.lm.tokenizer.Tokenizer;
import java.io.IOException;
import java.net.Proxy;
import java.net.URL;
import java.net.URLConnection;
import java.net.URLStreamHandler;
import java.nio.file.Path;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;

/** Loads a model or a tokenizer and prints every address that the process wanted to talk to. */
final class NetworkUse {

  private NetworkUse() {}

  /**
   * @param arguments {@code model} or {@code tokenizer}, and its folder
   */
  public static void main(String[] arguments) {
    Queue<URL> wanted = new ConcurrentLinkedQueue<>();
    URL.setURLStreamHandlerFactory(
        protocol -> protocol.startsWith("http") ? new Refusing(wanted) : null);
    Path folder = Path.of(arguments[1]);
    if (arguments[0].equals("model")) {
      LanguageModel.load(folder, LoadOptions.on(Device.cpu())).close();
    } else {
      Tokenizer tokenizer = Tokenizer.open(folder);
      tokenizer.encode("a");
      tokenizer.close();
    }
    System.out.printf(
        "wanted %s, RUST_FLAVOR %s%n", List.copyOf(wanted), System.getProperty("RUST_FLAVOR"));
  }

  /** Notes the address and fails, so that nobody is called even where there is a network. */
  private static final class Refusing extends URLStreamHandler {

    private final Queue<URL> wanted;

    Refusing(Queue<URL> wanted) {
      this.wanted = wanted;
    }

    @Override
    protected URLConnection openConnection(URL url) throws IOException {
      wanted.add(url);
      throw new IOException("not in this test");
    }

    @Override
    protected URLConnection openConnection(URL url, Proxy proxy) throws IOException {
      return openConnection(url);
    }
  }
}

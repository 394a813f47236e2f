package io.promptgrad.lm.tokenizer;

import ai.djl.engine.EngineException;
import ai.djl.huggingface.tokenizers.HuggingFaceTokenizer;
import ai.djl.huggingface.tokenizers.jni.LibUtils;
import io.promptgrad.input.InvalidInputException;
import io.promptgrad.lm.program.LibTorch;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Function;
import java.util.function.Supplier;

/**
 * One tokenizer in native memory, loaded on first use, never used after it is closed.
 *
 * <p>The one place that touches the native library of tokenizers.
 */
final class NativeTokenizer implements AutoCloseable {

  static {
    LibTorch.stayOffTheNetwork();
  }

  private final Supplier<String> json;
  private final Path file;
  private final ReadWriteLock lock = new ReentrantReadWriteLock();
  private HuggingFaceTokenizer tokenizer; // guarded by lock
  private boolean closed; // guarded by lock

  private NativeTokenizer(Supplier<String> json, Path file) {
    this.json = json;
    this.file = file;
  }

  static NativeTokenizer of(Supplier<String> json, Path file) {
    return new NativeTokenizer(json, file);
  }

  /** Loads it now if it is not loaded. */
  void load() {
    lock.writeLock().lock();
    try {
      if (closed) {
        throw new IllegalStateException("The tokenizer of " + file + " is closed.");
      }
      if (tokenizer == null) {
        tokenizer = create();
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  /** Calls it; several calls run at a time. */
  <T> T call(Function<HuggingFaceTokenizer, T> use) {
    while (true) {
      lock.readLock().lock();
      try {
        if (tokenizer != null) {
          return apply(use);
        }
      } finally {
        lock.readLock().unlock();
      }
      load();
    }
  }

  @Override
  public void close() {
    lock.writeLock().lock();
    try {
      closed = true;
      if (tokenizer != null) {
        tokenizer.close();
        tokenizer = null;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  private <T> T apply(Function<HuggingFaceTokenizer, T> use) {
    try {
      return use.apply(tokenizer);
    } catch (RuntimeException e) {
      if (e.getClass() != RuntimeException.class) {
        throw e;
      }
      throw unfit(e); // this class is what errors of the native library come as
    }
  }

  private HuggingFaceTokenizer create() {
    try {
      LibUtils.checkStatus();
    } catch (EngineException | LinkageError e) {
      throw new IllegalStateException(
          "The native tokenizer library cannot be loaded (%s); check that this platform has one and"
                  .formatted(e.getMessage())
              + " that DJL_CACHE_DIR, by default .djl.ai in the home directory, is writable.",
          e);
    }
    byte[] bytes = json.get().getBytes(StandardCharsets.UTF_8);
    try {
      return HuggingFaceTokenizer.newInstance(
          new ByteArrayInputStream(bytes),
          Map.of("truncation", "false", "padding", "false", "addSpecialTokens", "false"));
    } catch (IOException e) {
      throw new IllegalStateException("Reading from memory failed.", e);
    } catch (RuntimeException e) {
      throw unfit(e);
    }
  }

  private InvalidInputException unfit(RuntimeException e) {
    return new InvalidInputException(
        "%s does not work as a tokenizer (%s); check that it is complete, or save it again."
            .formatted(file, String.valueOf(e.getMessage()).strip().replaceAll("\\s+", " ")),
        e);
  }
}

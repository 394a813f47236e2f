package io.promptgrad.experiments.command;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import org.slf4j.LoggerFactory;

/** The one place that knows which logger is behind SLF4J. */
final class Logging {

  private Logging() {}

  /** Lets details through, those of the engine included. */
  static void debug() {
    level(org.slf4j.Logger.ROOT_LOGGER_NAME, Level.DEBUG);
    level("ai.djl.util.cuda", Level.DEBUG);
  }

  private static void level(String logger, Level level) {
    ((Logger) LoggerFactory.getLogger(logger)).setLevel(level);
  }
}

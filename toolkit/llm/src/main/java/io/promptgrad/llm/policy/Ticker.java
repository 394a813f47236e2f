package io.promptgrad.llm.policy;

import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Time, so that tests need not wait for it. */
interface Ticker {

  /** The real one. */
  Ticker SYSTEM =
      new Ticker() {
        @Override
        public long nanoTime() {
          return System.nanoTime();
        }

        @Override
        public void sleep(Duration wait) throws InterruptedException {
          TimeUnit.NANOSECONDS.sleep(wait.toNanos());
        }
      };

  long nanoTime();

  void sleep(Duration wait) throws InterruptedException;
}

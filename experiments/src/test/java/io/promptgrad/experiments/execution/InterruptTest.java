package io.promptgrad.experiments.execution;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import sun.misc.Signal;
import sun.misc.SignalHandler;

class InterruptTest {

  /** Every command swallowed the signals, those too that had nothing to save and never looked. */
  @Test
  void during_signals_meanToStopOnlyWhileTheWorkRuns() throws Exception {
    Interrupt interrupt = new Interrupt();
    StringWriter err = new StringWriter();
    Signal signal = new Signal("TERM"); // INT may be ignored from the start: a background process
    CountDownLatch outside = new CountDownLatch(1);
    SignalHandler before = Signal.handle(signal, received -> outside.countDown());
    try {
      boolean during =
          interrupt.during(
              new PrintWriter(err),
              () -> {
                Signal.raise(signal);
                long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
                while (!interrupt.requested() && System.nanoTime() < end) {
                  Thread.onSpinWait();
                }
                return interrupt.requested();
              });
      assertThat(during).isTrue();
      assertThat(outside.getCount()).isEqualTo(1);
      Signal.raise(signal); // taken over still, this would halt the process
      assertThat(outside.await(30, TimeUnit.SECONDS)).isTrue();
      assertThat(err.toString()).contains("Stopping after the step under way");
    } finally {
      Signal.handle(signal, before);
    }
  }
}

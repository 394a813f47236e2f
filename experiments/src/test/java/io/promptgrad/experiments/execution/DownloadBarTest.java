package io.promptgrad.experiments.execution;

import static org.assertj.core.api.Assertions.assertThat;

import io.promptgrad.download.DownloadEvent;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class DownloadBarTest {

  private final StringWriter err = new StringWriter();

  private DownloadBar bar(boolean terminal) {
    PrintWriter out = new PrintWriter(new StringWriter());
    return new DownloadBar(new Console(out, new PrintWriter(err), terminal, new Interrupt()));
  }

  @Test
  void accept_onATerminal_writesOneLineOver() {
    DownloadBar bar = bar(true);
    bar.accept("model.safetensors", new DownloadEvent.Started(25_000_000, 100_000_000));
    bar.accept("model.safetensors", new DownloadEvent.Progressed(30_000_000, 100_000_000));
    bar.accept("model.safetensors", new DownloadEvent.Finished(100_000_000));
    String[] states = err.toString().split("\r");
    assertThat(states[1])
        .startsWith("model.safetensors ")
        .contains("#####...............  25%  25.0 of 100.0 MB  0.0 MB/s");
    // 30 % came within the interval in which nothing is drawn
    assertThat(states[2]).contains("#################### 100%  100.0 of 100.0 MB");
    assertThat(states).hasSize(3);
    assertThat(err.toString()).endsWith(System.lineSeparator());
  }

  @Test
  void accept_unknownSize_showsWhatHasCome() {
    bar(true).accept("data.zip", new DownloadEvent.Started(0, -1));
    assertThat(err.toString()).contains("data.zip", "0.0 MB").doesNotContain("%");
  }

  @Test
  void accept_elsewhere_saysOnlyWhatItWaitsFor() {
    DownloadBar bar = bar(false);
    bar.accept("x", new DownloadEvent.Started(0, 10));
    bar.accept("x", new DownloadEvent.Waiting("too many requests", Duration.ofSeconds(3)));
    bar.accept("x", new DownloadEvent.Finished(10));
    bar.end();
    assertThat(err.toString().lines()).containsExactly("x: too many requests; trying again.");
  }
}

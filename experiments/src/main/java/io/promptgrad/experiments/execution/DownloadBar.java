package io.promptgrad.experiments.execution;

import io.promptgrad.download.DownloadEvent;
import java.util.Locale;
import java.util.function.BiConsumer;

/**
 * Shows how downloads go: on a terminal one line for each file, written over; elsewhere only what
 * makes them wait.
 */
public final class DownloadBar implements BiConsumer<String, DownloadEvent> {

  private static final long REDRAW_NANOS = 100_000_000L;
  private static final int CELLS = 20;

  private final Console console;
  private long begin;
  private long first; // bytes that were there already
  private long lastShown;
  private boolean open; // whether a line is unfinished

  /** Makes a bar for any number of files, one after the other. */
  public DownloadBar(Console console) {
    this.console = console;
  }

  @Override
  public void accept(String file, DownloadEvent event) {
    if (event instanceof DownloadEvent.Started started) {
      begin = System.nanoTime();
      first = started.bytes();
      lastShown = 0;
      show(file, started.bytes(), started.total());
    } else if (event instanceof DownloadEvent.Progressed progressed) {
      if (System.nanoTime() - lastShown >= REDRAW_NANOS) {
        show(file, progressed.bytes(), progressed.total());
      }
    } else if (event instanceof DownloadEvent.Finished finished) {
      show(file, finished.bytes(), finished.bytes());
      end();
    } else if (event instanceof DownloadEvent.Waiting waiting) {
      end();
      console.say("%s: %s; trying again.".formatted(file, waiting.reason()));
    }
  }

  /** Ends the line that is being written over. */
  public void end() {
    if (open) {
      console.say("");
      open = false;
    }
  }

  private void show(String file, long bytes, long total) {
    lastShown = System.nanoTime();
    if (!console.terminal()) {
      return;
    }
    open = true;
    console.err().print("\r" + line(file, bytes, total) + "\u001b[K");
    console.err().flush();
  }

  private String line(String file, long bytes, long total) {
    double seconds = Math.max((System.nanoTime() - begin) / 1e9, 1e-3);
    double speed = Math.max(0, bytes - first) / seconds;
    String name = file.length() > 32 ? file.substring(0, 31) + "…" : file;
    String rate = String.format(Locale.ROOT, "%.1f MB/s", speed / 1e6);
    if (total <= 0) {
      return String.format(Locale.ROOT, "%-32s  %.1f MB  %s", name, bytes / 1e6, rate);
    }
    int full = (int) (CELLS * bytes / total);
    long left = speed <= 0 ? 0 : (long) ((total - bytes) / speed);
    return String.format(
        Locale.ROOT,
        "%-32s  %s%s %3d%%  %.1f of %.1f MB  %s%s",
        name,
        "#".repeat(full),
        ".".repeat(CELLS - full),
        100 * bytes / total,
        bytes / 1e6,
        total / 1e6,
        rate,
        left > 0 ? String.format(Locale.ROOT, "  %d:%02d left", left / 60, left % 60) : "");
  }
}

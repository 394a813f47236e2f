package io.promptgrad.download;

import java.time.Duration;

/** What a download tells its listener. Calls come from several threads, one at a time. */
public sealed interface DownloadEvent {

  /**
   * Bytes begin to come.
   *
   * @param bytes how many are there already, from an earlier attempt
   * @param total how many there will be; -1 if the server does not say
   */
  record Started(long bytes, long total) implements DownloadEvent {}

  /**
   * More bytes have come; told for each buffer, so listen with one eye.
   *
   * @param bytes how many are there now; fewer than before if the download had to start over
   * @param total how many there will be; -1 if the server does not say
   */
  record Progressed(long bytes, long total) implements DownloadEvent {}

  /**
   * Nothing happens for a while.
   *
   * @param reason what is waited for, in words without a full stop
   * @param time how long until the next attempt
   */
  record Waiting(String reason, Duration time) implements DownloadEvent {}

  /**
   * The file is complete, checked and in its place.
   *
   * @param bytes its size
   */
  record Finished(long bytes) implements DownloadEvent {}
}

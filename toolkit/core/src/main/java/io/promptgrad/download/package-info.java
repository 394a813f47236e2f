/**
 * Getting one file from the web, whole and checked, or going on with it later.
 *
 * <ul>
 *   <li>{@link io.promptgrad.download.Download}: what to get, where to put it, how to check it.
 *   <li>{@link io.promptgrad.download.DownloadEvent}: what happens meanwhile, for a progress bar.
 *   <li>{@link io.promptgrad.download.Patience}: how often to try again and how long to wait.
 *   <li>{@link io.promptgrad.download.Checksum}: SHA-256, or the SHA-1 that Git names contents by.
 * </ul>
 *
 * <p>Bytes go to a hidden file beside the target and get their name only when they are complete and
 * the checksum is right. What has come is noted beside them, so a download that was killed goes on
 * where it was, with range requests that the server must confirm to be about the same content.
 * Nothing here knows a site: the Hugging Face hub and the data catalogue are built on it.
 */
package io.promptgrad.download;

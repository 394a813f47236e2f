/**
 * Answers that need not be asked for again.
 *
 * <p>{@link io.promptgrad.llm.cache.ReplyCache} has two implementations: {@link
 * io.promptgrad.llm.cache.SqliteCache}, a file that several processes share and that survives a
 * kill, and {@link io.promptgrad.llm.cache.MemoryCache}. Keys are hashes of everything that an
 * answer depends on; questions themselves are not kept.
 */
package io.promptgrad.llm.cache;

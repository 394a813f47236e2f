/**
 * Models of the Hugging Face hub, in the cache that Python's {@code huggingface_hub} keeps.
 *
 * <ul>
 *   <li>{@link io.promptgrad.lm.hub.Hub}: finds a model in the cache, or downloads what is needed.
 *   <li>{@link io.promptgrad.lm.hub.HubReference}: which model, {@code org/name@revision}.
 *   <li>{@link io.promptgrad.lm.hub.HubSettings}: where cache and server are, read from {@code
 *       HF_HOME}, {@code HF_HUB_CACHE}, {@code HF_HUB_OFFLINE}, {@code HF_TOKEN} and {@code
 *       HF_ENDPOINT}.
 * </ul>
 *
 * <p>The cache holds one folder for each repository:
 *
 * <pre>
 * models--org--name/
 *   refs/main                         the commit that the branch "main" was at
 *   blobs/&lt;checksum&gt;                  contents: SHA-256 of large files, Git's SHA-1 of others
 *   snapshots/&lt;commit&gt;/config.json    a relative link to a blob; the content itself where no
 *                                    links can be made
 *   .no_exist/&lt;commit&gt;/&lt;file&gt;         an empty file: the commit does not have that file
 * .locks/models--org--name/           one lock for each content that is downloaded
 * </pre>
 *
 * <p>So what Python has downloaded is used here, and the other way round. A model that is in the
 * cache is used without asking the network. Only what a model needs is downloaded, never a pickle.
 */
package io.promptgrad.lm.hub;

/**
 * The program that pretrains the bundled models.
 *
 * <p>Data: {@link io.promptgrad.models.pretrain.CorpusConfig} says which text is used, {@link
 * io.promptgrad.models.pretrain.CorpusPreparation} cleans it, takes evaluation sentences out
 * ({@code Decontaminator}), learns a vocabulary ({@link io.promptgrad.models.pretrain.BpeTrainer})
 * and writes token ids ({@link io.promptgrad.models.pretrain.EncodedCorpus}). Training ({@link
 * io.promptgrad.models.pretrain.Pretraining}) draws windows from these and hides tokens ({@code
 * Batches}), by seed and step only, so that a run resumes without any state of theirs.
 */
package io.promptgrad.models.pretrain;

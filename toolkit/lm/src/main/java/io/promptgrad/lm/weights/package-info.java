/**
 * Checkpoints on disk: reading and writing safetensors files.
 *
 * <p>{@link io.promptgrad.lm.weights.Checkpoint} is the way in: it finds the files of a model
 * directory, single or sharded, and hands out one {@link io.promptgrad.lm.weights.TensorView} per
 * tensor, a window on the memory-mapped file. {@link io.promptgrad.lm.weights.SafetensorsFile}
 * reads one file, {@link io.promptgrad.lm.weights.SafetensorsWriter} writes one. Nothing here knows
 * a model or an engine, and nothing here ever reads a pickle.
 *
 * <p>A safetensors file is an unsigned 64-bit little-endian header length, that many bytes of JSON
 * ({@code {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}, ...}}), and the
 * tensors' bytes, row-major and little-endian, without gaps. Every malformed file ends in an {@link
 * io.promptgrad.input.InvalidInputException} that says what to do.
 */
package io.promptgrad.lm.weights;

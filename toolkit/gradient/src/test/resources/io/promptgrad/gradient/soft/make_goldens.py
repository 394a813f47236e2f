"""Writes the PEFT folders beside it, with Python's json and struct only: what huggingface/peft 0.20 and safetensors
write for these prompts, byte by byte. Run with Python 3.8 or later: python make_goldens.py"""
import json
import os
import struct

HERE = os.path.dirname(os.path.abspath(__file__))


def write(name, own, rows, columns, **common):
    config = dict(
        auto_mapping=None,
        base_model_name_or_path="someone/tiny-bert",
        inference_mode=True,
        modules_to_save=None,
        num_attention_heads=2,
        num_layers=2,
        num_transformer_submodules=1,
        num_virtual_tokens=3,
        peft_version="0.20.0",
        revision=None,
        task_type="FEATURE_EXTRACTION",
        token_dim=16,
    )
    config.update(common)
    config.update(own)
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "adapter_config.json"), "w") as f:
        f.write(json.dumps(config, indent=2, sort_keys=True))
    dtype, code, size = ("F16", "e", 2) if name.endswith("half") else ("F32", "f", 4)
    values = [((i * 37) % 101 - 50) / 64 for i in range(rows * columns)]
    data = struct.pack("<%d%s" % (len(values), code), *values)
    header = '{"__metadata__":{"format":"pt"},"prompt_embeddings":{"dtype":"%s","shape":[%d,%d],"data_offsets":[0,%d]}}' % (
        dtype, rows, columns, len(data))
    header += " " * (-len(header) % 8)
    with open(os.path.join(folder, "adapter_model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(header)) + header.encode() + data)


prompt = dict(peft_type="PROMPT_TUNING", prompt_tuning_init="RANDOM", prompt_tuning_init_text=None,
              tokenizer_name_or_path=None, tokenizer_kwargs=None)
write("prompt_tuning", prompt, 3, 16)
write("prompt_tuning_half", dict(prompt, prompt_tuning_init="TEXT", prompt_tuning_init_text="is it gut oder schön?",
                                 tokenizer_name_or_path="someone/tiny-bert"), 3, 16)
write("p_tuning", dict(peft_type="P_TUNING", encoder_reparameterization_type="LSTM", encoder_hidden_size=8,
                       encoder_num_layers=2, encoder_dropout=0.0), 3, 16)
prefix = dict(peft_type="PREFIX_TUNING", encoder_hidden_size=16, prefix_projection=False, init_weights=None)
write("prefix_tuning", prefix, 3, 64)
write("prompt_tuning_seq2seq", prompt, 6, 16, num_transformer_submodules=2, task_type="SEQ_2_SEQ_LM")
write("p_tuning_cls", dict(peft_type="P_TUNING", encoder_reparameterization_type="MLP", encoder_hidden_size=16,
                           encoder_num_layers=2, encoder_dropout=0.0), 3, 16, task_type="SEQ_CLS",
      modules_to_save=["classifier", "score", "classifier", "score"])

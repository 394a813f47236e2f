"""Writes the adapters beside it with huggingface/peft itself, and logits.json: what the bundled models say under them.

Run in the folder that holds mini-roberta and mini-llama (models/src/main/resources/io/promptgrad/models), so that the
adapters name their model by its bare name. Needs the packages torch, transformers and peft; logits.json names the
versions that made it.
"""
import json
import os

import peft
import torch
import transformers

HERE = os.path.dirname(os.path.abspath(__file__))
IDS = {"mini-roberta": [0, 69, 1057, 305, 271, 8191, 18, 2], "mini-llama": [0, 552, 2786, 337, 2274, 15, 403]}
TOKENS = [3, 271, 628, 1118, 4096, 8000]  # whose logits are kept


def configs(task):
    common = dict(task_type=task, num_virtual_tokens=2)
    return {
        "prompt-tuning": peft.PromptTuningConfig(**common),
        "p-tuning": peft.PromptEncoderConfig(encoder_hidden_size=16, **common),
        "prefix-tuning": peft.PrefixTuningConfig(**common),
    }


golden = {"torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__,
          "tokens": TOKENS, "adapters": []}
for base, ids in IDS.items():
    masked = base == "mini-roberta"
    kind = transformers.AutoModelForMaskedLM if masked else transformers.AutoModelForCausalLM
    for name, config in configs("FEATURE_EXTRACTION" if masked else "CAUSAL_LM").items():
        torch.manual_seed(7)
        model = peft.get_peft_model(kind.from_pretrained(base, dtype=torch.float32), config).eval()
        folder = os.path.join(HERE, base + "-" + name)
        model.save_pretrained(folder)
        os.remove(os.path.join(folder, "README.md"))  # an empty model card
        x = torch.tensor([ids])
        with torch.no_grad():
            logits = model(input_ids=x, attention_mask=torch.ones_like(x)).logits[0, -len(ids):]
        golden["adapters"].append({"folder": base + "-" + name, "model": base, "ids": ids,
                                   "logits": [[round(v, 5) for v in row] for row in logits[:, TOKENS].tolist()]})
with open(os.path.join(HERE, "logits.json"), "w") as f:
    lines = [json.dumps(one) for one in golden.pop("adapters")]
    f.write(json.dumps(golden)[:-1] + ', "adapters": [\n' + ",\n".join(lines) + "\n]}\n")

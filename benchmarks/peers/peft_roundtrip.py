#!/usr/bin/env python3
"""Soft prompts from promptgrad to Python's PEFT and back, on the same model.

    peft_roundtrip.py --model FOLDER [--tokens 5] [--keep FOLDER]

promptgrad trains one prompt by each of its methods, PEFT loads it; then PEFT makes one of each of
its kinds, and promptgrad loads that. Both sides say how likely some words are after some texts, and
what is printed is the largest difference of a log-probability among these words. What PEFT saves
again after loading ours is compared byte by byte. Ends with 1 if a difference is above --tolerance
or a byte differs.

Needs the packages torch, transformers and peft (0.18 or later); the model is one that answers at
a mask or a causal one, in a folder that both sides read, with its tokenizer.json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import peft
import torch
import transformers

PROMPTGRAD = Path(__file__).resolve().parents[2] / "experiments" / "promptgrad"
WORDS = ["good", "bad", "great", "poor", "new", "old"]
TEXTS = [
    "a warm and funny film",
    "the plot is dull and the jokes fall flat",
    "we were happy with every minute of it",
    "nothing in this long story is worth the time",
    "a small wonder",
    "she plays the part with great care and a light hand",
]
OURS = ["prompt-tuning", "p-tuning", "prefix-tuning", "p-tuning-v2"]
FILES = ["adapter_config.json", "adapter_model.safetensors"]


def theirs(task, tokens):
    common = {"task_type": task, "num_virtual_tokens": tokens}
    return {
        "prompt tuning": peft.PromptTuningConfig(**common),
        "P-tuning, MLP": peft.PromptEncoderConfig(encoder_hidden_size=32, **common),
        "P-tuning, LSTM": peft.PromptEncoderConfig(
            encoder_hidden_size=32, encoder_reparameterization_type="LSTM", **common
        ),
        "prefix tuning": peft.PrefixTuningConfig(**common),
        "prefix tuning, projected": peft.PrefixTuningConfig(
            prefix_projection=True, encoder_hidden_size=32, **common
        ),
    }


class Python:
    """The model as transformers has it."""

    def __init__(self, folder):
        names = json.loads((folder / "config.json").read_text())["architectures"]
        self.masked = any("MaskedLM" in name for name in names)
        self.folder = folder
        # the file's own pipeline: classes of a family may build another one
        self.tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(folder)
        self.words = []
        for word in WORDS:
            ids = self.tokenizer(" " + word, add_special_tokens=False)["input_ids"]
            if len(ids) != 1:
                sys.exit("peft_roundtrip.py: '%s' is not one token of %s." % (word, folder))
            self.words.append(ids[0])

    def task(self):
        return "FEATURE_EXTRACTION" if self.masked else "CAUSAL_LM"

    def template(self):
        return "{sentence} . it was [P]" + (" ." if self.masked else "")

    def bare(self):
        auto = transformers.AutoModelForMaskedLM if self.masked else transformers.AutoModelForCausalLM
        return auto.from_pretrained(self.folder).float().eval()

    def scores(self, model):
        """Log-probabilities among the words, [texts][words]."""
        rows = []
        for text in TEXTS:
            filled = self.template().replace("{sentence}", text).replace(" [P]", self.answer())
            ids = torch.tensor([self.tokenizer(filled)["input_ids"]])
            at = -1  # with virtual tokens in front, only the distance from the end is the same
            if self.masked:
                at = ids[0].tolist().index(self.tokenizer.mask_token_id) - ids.shape[1]
            with torch.no_grad():
                logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0, at]
            rows.append(torch.log_softmax(logits[self.words].double(), dim=0).tolist())
        return rows

    def answer(self):
        return " " + self.tokenizer.mask_token if self.masked else ""


def promptgrad(command, folder, python, out, more):
    arguments = [str(PROMPTGRAD)] + command + ["--model", str(python.folder)]
    arguments += ["--task", str(folder / "task.yaml"), "--template", python.template()]
    for word in WORDS:
        arguments += ["--label", "%s=%s" % (word, word)]
    arguments += ["--device", "cpu", "--precision", "float32", "--out", str(out), "--json"] + more
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("peft_roundtrip.py: promptgrad ended with %d: %s" % (done.returncode, done.stderr))
    lines = (out / "outcomes" / "found.test.jsonl").read_text().splitlines()
    return [[json.loads(line)["scores"][word] for word in WORDS] for line in lines]


def difference(a, b):
    assert len(a) == len(b) == len(TEXTS)
    return max(abs(x - y) for one, other in zip(a, b) for x, y in zip(one, other))


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", required=True, help="a model folder that both read")
    parser.add_argument("--tokens", type=int, default=5, help="virtual tokens")
    parser.add_argument("--tolerance", type=float, default=1e-4)
    parser.add_argument("--keep", help="a folder for the adapters and runs; a temporary one if not given")
    a = parser.parse_args()
    torch.manual_seed(0)
    python = Python(Path(a.model).resolve())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(a.keep or temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        rows = ["sentence\tlabel"] + ["%s\t%s" % pair for pair in zip(TEXTS, WORDS)]
        (folder / "rows.tsv").write_text("\n".join(rows) + "\n")
        (folder / "task.yaml").write_text(
            "train: rows.tsv\ndev: rows.tsv\ntest: rows.tsv\nlabel: label\n"
        )
        bare = python.scores(python.bare())
        report = {"torch": torch.__version__, "transformers": transformers.__version__}
        report.update({"peft": peft.__version__, "model": python.folder.name, "adapters": []})
        right = True

        def add(maker, kind, said, heard, same):
            nonlocal right
            found = difference(said, heard)
            right = right and found <= a.tolerance and same is not False
            one = {"made by": maker, "kind": kind, "difference": found}
            one["moved by the prompt"] = difference(said, bare)  # a prompt that is ignored moves nothing
            if same is not None:
                one["saved again by PEFT"] = "same bytes" if same else "other bytes"
            report["adapters"].append(one)

        for method in OURS:
            out = folder / ("ours-" + method)
            settings = ["soft.tokens=%d" % a.tokens, "soft.updates=8", "soft.batch_size=4"]
            more = [x for setting in settings for x in ("--set", setting)]
            said = promptgrad(["search", method], folder, python, out, more)
            model = peft.PeftModel.from_pretrained(python.bare(), out / "prompt").eval()
            again = folder / ("again-" + method)
            model.save_pretrained(again)
            same = all(
                (out / "prompt" / file).read_bytes() == (again / file).read_bytes() for file in FILES
            )
            add("promptgrad", method, said, python.scores(model), same)
        for kind, config in theirs(python.task(), a.tokens).items():
            model = peft.get_peft_model(python.bare(), config).eval()
            saved = folder / ("theirs-" + kind.replace(", ", "-").replace(" ", "-"))
            model.save_pretrained(saved)
            out = folder / (saved.name + "-eval")
            heard = promptgrad(["eval", "--prompt", str(saved)], folder, python, out, [])
            add("PEFT", kind, python.scores(model), heard, None)
    print(json.dumps(report, indent=2))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())

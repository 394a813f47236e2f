#!/usr/bin/env python3
"""The same search by another program and by promptgrad, on the same model with the same settings.

    compare.py nanogcg --model FOLDER --message "Greet me." --say "Hello" --steps 20 --width 64
    compare.py autoprompt --repository AUTOPROMPT --model FOLDER --train train.tsv --dev dev.tsv \
        --template "{sentence} [T] [T] [T] [P] ." --labels labels.json --label-field label

nanogcg needs the packages nanogcg, torch and transformers; autoprompt needs a checkout of the
AutoPrompt repository and what it requires. Neither comes with promptgrad. With --only ours the
other program is not asked, which needs nothing.

Seconds are those of the steps: loading the model does not count. The AutoPrompt program does not
tell, so it runs twice, with N and with 2 N iterations, and the difference counts.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROMPTGRAD = Path(__file__).resolve().parents[2] / "experiments" / "promptgrad"

# For models without a template of their own: the message as it is.
PLAIN_TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def fail(sentence):
    sys.exit("compare.py: " + sentence)


def run_ours(config):
    """Runs promptgrad on a configuration and returns its result.json."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(json.dumps(config))  # JSON is YAML
        command = [str(PROMPTGRAD), "run", str(file), "--out", str(Path(folder) / "run"), "--json"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            fail("promptgrad ended with %d; its message is above." % done.returncode)
        return json.loads(done.stdout)


def has_chat_template(model):
    config = Path(model) / "tokenizer_config.json"
    return (Path(model) / "chat_template.jinja").exists() or (
        config.exists() and "chat_template" in json.loads(config.read_text())
    )


# ---------------------------------------------------------------------- nanoGCG


def nanogcg_ours(a):
    item = {"say": a.say}
    if has_chat_template(a.model):
        item["messages"] = [{"role": "user", "content": a.message}]
    else:
        item["text"] = a.message + " {trigger}"
    result = run_ours(
        {
            "method": "nanogcg",
            "model": str(Path(a.model).resolve()),
            "targets": {"train": [item], "start": a.start},
            "search": {"width": a.width, "top_k": a.top_k, "replacements": a.replacements},
            "budget": {"steps": a.steps},
            "seed": a.seed,
            "device": a.device,
            "precision": a.precision,
        }
    )
    loss = -result["found"]["train"]["other_metrics"]["log-prob"]
    return {
        "seconds per step": result["cost"]["seconds"] / result["cost"]["steps"],
        "best loss": loss,
        "forward tokens per step": result["cost"]["forward_tokens"] / result["cost"]["steps"],
    }


def nanogcg_theirs(a):
    try:
        import nanogcg
        import torch
        import transformers
    except ImportError as missing:
        fail("%s; install nanogcg, torch and transformers, or add --only ours." % missing)
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    model = transformers.AutoModelForCausalLM.from_pretrained(
        a.model, torch_dtype=dtype[a.precision]
    ).to(a.device)
    tokenizer = transformers.AutoTokenizer.from_pretrained(a.model)
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_TEMPLATE
    config = nanogcg.GCGConfig(
        num_steps=a.steps,
        optim_str_init=a.start,
        search_width=a.width,
        topk=a.top_k,
        n_replace=a.replacements,
        seed=a.seed,
        verbosity="WARNING",
    )
    begin = time.perf_counter()
    result = nanogcg.run(model, tokenizer, a.message + " {optim_str}", a.say, config)
    seconds = time.perf_counter() - begin
    return {"seconds per step": seconds / a.steps, "best loss": result.best_loss}


# ---------------------------------------------------------------------- AutoPrompt


def autoprompt_ours(a):
    labels = json.loads(Path(a.labels).read_text())
    words = {}
    for label, tokens in labels.items():
        tokens = tokens if isinstance(tokens, list) else [tokens]
        words[label] = [token.lstrip("\u0120\u2581") for token in tokens]
    result = run_ours(
        {
            "method": "autoprompt",
            "model": str(Path(a.model).resolve()),
            "task": {
                "train": str(Path(a.train).resolve()),
                "dev": str(Path(a.dev).resolve()),
                "test": str(Path(a.dev).resolve()),
                "label": a.label_field,
            },
            "template": a.template,
            "verbalizer": words,
            "autoprompt": {
                "candidates": a.candidates,
                "reference": {
                    "batch_size": a.batch,
                    "evaluation_batch_size": a.evaluation_batch,
                    "accumulation_steps": a.accumulation,
                },
            },
            "budget": {"steps": a.steps},
            "seed": a.seed,
            "device": a.device,
            "precision": a.precision,
        }
    )
    return {
        "seconds per step": result["cost"]["seconds"] / result["cost"]["steps"],
        "best dev": result["found"]["dev"]["value"],
    }


def autoprompt_theirs(a):
    if not a.repository or not (Path(a.repository) / "autoprompt" / "create_trigger.py").exists():
        fail("--repository must be a checkout of AutoPrompt, or add --only ours.")

    def seconds(iterations):
        command = [sys.executable, "-m", "autoprompt.create_trigger"]
        command += ["--train", str(Path(a.train).resolve()), "--dev", str(Path(a.dev).resolve())]
        command += ["--template", a.their_template or a.template]
        command += ["--label-map", Path(a.labels).read_text(), "--label-field", a.label_field]
        command += ["--num-cand", str(a.candidates), "--accumulation-steps", str(a.accumulation)]
        command += ["--bsz", str(a.batch), "--eval-size", str(a.evaluation_batch)]
        command += ["--iters", str(iterations), "--filter", "--seed", str(a.seed)]
        command += ["--model-name", str(Path(a.model).resolve())]
        environment = dict(os.environ, PYTHONPATH=str(a.repository))
        if a.device == "cpu":
            environment["CUDA_VISIBLE_DEVICES"] = ""
        begin = time.perf_counter()
        if subprocess.run(command, env=environment, stdout=subprocess.DEVNULL).returncode != 0:
            fail("AutoPrompt's program failed; its message is above.")
        return time.perf_counter() - begin

    return {"seconds per step": (seconds(2 * a.steps) - seconds(a.steps)) / a.steps}


# ---------------------------------------------------------------------- the command line


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    peers = parser.add_subparsers(dest="peer", required=True)
    nanogcg = peers.add_parser("nanogcg")
    nanogcg.add_argument("--message", required=True, help="what the user asks")
    nanogcg.add_argument("--say", required=True, help="what the model is to answer")
    nanogcg.add_argument("--start", default=" ".join(["x"] * 20), help="the first trigger")
    nanogcg.add_argument("--width", type=int, default=512)
    nanogcg.add_argument("--top-k", type=int, default=256)
    nanogcg.add_argument("--replacements", type=int, default=1)
    autoprompt = peers.add_parser("autoprompt")
    autoprompt.add_argument("--repository", help="a checkout of AutoPrompt")
    autoprompt.add_argument("--train", required=True)
    autoprompt.add_argument("--dev", required=True)
    autoprompt.add_argument("--template", required=True, help="without special tokens")
    autoprompt.add_argument("--their-template", help="with the special tokens that theirs wants")
    autoprompt.add_argument("--labels", required=True, help="JSON: label to raw tokens")
    autoprompt.add_argument("--label-field", default="label")
    autoprompt.add_argument("--candidates", type=int, default=10)
    autoprompt.add_argument("--accumulation", type=int, default=10)
    autoprompt.add_argument("--batch", type=int, default=32)
    autoprompt.add_argument("--evaluation-batch", type=int, default=256)
    for peer in (nanogcg, autoprompt):
        peer.add_argument("--model", required=True, help="a model folder that both read")
        peer.add_argument("--steps", type=int, default=20)
        peer.add_argument("--seed", type=int, default=0)
        peer.add_argument("--device", default="cpu", help="cpu or cuda:0")
        peer.add_argument(
            "--precision", default="float32", choices=["float32", "bfloat16", "float16"]
        )
        peer.add_argument("--only", choices=["ours", "theirs"], help="run one side")
    a = parser.parse_args()
    sides = {
        "nanogcg": (nanogcg_theirs, nanogcg_ours),
        "autoprompt": (autoprompt_theirs, autoprompt_ours),
    }[a.peer]
    figures = {}
    if a.only != "ours":
        figures[a.peer] = sides[0](a)
    if a.only != "theirs":
        figures["promptgrad"] = sides[1](a)
    if len(figures) == 2:
        theirs, ours = (figures[name]["seconds per step"] for name in (a.peer, "promptgrad"))
        figures["times as fast"] = theirs / ours
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()

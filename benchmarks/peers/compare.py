#!/usr/bin/env python3
"""The same search by another program and by promptgrad, on the same model with the same settings.

    compare.py nanogcg --model FOLDER --message "Greet me." --say "Hello" --steps 20 --width 64
    compare.py autoprompt --repository AUTOPROMPT --model FOLDER --train train.tsv --dev dev.tsv \
        --template "{sentence} [T] [T] [T] [P] ." --labels labels.json --label-field label

nanogcg needs the packages nanogcg, torch and transformers; autoprompt needs a checkout of the
AutoPrompt repository and what it requires. Neither comes with promptgrad. With --only ours the
other program is not asked, which needs nothing.

Rounds of both sides alternate. Seconds of a step are the median over the steps of a round but the
first few, and over rounds; loading the model does not count. That of the ratio is over rounds too.
"""

import argparse
import importlib.metadata
import json
import os
import statistics
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


def run_ours(config, a):
    """Runs promptgrad on a configuration and returns its result.json and its trace."""
    environment = dict(os.environ)
    if a.threads:
        own = " -Dai.djl.pytorch.num_threads=%d" % a.threads
        environment["PROMPTGRAD_OPTS"] = environment.get("PROMPTGRAD_OPTS", "") + own
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "config.yaml"
        file.write_text(json.dumps(config))  # JSON is YAML
        run = Path(folder) / "run"
        command = [str(PROMPTGRAD), "run", str(file), "--out", str(run), "--json"]
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
        )
        if done.returncode != 0:
            fail("promptgrad ended with %d: %s" % (done.returncode, done.stderr))
        trace = (run / "trace.jsonl").read_text().splitlines()
        return json.loads(done.stdout), [json.loads(line) for line in trace]


def differences(times):
    return [end - begin for begin, end in zip(times, times[1:])]


def summary(seconds, peer):
    """Medians of the rounds' medians, and how they compare; seconds: side to rounds to steps."""
    sides = {}
    medians = {side: [statistics.median(r) for r in rounds] for side, rounds in seconds.items()}
    for side, own in medians.items():
        sides[side] = {"seconds per step": statistics.median(own), "of each round": own}
        if side != peer and peer in medians:
            # round by round, as a machine that slows down slows both
            ratios = sorted(t / o for t, o in zip(medians[peer], own))
            sides[side]["times as fast"] = statistics.median(ratios)
            sides[side]["times as fast, rounds"] = [ratios[0], ratios[-1]]
    return sides


def version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def has_chat_template(model):
    config = Path(model) / "tokenizer_config.json"
    return (Path(model) / "chat_template.jinja").exists() or (
        config.exists() and "chat_template" in json.loads(config.read_text())
    )


# ---------------------------------------------------------------------- nanoGCG


def nanogcg_item(a):
    if has_chat_template(a.model):
        return {"say": a.say, "messages": [{"role": "user", "content": a.message}]}
    return {"say": a.say, "text": a.message + " {trigger}"}


def nanogcg_ours(a, method, start, steps):
    """Runs promptgrad: seconds of the steps, the result, and the loss of the first trigger."""
    result, trace = run_ours(
        {
            "method": method,
            "model": str(Path(a.model).resolve()),
            "targets": {"train": [nanogcg_item(a)], "start": start},
            "search": {"width": a.width, "top_k": a.top_k, "replacements": a.replacements},
            "budget": {"steps": steps},
            "seed": a.seed,
            "device": a.device,
            "precision": a.precision,
        },
        a,
    )
    first = result["baselines"]["first trigger"]["train"]["other_metrics"]["log-prob"]
    found = result["found"]["train"]["other_metrics"]["log-prob"]
    return {
        "seconds": differences([0.0] + [step["seconds"] for step in trace]),
        "first loss": -first,
        "best loss": -found,
        "trigger": result["found"]["token_ids"],
        "forward tokens": result["cost"]["forward_tokens"] / max(1, result["cost"]["steps"]),
    }


def nanogcg_theirs(a):
    """Loads nanoGCG and the model; gives a function that runs it as {@code nanogcg_ours} does."""
    try:
        import nanogcg
        import torch
        import transformers
        from nanogcg.gcg import GCG
    except ImportError as missing:
        fail("%s; install nanogcg, torch and transformers, or add --only ours." % missing)

    class Watched(GCG):
        """nanoGCG as it is, with a look at the clock where a step begins."""

        def compute_token_gradient(self, optim_ids):
            self.begins.append(time.perf_counter())
            return super().compute_token_gradient(optim_ids)

        def init_buffer(self):
            buffer = super().init_buffer()
            self.first_loss = float(buffer.get_lowest_loss())
            return buffer

        def loss_of(self, ids):
            embedded = self.embedding_layer(torch.tensor([ids], device=self.model.device))
            parts = [embedded, self.after_embeds, self.target_embeds]
            return float(self._compute_candidates_loss_original(1, torch.cat(parts, dim=1))[0])

    if a.threads:
        torch.set_num_threads(a.threads)
    dtype = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    model = transformers.AutoModelForCausalLM.from_pretrained(
        a.model, torch_dtype=dtype[a.precision]
    ).to(a.device)
    tokenizer = transformers.AutoTokenizer.from_pretrained(a.model)
    if not tokenizer.chat_template:
        tokenizer.chat_template = PLAIN_TEMPLATE
    versions = {"nanogcg": version("nanogcg"), "torch": torch.__version__}
    versions["transformers"] = transformers.__version__

    def run():
        config = nanogcg.GCGConfig(
            num_steps=a.steps,
            optim_str_init=a.start,
            search_width=a.width,
            topk=a.top_k,
            n_replace=a.replacements,
            seed=a.seed,
            verbosity="ERROR",
        )
        nanogcg.gcg.logger.setLevel("ERROR")
        gcg = Watched(model, tokenizer, config)
        gcg.begins = []
        result = gcg.run(a.message + " {optim_str}", a.say)
        return gcg, {
            "seconds": differences(gcg.begins + [time.perf_counter()]),
            "first loss": gcg.first_loss,
            "best loss": result.best_loss,
            "string": result.best_string,
        }

    return run, versions


def nanogcg(a):
    """Rounds of both in turns, then each trigger that was found by the other's code."""
    seconds = {}
    losses = {}
    run, versions = nanogcg_theirs(a) if a.only != "ours" else (None, {})
    for _ in range(a.rounds):
        if run:
            gcg, theirs = run()
            seconds.setdefault("nanogcg", []).append(theirs["seconds"][a.warm_up :])
            losses.setdefault("nanogcg", []).append(theirs["best loss"])
        if a.only != "theirs":
            for method in a.methods.split(","):
                ours = nanogcg_ours(a, method, a.start, a.steps)
                seconds.setdefault("promptgrad " + method, []).append(ours["seconds"][a.warm_up :])
                losses.setdefault("promptgrad " + method, []).append(ours["best loss"])
    figures = {"versions": versions, "sides": summary(seconds, "nanogcg")}
    for side, found in losses.items():
        figures["sides"][side]["best loss"] = statistics.median(found)
    if run and a.only != "theirs":
        again = nanogcg_ours(a, "nanogcg", theirs["string"], 1)
        figures["losses of the same trigger"] = {
            "the first": {"nanogcg": theirs["first loss"], "promptgrad": ours["first loss"]},
            "nanogcg's": {"nanogcg": theirs["best loss"], "promptgrad": again["first loss"]},
            "promptgrad's": {"nanogcg": gcg.loss_of(ours["trigger"]), "promptgrad": ours["best loss"]},
        }
    return figures


# ---------------------------------------------------------------------- AutoPrompt


def autoprompt_ours(a):
    labels = json.loads(Path(a.labels).read_text())
    words = {}
    for label, tokens in labels.items():
        tokens = tokens if isinstance(tokens, list) else [tokens]
        words[label] = [token.lstrip("\u0120\u2581") for token in tokens]
    result, trace = run_ours(
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
        },
        a,
    )
    seconds = differences([0.0] + [step["seconds"] for step in trace])
    return seconds, result["found"]["dev"]["value"]


def autoprompt_theirs(a):
    if not a.repository or not (Path(a.repository) / "autoprompt" / "create_trigger.py").exists():
        fail("--repository must be a checkout of AutoPrompt, or add --only ours.")
    command = [sys.executable, "-m", "autoprompt.create_trigger"]
    command += ["--train", str(Path(a.train).resolve()), "--dev", str(Path(a.dev).resolve())]
    command += ["--template", a.their_template or a.template]
    command += ["--label-map", Path(a.labels).read_text(), "--label-field", a.label_field]
    command += ["--num-cand", str(a.candidates), "--accumulation-steps", str(a.accumulation)]
    command += ["--bsz", str(a.batch), "--eval-size", str(a.evaluation_batch)]
    command += ["--iters", str(a.steps), "--filter", "--seed", str(a.seed)]
    command += ["--model-name", str(Path(a.their_model or a.model).resolve())]
    paths = [str(Path(a.repository).resolve())] + os.environ.get("PYTHONPATH", "").split(os.pathsep)
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(paths), PYTHONUNBUFFERED="1")
    if a.device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    if a.threads:
        environment["OMP_NUM_THREADS"] = environment["MKL_NUM_THREADS"] = str(a.threads)
    begins = []
    best = float("nan")
    last = []
    # its log says when a step begins
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as program:
        for line in program.stderr:
            if ":Iteration: " in line:
                begins.append(time.perf_counter())
            elif ":Best tokens:" in line:
                begins.append(time.perf_counter())
            elif ":Best dev metric:" in line:
                best = float(line.split(":")[-1])
            last = last[-9:] + [line]
    if program.returncode != 0:
        fail("AutoPrompt's program failed: " + "".join(last))
    return differences(begins), best


def autoprompt(a):
    seconds = {}
    found = {}
    for _ in range(a.rounds):
        for side, run in (("autoprompt", autoprompt_theirs), ("promptgrad", autoprompt_ours)):
            if a.only != {"autoprompt": "ours", "promptgrad": "theirs"}[side]:
                steps, best = run(a)
                seconds.setdefault(side, []).append(steps[a.warm_up :])
                found.setdefault(side, []).append(best)
    figures = {"sides": summary(seconds, "autoprompt")}
    for side, best in found.items():
        figures["sides"][side]["best dev"] = statistics.median(best)
    return figures


# ---------------------------------------------------------------------- the command line


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    peers = parser.add_subparsers(dest="peer", required=True)
    gcg = peers.add_parser("nanogcg")
    gcg.add_argument("--message", required=True, help="what the user asks")
    gcg.add_argument("--say", required=True, help="what the model is to answer")
    gcg.add_argument("--start", default=" ".join(["x"] * 20), help="the first trigger")
    gcg.add_argument("--width", type=int, default=512)
    gcg.add_argument("--top-k", type=int, default=256)
    gcg.add_argument("--replacements", type=int, default=1)
    gcg.add_argument(
        "--methods", default="nanogcg,gcg-fast", help="promptgrad's, with commas between them"
    )
    probe = peers.add_parser("autoprompt")
    probe.add_argument("--repository", help="a checkout of AutoPrompt")
    probe.add_argument("--their-model", help="another folder of the same model, for theirs")
    probe.add_argument("--train", required=True)
    probe.add_argument("--dev", required=True)
    probe.add_argument("--template", required=True, help="without special tokens")
    probe.add_argument("--their-template", help="with the special tokens that theirs wants")
    probe.add_argument("--labels", required=True, help="JSON: label to raw tokens")
    probe.add_argument("--label-field", default="label")
    probe.add_argument("--candidates", type=int, default=10)
    probe.add_argument("--accumulation", type=int, default=10)
    probe.add_argument("--batch", type=int, default=32)
    probe.add_argument("--evaluation-batch", type=int, default=256)
    for peer in (gcg, probe):
        peer.add_argument("--model", required=True, help="a model folder that both read")
        peer.add_argument("--steps", type=int, default=20)
        peer.add_argument("--rounds", type=int, default=3, help="of both sides in turns")
        peer.add_argument("--warm-up", type=int, default=3, help="steps of a round that do not count")
        peer.add_argument("--threads", type=int, default=0, help="on both sides; 0: as they are")
        peer.add_argument("--seed", type=int, default=0)
        peer.add_argument("--device", default="cpu", help="cpu or cuda:0")
        peer.add_argument(
            "--precision", default="float32", choices=["float32", "bfloat16", "float16"]
        )
        peer.add_argument("--only", choices=["ours", "theirs"], help="run one side")
    a = parser.parse_args()
    if a.rounds < 1 or not 0 <= a.warm_up < a.steps:
        fail("there must be at least one round, and --warm-up must be below --steps.")
    print(json.dumps({"nanogcg": nanogcg, "autoprompt": autoprompt}[a.peer](a), indent=2))


if __name__ == "__main__":
    main()

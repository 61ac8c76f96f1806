"""Trainings with Descent for make-runs.py: each is kept under its arguments, and read back."""

import hashlib
import json
import math
import os
import random
import shutil
import statistics
import subprocess

# The start of each recipe: small, one thread, no files but the log and the last weights.
BASES = {
    "gpt": [
        "gpt", "steps=400", "model.layers=2", "model.width=32", "model.context=32", "batch=8",
        "optimizer.lr=3e-3", "schedule.warmup=20", "evaluate.every=0", "evaluate.batches=20",
        "checkpoint.every=0", "checkpoint.best=false",
    ],
    "mlp": [
        "digits-mlp", "epochs=null", "steps=400", "evaluate.every=0", "checkpoint.best=false",
    ],
    "cnn": [
        "digits-cnn", "epochs=null", "steps=200", "batch=32", "model.channels=8,16",
        "evaluate.every=0", "checkpoint.best=false", "clip=none",
    ],
}


class TrainingFailed(Exception):
    """Descent refused a recipe."""


class Lab:
    """Runs trainings, one at a time, and keeps what they wrote."""

    def __init__(self, descent, cache):
        self.descent, self.cache = descent, cache
        os.makedirs(cache, exist_ok=True)

    def train(self, base, changes, seed, start=None, partial=False):
        """The folder of a training, which is run only once. `start` is a file of weights, which with
        `partial` may lack some."""
        arguments = BASES[base] + list(changes)
        arguments = [a.replace("{data}", self.cache + "/data") for a in arguments]
        recipe, arguments = arguments[0], merged(arguments[1:])
        arguments += [f"seed={seed}", "threads=1", "log.tensorboard=true"]
        text = json.dumps([recipe, arguments, start])
        folder = os.path.join(self.cache, hashlib.sha256(text.encode()).hexdigest()[:20])
        if os.path.exists(folder + ".ok"):
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        command = ["nice", "-n", "10", self.descent, "train", recipe, "--quiet", "--out", folder]
        command += [part for a in arguments for part in ("--set", a)]
        if start:
            command += ["--from", start] + (["--partial"] if partial else [])
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode not in (0, 75):
            raise TrainingFailed(f"{' '.join(command)}\n{done.stderr}")
        with open(folder + ".ok", "w") as file:
            file.write(text)
        return folder

    def weights(self, folder):
        """The last weights of a training."""
        names = sorted(os.listdir(folder + "/checkpoints"))
        return os.path.join(folder, "checkpoints", names[-1])


def merged(changes):
    """The last value of each key; `-section` takes back what was said of a section."""
    kept = {}
    for change in changes:
        if change.startswith("-"):
            kept = {k: v for k, v in kept.items() if not k.startswith(change[1:] + ".")}
            continue
        key, _, value = change.partition("=")
        kept.pop(key, None)
        kept.pop(key.split(".")[0], None)
        if value == "none":
            kept = {k: v for k, v in kept.items() if not k.startswith(key + ".")}
        kept[key] = value
    return [f"{k}={v}" for k, v in kept.items()]


def read(folder):
    """The lines of a run: steps, and evaluations by their step."""
    steps, evaluations = [], {}
    with open(folder + "/metrics.jsonl") as file:
        for line in file:
            row = json.loads(line, parse_constant=lambda c: float(c.replace("Infinity", "inf")))
            if "val_loss" in row:
                evaluations[row["step"]] = row
            elif "loss" in row or "skipped" in row:
                steps.append(row)
            elif steps and row.get("step") == steps[-1]["step"]:
                steps[-1] = {**steps[-1], **flat(row)}
    return steps, evaluations


def flat(row, prefix=""):
    """Families as `family/member`."""
    out = {}
    for key, value in row.items():
        if isinstance(value, dict):
            out.update(flat(value, prefix + key + "/"))
        else:
            out[prefix + key] = value
    return out


def number(value):
    if isinstance(value, str):
        return float(value.replace("infinity", "inf")) if value else math.nan
    return math.nan if value is None else float(value)


def losses(steps):
    return [number(row.get("loss")) for row in steps]


def end(folder):
    """How well a training ended: the last validation loss, infinity where it is not a number."""
    steps, evaluations = read(folder)
    if not evaluations or steps and steps[-1].get("skipped") and steps[-1]["step"] not in evaluations:
        return math.inf
    value = number(evaluations[max(evaluations)]["val_loss"])
    return value if math.isfinite(value) else math.inf


def end_training(folder):
    """The mean training loss of the last tenth."""
    values = losses(read(folder)[0])
    tail = values[-max(len(values) // 10, 1):]
    value = statistics.fmean(tail)
    return value if math.isfinite(value) else math.inf


def write_data(folder):
    """The tables and texts that some runs learn, always the same."""
    os.makedirs(folder, exist_ok=True)

    def table(name, rows):
        with open(os.path.join(folder, name), "w") as file:
            width = len(rows[0]) - 1
            file.write(",".join([f"x{i}" for i in range(width)] + ["y"]) + "\n")
            for row in rows:
                file.write(",".join(f"{v:.5g}" if isinstance(v, float) else str(v) for v in row))
                file.write("\n")

    def clouds(seed, count, width, classes, distance, noise=0.0, scale=1.0):
        """Gaussian clouds around a center for each class; a share of the labels is wrong."""
        rng = random.Random(seed)
        centers = [[rng.gauss(0, distance) for _ in range(width)] for _ in range(classes)]
        rows = []
        for index in range(count):
            label = index % classes
            x = [scale * (c + rng.gauss(0, 1)) for c in centers[label]]
            if rng.random() < noise:
                label = rng.randrange(classes)
            rows.append(x + [label])
        rng.shuffle(rows)
        return rows

    table("clouds.csv", clouds(1, 3000, 20, 6, 0.55))
    table("noisy.csv", clouds(2, 1500, 20, 6, 0.55, noise=0.3))
    # Wide rows of few structure: each can be learnt by heart from being seen once.
    table("wide.csv", clouds(3, 600, 300, 10, 0.06))
    table("wide2.csv", clouds(4, 900, 400, 20, 0.07))
    table("wide3.csv", clouds(14, 1600, 300, 4, 0.05))
    # A few rows came in other units, a fault of the file.
    for name, factor, share in [
        ("units.csv", 60, 0.0015), ("units2.csv", 25, 0.004), ("units3.csv", 40, 0.004)
    ]:
        rng, rows = random.Random(name), clouds(1, 3000, 20, 6, 0.55)
        for row in rows:
            if rng.random() < share:
                row[:-1] = [factor * v for v in row[:-1]]
                row[-1] = (row[-1] + 1) % 6
        table(name, rows)
    # One row is so large that all others are the same beside it.
    rows = clouds(6, 2000, 20, 4, 0.5)
    table("mended2.csv", rows)
    rows[555] = [1e37] * 20 + [rows[555][-1]]
    table("broken2.csv", rows)
    # A text of nonsense sentences, and the same with pages of binary rubbish.
    rng = random.Random(8)
    words = [
        "".join(rng.choice("bcdfglmnprst") + rng.choice("aeiou") for _ in range(rng.randint(1, 3)))
        for _ in range(150)
    ]

    def sentence():
        return " ".join(rng.choice(words) for _ in range(rng.randint(4, 9))).capitalize() + ".\n"

    sentences = [sentence() for _ in range(2500)]
    def text(name, parts):
        with open(os.path.join(folder, name), "w") as file:
            file.write("".join(parts))

    text("words.txt", sentences[:2200])
    text("words-test.txt", sentences[2200:])
    text("short.txt", sentences[:60])
    text("tiny.txt", sentences[:25])
    text("short-test.txt", sentences[60:200])
    # Pages that are no text, in a few places.
    for name, pages, size in [("rubbish2.txt", 12, 60), ("rubbish3.txt", 16, 110)]:
        rng, parts = random.Random(name), list(sentences[:2200])
        for _ in range(pages):
            page = "".join(rng.choice("#$%&*+=<>@^~|0123456789") for _ in range(size))
            parts.insert(rng.randrange(len(parts)), page)
        text(name, parts)

#!/usr/bin/env python3
"""How good the learning rates of `descent lr-find` are.

For each case it asks `descent lr-find`, trains the recipe at that rate and at every rate of a grid
(factors of about 3), and prints how far the suggested rate ends above the best of all. A case is a
recipe with changes; the validation loss at the end decides.

    Benchmarks/lr-find.py                    the standard cases
    Benchmarks/lr-find.py gpt digits-cnn     those whose name begins so
    Benchmarks/lr-find.py --seeds 3          means over three seeds
    Benchmarks/lr-find.py --grids grids.json keep what was trained, and use it again
"""

import argparse
import json
import math
import pathlib
import subprocess
import tempfile

RULES = {
    "adamw": (["optimizer.name=adamw"], 1e-3),
    "sgd": (["optimizer.name=sgd", "optimizer.momentum=0.9"], 1e-1),
    "lion": (["optimizer.name=lion"], 1e-4),
    "adafactor": (["optimizer.name=adafactor", "optimizer.relative_step=false", "optimizer.lr=1e-3"], 1e-2),
    "rmsprop": (["optimizer.name=rmsprop"], 1e-3),
    "lamb": (["optimizer.name=lamb"], 1e-2),
    "muon": (["optimizer.name=muon"], 1e-2),
}
SHORT_GPT = ["steps=300", "model.layers=2", "evaluate.every=0"]


def csv_file(folder):
    """A table with three noisy classes."""
    import random
    random.seed(7)
    lines = ["a,b,c,d,class"]
    for _ in range(1500):
        x = [random.gauss(0, 1) for _ in range(4)]
        score = x[0] * x[1] + 0.5 * x[2] + 0.6 * random.gauss(0, 1)
        kind = "low" if score < -0.4 else "high" if score > 0.4 else "middle"
        lines.append(",".join(f"{v:.4f}" for v in x) + "," + kind)
    path = pathlib.Path(folder) / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def cases(folder):
    table = csv_file(folder)
    csv = ["data.kind=csv", f"data.path={table}", "epochs=20"]
    out = {}
    for rule in ("adamw", "sgd", "lion"):
        for recipe, extra in (("gpt", SHORT_GPT), ("digits-cnn", []), ("digits-mlp", [])):
            out[f"{recipe}/{rule}"] = (recipe, extra, rule)
    for rule in ("adafactor", "rmsprop", "lamb", "muon"):
        out[f"gpt/{rule}"] = ("gpt", SHORT_GPT, rule)
        out[f"digits-cnn/{rule}"] = ("digits-cnn", [], rule)
    for rule in ("adamw", "sgd", "lion"):
        out[f"csv/{rule}"] = ("digits-mlp", csv, rule)
    out["gpt-long/adamw"] = ("gpt", ["evaluate.every=0"], "adamw")
    out["gpt-no-warmup/adamw"] = ("gpt", SHORT_GPT + ["schedule.warmup=0"], "adamw")
    out["gpt-batch-4/adamw"] = ("gpt", SHORT_GPT + ["batch=4"], "adamw")
    out["digits-mlp-batch-128/sgd"] = ("digits-mlp", ["batch=128"], "sgd")
    return out


def changes(case, more):
    recipe, extra, rule = case
    return [recipe] + [f"--set={c}" for c in RULES[rule][0] + extra + more]


def final_loss(descent, case, rate, seed):
    """The validation loss at the end of a training; infinite where it broke down."""
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        done = subprocess.run(
            [descent, "train"] + changes(case, [f"optimizer.lr={rate}", f"seed={seed}"])
            + ["--out", str(run), "--quiet"], capture_output=True, text=True)
        if done.returncode == 75:
            return math.inf
        if done.returncode:
            raise SystemExit(done.stderr)
        loss = math.inf
        for line in (run / "metrics.jsonl").read_text().splitlines():
            loss = json.loads(line).get("val_loss", loss)
        return loss if loss is not None else math.inf


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--descent", default=".build/release/descent")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--width", type=int, default=4, help="rates of the grid on each side of the middle")
    parser.add_argument("--grids")
    parser.add_argument("--grid-only", action="store_true")
    parser.add_argument("--find", default="", help="more options for lr-find")
    options = parser.parse_args()
    grids = {}
    if options.grids and pathlib.Path(options.grids).exists():
        grids = json.loads(pathlib.Path(options.grids).read_text())

    def mean(key, case, rate):
        losses = []
        for seed in range(1337, 1337 + options.seeds):
            name = f"{key} {rate:.3g} {seed}"
            if name not in grids:
                grids[name] = final_loss(options.descent, case, f"{rate:.6g}", seed)
                if options.grids:
                    pathlib.Path(options.grids).write_text(json.dumps(grids, indent=0))
            losses.append(grids[name])
        return sum(losses) / len(losses)

    with tempfile.TemporaryDirectory() as folder:
        for key, case in cases(folder).items():
            if options.names and not any(key.startswith(n) for n in options.names):
                continue
            centre = RULES[case[2]][1]
            rates = [centre * 10 ** (i / 2) for i in range(-options.width, options.width + 1)]
            grid = {rate: mean(key, case, rate) for rate in rates}
            best = min(grid, key=grid.get)
            print(f"{key}: grid " + "  ".join(f"{r:.2g}:{l:.4f}" for r, l in grid.items()), flush=True)
            if options.grid_only:
                continue
            done = subprocess.run(
                [options.descent, "lr-find"] + changes(case, []) + options.find.split() + ["--json", "-"],
                capture_output=True, text=True)
            if done.returncode:
                raise SystemExit(done.stderr)
            found = json.loads(done.stdout)
            rate = found["suggested"]
            loss = mean(key, case, rate) if rate else math.inf
            ratio = loss / min(grid.values())
            print(
                f"{key}: suggested {rate} ({found['low']:.2g} to {found['high']:.2g}) ends at {loss:.4f}; "
                f"best of the grid {best:.2g} at {grid[best]:.4f}; ratio {ratio:.3f}; cost "
                f"{(found['steps']['sweeps'] + found['steps']['probes']) / found['steps']['run']:.1f} runs",
                flush=True)


if __name__ == "__main__":
    main()

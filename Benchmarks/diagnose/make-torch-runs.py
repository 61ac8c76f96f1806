"""Makes the labelled runs of PyTorch on which `descent diagnose` is judged.

    python3 Benchmarks/diagnose/make-torch-runs.py OUT [--set ab|c|d|e|f] [--only NAME,...] [--show]

Real trainings of small models on the CPU, each with one known fault or none, logged as several kinds of
people log. A label is kept only if it is proven: a twin, the same run with that thing mended, ends better
by 3 % or more. Healthy runs are held against rates three times as high and as
low, of which neither may end 15 % better. OUT/labels.json lists
what was kept, OUT/dropped.json what was not and why. A second call goes on where the first one stopped.
Sets C to F, other tasks and other habits, were made after the diagnosis and are proven more strictly:
README.md.

Needs Python 3.11 or later; installs torch 2.15.0, numpy 2.4.6, tensorboard 2.21.0 and prodigyopt 1.1.2
into .venv of the package where they are missing. About 3 minutes on one core.
"""

import argparse
import hashlib
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

PINS = ["torch==2.15.0", "numpy==2.4.6", "tensorboard==2.21.0", "prodigyopt==1.1.2"]
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

try:
    import prodigyopt  # noqa: F401
    import tensorboard  # noqa: F401
    import torch
except ImportError:
    venv = HERE.parents[1] / ".venv"
    if Path(sys.prefix) == venv:
        raise
    if not (venv / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    subprocess.run([str(venv / "bin/pip"), "install", "--quiet", *PINS], check=True)
    os.execv(venv / "bin/python", [str(venv / "bin/python"), *sys.argv])

from torch_runs import logs, set_ab, set_c, set_d, set_e, set_f, set_g  # noqa: E402
from torch_runs.cases import CASES  # noqa: E402
from torch_runs.set_c.proofs import also  # noqa: E402
from torch_runs.set_d.proofs import prove_healthy  # noqa: E402
from torch_runs.training import DEFAULTS, train  # noqa: E402

SETS = {
    "ab": set_ab.TABLES, "c": set_c.TABLES, "d": set_d.TABLES, "e": set_e.TABLES, "f": set_f.TABLES,
    "g": set_g.TABLES,
}

BETTER = 0.03  # as a share of the loss
NAMES = {"held": "loss on held-out data", "train": "loss on the training data"}


def prove(case, rows, final, out):
    """Whether the label is proven, a sentence with both numbers, and the twin's path."""
    judge, name = case.judge, NAMES[case.judge]
    if case.label == "lr_not_logged":
        real = [row["d"] * row["lr"] for row in rows]
        logged = {row["lr"] for row in rows}
        sentence = (
            f"the log says {min(logged):g} at every step, d times the rate went from {real[0]:.2g} to "
            f"{real[-1]:.2g}"
        )
        return logged == {1.0} and real[-1] > 3 * real[0], sentence, None
    if case.label == "healthy":
        twins = {}
        for factor in [] if case.run.get("optimizer") == "prodigy" else [3, 1 / 3]:
            twins[factor] = train(case.run | {"lr": case.run["lr"] * factor})[1][judge]
        began = rows[0]["loss"]
        sentence = f"{name} {final[judge]:.4g} (first logged loss {began:.4g})"
        if twins:
            sentence += f"; with three times the rate {twins[3]:.4g}, with a third {twins[1 / 3]:.4g}"
        held = [row["val_loss"] for row in rows if "val_loss" in row]
        if held and held[-1] > min(held) + 0.05 * abs(min(held)):
            return False, sentence + f"; validation loss rose from {min(held):.4g} to {held[-1]:.4g}", None
        much = max(0.15 * abs(final[judge]), 0.01)
        near = [t for t in twins.values() if t < final[judge] - much]
        return not near and final[judge] < began, sentence, None
    twin_rows, twin = train(case.run | case.mend)
    path = logs.write(out / "twins" / case.name, twin_rows, DEFAULTS | case.run | case.mend, case.log)
    if case.label == "clip_idle":
        largest = max(row["grad_norm"] for row in rows)
        sentence = (
            f"0 of {len(rows)} steps were clipped: the largest norm is {largest:.3g}, the threshold "
            f"{case.run['clip']:g}; without clipping the run is the same to the last bit ({twin[judge]:.6g})"
        )
        return largest < case.run["clip"] and twin[judge] == final[judge], sentence, path
    sentence = f"{name} {final[judge]:.4g}; with {case.mended} {twin[judge]:.4g}"
    if final["skipped"]:
        sentence += f"; {final['skipped']} of {len(rows)} steps were skipped, {twin['skipped']} in the twin"
    worse = not math.isfinite(final[judge])
    return math.isfinite(twin[judge]) and (worse or twin[judge] < final[judge] - BETTER * abs(final[judge])), sentence, path


def strip(rows, count=16):
    """A few losses on the way, for who makes the table."""
    n = max(1, len(rows) // count)
    parts = [[row["loss"] for row in rows[at : at + n]] for at in range(0, len(rows), n)]
    line = " ".join(f"{sum(part) / len(part):.3g}" for part in parts)
    line += f" | head max {max(row['loss'] for row in rows[:60]):.3g}, first {rows[0]['loss']:.3g}"
    for key in ["d", "lost_share", "loss_scale", "grad_norm"]:
        if key in rows[0]:
            line += f" | {key} " + " ".join(f"{row[key]:.2g}" for row in rows[:: max(1, len(rows) // 8)])
    return line


def make(case, out, chosen):
    rows, final = train(case.run)
    path = logs.write(out / case.name, rows, DEFAULTS | case.run, case.log)
    if chosen in ["d", "e", "f", "g"] and case.label == "healthy":
        proven, sentence, twin = *prove_healthy(case, rows, final), None
    else:
        proven, sentence, twin = prove(case, rows, final, out)
    half = "AB"[hashlib.sha256(case.name.encode()).digest()[0] % 2]
    if chosen in ["c", "d", "e", "f", "g"]:
        half = chosen.upper()
        if proven and (chosen == "c" or case.label != "healthy"):
            proven, more = also(case, rows, final)
            sentence += more
    return {
        "path": str(path.relative_to(out)), "label": case.label,
        "twin": str(twin.relative_to(out)) if twin else None, "proof": sentence, "half": half,
        "format": case.log[0], "proven": proven, "shape": strip(rows),
    }


def main():
    options = argparse.ArgumentParser()
    options.add_argument("out", type=Path)
    options.add_argument("--set", choices=SETS, default="ab", help="which table of runs")
    options.add_argument("--only", default="", help="parts of names or labels, with commas between")
    options.add_argument("--show", action="store_true", help="print a few losses of each run")
    options = options.parse_args()
    torch.set_num_threads(1)
    out = options.out.resolve()
    (out / "made").mkdir(parents=True, exist_ok=True)
    only = [part for part in options.only.split(",") if part]
    labels, dropped = [], []
    for table in SETS[options.set]:
        table()
    for case in CASES:
        key = hashlib.sha256(repr(case).encode()).hexdigest()
        record = out / "made" / f"{case.name}.json"
        made = json.loads(record.read_text()) if record.exists() else {}
        if made.get("key") != key:
            if only and not any(part in (case.label, case.name) or part in case.name for part in only):
                continue
            start = time.time()
            made = make(case, out, options.set) | {"key": key}
            record.write_text(json.dumps(made))
            mark = "proven" if made["proven"] else "NOT PROVEN"
            took = f"[{time.time() - start:.1f} s]"
            print(f"{case.label} {case.name} {took} {mark}: {made['proof']}", flush=True)
            if options.show:
                print("   ", made["shape"], flush=True)
        entry = {k: made[k] for k in ["path", "label", "twin", "proof", "half", "format"]}
        (labels if made["proven"] else dropped).append(entry)
    for name, entries in [("labels", labels), ("dropped", dropped)]:
        (out / f"{name}.json").write_text(json.dumps(entries, indent=2) + "\n")
    print(f"{len(labels)} runs, {len(dropped)} dropped")


main()

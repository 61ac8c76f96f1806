"""Makes labelled training logs for `descent diagnose`: real trainings with one known fault each.

    make-runs.py DESCENT OUT [--label KIND,KIND] [--only NAME] [--seeds 3]

Writes OUT/A and OUT/B, each with logs and a labels.json, and OUT/dropped.json with the trainings
whose twin was not better. Trainings are kept in OUT/cache, so that a second call is quick. The same
arguments give the same logs, but for their times.
"""

import argparse
import hashlib
import json
import math
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import joins  # noqa: E402
import logs  # noqa: E402
from proofs import PROOFS  # noqa: E402
from table import RUNS  # noqa: E402
from trainings import Lab, TrainingFailed, read, write_data  # noqa: E402


def digest(text):
    return int(hashlib.sha256(text.encode()).hexdigest(), 16)


def numbered():
    """Each run with its name, its half and its seed. Of two runs of a kind that follow each other
    one is in each half, by a hash."""
    counts = {}
    for run in RUNS:
        index = counts.get(run.label, 0)
        counts[run.label] = index + 1
        coin = digest(f"half {run.label} {index // 2}") % 2
        # A name that tells nothing of the fault.
        name = f"run-{digest(f'name {run.label} {index}') % 0xFFFFF:05x}"
        yield run, name, "AB"[(index + coin) % 2], digest(f"seed {run.label} {index}") % 9000 + 1


def renumbered(rows, evaluations):
    """Steps counted as attempts, where some were skipped, as most tools count."""
    if not any("skipped" in row for row in rows):
        return rows, evaluations
    out, steps = [], {}
    for index, row in enumerate(rows, 1):
        steps[row["step"]] = index
        row = {**row, "step": index}
        if "skipped" in row:
            row.setdefault("grad_norm", math.inf)
        out.append(row)
    return out, {steps[s]: {**e, "step": steps[s]} for s, e in evaluations.items() if s in steps}


def write(lab, run, folder, path, seed, rows=None, evaluations=None):
    """The log of a training as the run's tool writes it."""
    spliced = rows is not None
    own, own_evaluations = read(folder)
    rows, evaluations = rows or own, own_evaluations if evaluations is None else evaluations
    hidden = set(run.hide) | (set() if run.val else {"val_loss"})
    if run.form in ("csv", "trainer_state"):
        rows, evaluations = renumbered(rows, evaluations)
        if run.after == "nan" and len(rows) and (
            rows[-1].get("skipped") or not math.isfinite(logs.number(rows[-1].get("loss")))
        ):
            # Descent stops; most tools go on, and write that nothing is a number.
            last = rows[-1]["step"]
            for step in range(last + 1, last + 1 + max(last // 2, 20)):
                rows.append({"step": step, "loss": math.nan, "grad_norm": math.nan,
                             "lr": rows[last - 2].get("lr")})
        if run.after == "lr_one":
            rows = [{**row, "lr": 1.0} for row in rows]
        return logs.write(folder, path, run.form, style=run.style, every=run.every, hidden=hidden,
                          rows=rows, evaluations=evaluations)
    if spliced:
        return logs.write(folder, path, run.form, rows=rows, evaluations=evaluations)
    return logs.write(folder, path, run.form)


def make(lab, run, name, half, seed, out, seeds):
    """Proves a run and writes its log and its twin's; its entry in labels.json."""
    numbers = [seed + 31 * i for i in range(seeds)]
    evaluate = [f"evaluate.every={run.val}"] if run.val else []
    rows = evaluations = None
    if run.join:
        ok, proof, (folder, rows, evaluations), twin = joins.by_jump(lab, run, numbers)
    else:
        ok, proof, folder, twin = PROOFS[run.proof](lab, run, numbers)
        if evaluate:
            folder = lab.train(run.base, run.changes + evaluate, seed)
            if run.proof not in ("skips", "healthy", "idle", "logged"):
                twin = lab.train(run.base, run.changes + run.mend + evaluate, seed)
    entry = {"path": "", "label": run.label, "twin": "", "proof": proof, "half": half,
             "format": run.form, "recipe": " ".join([run.base, *run.changes, *evaluate]),
             "mend": " ".join(run.mend)}
    if not ok:
        return False, entry
    place = os.path.join(out, half)
    os.makedirs(place + "/twins", exist_ok=True)
    path = write(lab, run, folder, os.path.join(place, name), seed, rows, evaluations)
    entry["path"] = os.path.relpath(path, place)
    if twin != folder:
        path = write(lab, run, twin, os.path.join(place, "twins", name), seed)
        entry["twin"] = os.path.relpath(path, place)
    return True, entry


def load(out, half):
    path = os.path.join(out, half, "labels.json")
    return json.load(open(path)) if os.path.exists(path) else []


def save(out, half, entries):
    """The labels as far as they are known, at every moment a whole file."""
    os.makedirs(os.path.join(out, half), exist_ok=True)
    path = os.path.join(out, half, "labels.json")
    with open(path + ".new", "w") as file:
        json.dump(entries, file, indent=1)
    os.replace(path + ".new", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("descent")
    parser.add_argument("out")
    parser.add_argument("--label")
    parser.add_argument("--only")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    cache = os.path.join(os.path.abspath(options.out), "cache")
    lab = Lab(os.path.abspath(options.descent), cache)
    if not os.path.exists(cache + "/data"):
        write_data(cache + "/data")
    known = {name for _, name, _, _ in numbered()}
    labels = {h: [e for e in load(options.out, h) if e["name"] in known] for h in "AB"}
    dropped = []
    for run, name, half, seed in numbered():
        if options.label and run.label not in options.label.split(","):
            continue
        if options.only and name != options.only:
            continue
        try:
            ok, entry = make(lab, run, name, half, seed, options.out, options.seeds)
        except TrainingFailed as failure:
            ok, entry = False, {"label": run.label, "proof": str(failure), "recipe": ""}
        print("ok     " if ok else "DROPPED", half, name, run.label, run.form, entry["recipe"][:90],
              "\n        ", entry["proof"], flush=True)
        labels[half] = [e for e in labels[half] if e["name"] != name]
        if ok:
            labels[half].append({"name": name, **entry})
        else:
            dropped.append({"name": name, **entry})
        save(options.out, half, labels[half])
    with open(os.path.join(options.out, "dropped.json"), "w") as file:
        json.dump(dropped, file, indent=1)
    print(len(labels["A"]), "in A,", len(labels["B"]), "in B,", len(dropped), "dropped")


main()

"""Thins some labelled runs to small files for the tests.

    make-fixtures.py RUNS OUT

RUNS is a folder that make-runs.py wrote; only its half A is taken. Writes logs of less than 10 KB,
with a labels.json.
"""

import csv
import json
import os
import shutil
import sys

LIMIT = 10_000
# How many of each kind, and the formats they are taken from.
WANTED = {
    "healthy": ["csv", "trainer_state", "descent", "csv"], "lr_too_high": ["csv"],
    "diverged": ["csv"], "lr_too_low": ["trainer_state"], "warmup_too_short": ["csv"],
    "clip_too_tight": ["csv"], "plateau": ["csv", "descent"], "overfitting": ["trainer_state"],
    "nan": ["csv"], "updates_lost": ["csv"], "d_stuck": ["csv"],
    "schedule_ended_early": ["csv"], "schedule_cut_off": ["csv"], "resume_jump": ["csv"],
    "epoch_sawtooth": ["trainer_state"], "lr_not_logged": ["trainer_state"],
    "clip_idle": ["csv"], "fp16_overflow": ["csv"], "d_still_rising": ["csv"],
}
KEPT = ["step", "loss", "lr", "grad_norm", "clip_norm", "clipped", "d", "lost_share", "loss_scale",
        "skipped", "val_loss", "val_accuracy"]


def short(value):
    return float(f"{value:.4g}") if isinstance(value, float) else value


def thinned(rows, every, keep):
    """Every so many-th row, and those that must stay."""
    return [r for i, r in enumerate(rows) if i % every == every - 1 or i == 0 or keep(r)]


def thin_csv(source, out, every):
    with open(source) as file:
        rows = list(csv.DictReader(file))
    names = [n for n in rows[0] if n not in ("_timestamp", "_runtime")]
    evaluated = [n for n in names if n in ("eval_loss", "val_loss", "eval/loss", "loss/validation")]
    kept = thinned(rows, every, lambda r: any(r[n] for n in evaluated))
    with open(out, "w", newline="") as file:
        table = csv.DictWriter(file, names, extrasaction="ignore", lineterminator="\n")
        table.writeheader()
        for row in kept:
            for name in names:
                try:
                    row[name] = f"{float(row[name]):.4g}" if "." in row[name] else row[name]
                except ValueError:
                    pass
            table.writerow(row)


def thin_state(source, out, every):
    with open(source) as file:
        state = json.load(file)
    history = [{k: short(v) for k, v in entry.items()
                if k in ("step", "epoch", "loss", "learning_rate", "grad_norm", "eval_loss")}
               for entry in state["log_history"]]
    state["log_history"] = thinned(history, every, lambda r: "eval_loss" in r)
    with open(out, "w") as file:
        json.dump(state, file)


def thin_run(source, out, every):
    with open(source + "/metrics.jsonl") as file:
        rows = [json.loads(line) for line in file]
    rows = [{k: short(v) for k, v in row.items() if k in KEPT} for row in rows if len(row) > 1]
    with open(out, "w") as file:
        for row in thinned(rows, every, lambda r: "val_loss" in r or "skipped" in r):
            file.write(json.dumps(row) + "\n")


def main():
    runs, out = sys.argv[1:]
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    with open(runs + "/A/labels.json") as file:
        # Those with a validation loss first: they tell more.
        labels = sorted(json.load(file), key=lambda e: "evaluate.every" not in e["recipe"])
    fixtures, used = [], set()
    thin = {"csv": thin_csv, "trainer_state": thin_state, "descent": thin_run}
    for label, formats in WANTED.items():
        for form in formats:
            entry = next((e for e in labels if e["label"] == label and e["format"] == form
                          and e["name"] not in used), None)
            if not entry:
                print("none of", label, form)
                continue
            used.add(entry["name"])
            name = entry["name"] + {"csv": ".csv", "trainer_state": "/trainer_state.json",
                                    "descent": "/metrics.jsonl"}[form]
            path = os.path.join(out, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            every = 1
            while True:
                thin[form](os.path.join(runs, "A", entry["path"]), path, every)
                if os.path.getsize(path) < LIMIT:
                    break
                every += 1
            fixtures.append({"path": name, "label": label, "format": form, "every": every,
                             "proof": entry["proof"], "recipe": entry["recipe"]})
            print(label, form, name, os.path.getsize(path), "every", every)
    with open(os.path.join(out, "labels.json"), "w") as file:
        json.dump(fixtures, file, indent=1)


main()

"""How well `descent diagnose` keeps to its word when a log is written otherwise.

    robustness.py DESCENT LABELS... [--half A|B] [--only NAME] [--all]

Each labelled run is changed in ways that leave its fault what it is (fewer rows, a column less,
another unit of the loss, the end cut off), and the first finding is compared with the label. A run
that is wrong to begin with is counted apart. Prints a row for each change, and each miss.
"""

import argparse
import csv
import json
import math
import os
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from readers import read
from score import entries

RATES = ("lr", "learning_rate")
# What cannot be seen once the log is changed so.
EXEMPT = {
    "no grad_norm": {"clip_idle", "clip_too_tight", "tensors_not_moving"},
    "no val_loss": {"overfitting"},
    "no lr": {"schedule_ended_early", "schedule_cut_off", "lr_not_logged", "lr_too_high"},
    "first 80 %": {"schedule_ended_early", "diverged", "nan", "overfitting", "resume_jump",
                   "healthy", "schedule_cut_off", "d_still_rising", "lr_too_low"},
    "every 10th row": {"loss_spikes", "warmup_too_short", "nan", "fp16_overflow", "resume_jump"},
    "every 5th row": {"loss_spikes", "nan", "fp16_overflow"},
    "means of 5": {"nan", "fp16_overflow"},
}


def is_validation(name):
    low = name.lower()
    return any(word in low for word in ("val", "eval", "test"))


def is_loss(name):
    low = name.lower()
    return "loss" in low and "scale" not in low and "skip" not in low


def is_norm(name):
    low = name.lower()
    return "grad" in low and "norm" in low or low == "gnorm"


def is_rate(name):
    low = name.lower()
    return low.startswith(("lr", "learning_rate")) or low.endswith(RATES)


def number(text):
    try:
        return float(text)
    except (TypeError, ValueError):
        return None


class Log:
    def __init__(self, path):
        self.columns, self.rows = read(path)

    def training(self):
        """The places of the rows that have a training loss."""
        names = [c for c in self.columns if is_loss(c) and not is_validation(c)]
        return [i for i, row in enumerate(self.rows)
                if any(row.get(c) not in (None, "") for c in names)]

    def thinned(self, every):
        kept = self.training()
        drop = {i for place, i in enumerate(kept) if place % every and i != kept[-1]}
        return self.columns, [row for i, row in enumerate(self.rows) if i not in drop]

    def averaged(self, every):
        """Mean losses of each few rows, as loggers with an interval have them."""
        kept, rows = self.training(), [dict(row) for row in self.rows]
        drop = set()
        for start in range(1, len(kept), every):
            part = kept[start:start + every]
            for c in self.columns:
                if is_loss(c) and not is_validation(c):
                    found = [x for x in (number(self.rows[i].get(c)) for i in part)
                             if x is not None]
                    if found:
                        rows[part[-1]][c] = repr(sum(found) / len(found))
            drop.update(part[:-1])
        return self.columns, [row for i, row in enumerate(rows) if i not in drop]

    def without(self, test):
        columns = [c for c in self.columns if not test(c)]
        rows = [{c: row[c] for c in columns if c in row} for row in self.rows]
        return columns, rows

    def mapped(self, change):
        rows = []
        for row in self.rows:
            rows.append({
                c: repr(change(number(x))) if is_loss(c) and number(x) is not None
                and math.isfinite(number(x)) else x for c, x in row.items()})
        return self.columns, rows

    def cut(self, share):
        return self.columns, self.rows[:max(1, int(share * len(self.rows)))]


CHANGES = {
    "as it is": lambda log: (log.columns, log.rows),
    "every 2nd row": lambda log: log.thinned(2),
    "every 5th row": lambda log: log.thinned(5),
    "every 10th row": lambda log: log.thinned(10),
    "means of 5": lambda log: log.averaged(5),
    "no grad_norm": lambda log: log.without(is_norm),
    "no val_loss": lambda log: log.without(lambda c: is_loss(c) and is_validation(c)),
    "no lr": lambda log: log.without(is_rate),
    "loss x 0.01": lambda log: log.mapped(lambda x: 0.01 * x),
    "loss x 100": lambda log: log.mapped(lambda x: 100 * x),
    "loss + 1": lambda log: log.mapped(lambda x: x + 1),
    "first 80 %": lambda log: log.cut(0.8),
}


def answer(descent, columns, rows, folder, name):
    path = os.path.join(folder, name + ".csv")
    with open(path, "w", newline="") as file:
        table = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)
    done = subprocess.run(
        [descent, "diagnose", path, "--json"], capture_output=True, text=True, timeout=60)
    os.remove(path)
    if done.returncode != 0:
        return "(error)", done.stderr.strip()[:120]
    finding = json.loads(done.stdout)["findings"][0]
    return finding["kind"], finding["evidence"][:120]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("descent")
    parser.add_argument("labels", nargs="+")
    parser.add_argument("--half", choices=["A", "B"])
    parser.add_argument("--only", help="only runs whose path has this in it")
    parser.add_argument("--all", action="store_true", help="print what is said of each miss")
    options = parser.parse_args()
    runs = [(folder, e) for folder, e in entries(options.labels, options.half)
            if not options.only or options.only in e["path"]]
    if not runs:
        sys.exit("no labelled runs found")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        def one(item):
            place, (where, entry) = item
            log, found = Log(os.path.join(where, entry["path"])), {}
            for change, make in CHANGES.items():
                columns, rows = make(log)
                if len(rows) >= 20 or change == "as it is":
                    found[change] = answer(options.descent, columns, rows, folder, str(place))
            return entry, found

        results = list(pool.map(one, enumerate(runs)))
    print(f"{'change':16s} faults named first   healthy accused   no longer right")
    misses = []
    for change in CHANGES:
        faults, healthy, lost = [], [], 0
        for entry, found in results:
            label = entry["label"]
            if change not in found or label in EXEMPT.get(change, ()):
                continue
            right = found[change][0] == label
            (healthy if label == "healthy" else faults).append(right)
            if not right:
                before = found["as it is"][0] == label
                lost += before
                misses.append((change, entry["path"], label, before, *found[change]))
        share = 100 * sum(faults) / max(len(faults), 1)
        print(f"{change:16s} {sum(faults):3d} of {len(faults):3d}, {share:5.1f} %"
              f"   {len(healthy) - sum(healthy):3d} of {len(healthy):3d}        {lost:3d}")
    pairs = Counter((label, kind) for _, _, label, _, kind, _ in misses)
    print("\nmost often: " + ", ".join(
        f"{n} {label} as {kind}" for (label, kind), n in pairs.most_common(12)))
    if options.all:
        for change, path, label, before, kind, text in misses:
            print(f"{'  ' if before else '= '}{path} {change}: {label} as {kind}: {text}")


if __name__ == "__main__":
    main()

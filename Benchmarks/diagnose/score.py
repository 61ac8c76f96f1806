"""Scores `descent diagnose` on labelled runs.

    score.py DESCENT LABELS.json... [--half A|B] [--against] [--json FILE]

LABELS is a labels.json, or a folder that has one or whose folders A and B have. Prints the share of
faults that are named first, the healthy runs that are accused, which kinds are taken for which, and
each miss with what was said of it. With --against each run is compared with its twin.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections import Counter, defaultdict


def entries(places, half):
    for place in places:
        candidates = [place]
        if os.path.isdir(place):
            candidates = [os.path.join(place, part, "labels.json") for part in ("", "A", "B")]
        for path in candidates:
            if not os.path.exists(path):
                continue
            with open(path) as file:
                for entry in json.load(file):
                    if half and entry.get("half", half) != half:
                        continue
                    yield os.path.dirname(path), entry


def diagnose(descent, folder, entry, against):
    """The kinds that are named, first to last, the whole answer, and an error in place of them."""
    command = [descent, "diagnose", os.path.join(folder, entry["path"]), "--json"]
    if against and entry.get("twin"):
        command += ["--against", os.path.join(folder, entry["twin"])]
    begin = time.time()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except subprocess.TimeoutExpired:
        return [], {}, "took more than a minute", 60
    seconds = time.time() - begin
    if done.returncode != 0:
        return [], {}, f"exit {done.returncode}: {(done.stderr or done.stdout).strip()[:200]}", seconds
    try:
        answer = json.loads(done.stdout)
        return [f["kind"] for f in answer["findings"]], answer, None, seconds
    except (ValueError, KeyError, TypeError) as error:
        return [], {}, f"no answer in the agreed form: {error!r}", seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("descent")
    parser.add_argument("labels", nargs="+")
    parser.add_argument("--half", choices=["A", "B"])
    parser.add_argument("--against", action="store_true")
    parser.add_argument("--json", help="write the results here, too")
    options = parser.parse_args()

    results, confusion = [], defaultdict(Counter)
    by_kind, by_format, slowest = defaultdict(list), defaultdict(list), (0, "")
    for folder, entry in entries(options.labels, options.half):
        kinds, answer, error, seconds = diagnose(
            options.descent, folder, entry, options.against)
        first = kinds[0] if kinds else "(error)" if error else "(nothing)"
        label = entry["label"]
        confusion[label][first] += 1
        by_kind[label].append(first == label)
        by_format[entry.get("format", "?")].append(first == label)
        slowest = max(slowest, (seconds, entry["path"]))
        finding = (answer.get("findings") or [{}])[0]
        results.append({
            "path": os.path.join(folder, entry["path"]), "label": label, "first": first,
            "kinds": kinds, "error": error, "confidence": finding.get("confidence"),
            "evidence": finding.get("evidence"), "recipe": entry.get("recipe"),
            "proof": entry.get("proof"), "format": entry.get("format"),
        })
    if not results:
        sys.exit("no labelled runs found")

    faults = [r for r in results if r["label"] != "healthy"]
    healthy = [r for r in results if r["label"] == "healthy"]
    named = sum(r["first"] == r["label"] for r in faults)
    anywhere = sum(r["label"] in r["kinds"] for r in faults)
    accused = [r for r in healthy if r["first"] != "healthy"]
    if faults:
        print(f"named first: {named} of {len(faults)} faults, {100 * named / len(faults):.1f} % "
              f"(named at all: {anywhere})")
    print(f"healthy accused: {len(accused)} of {len(healthy)}")
    right = sum(r["first"] == r["label"] for r in results)
    print(f"right in all: {right} of {len(results)}, {100 * right / len(results):.1f} %")
    print(f"slowest answer: {slowest[0]:.2f} s, {slowest[1]}")
    print("by format: " + ", ".join(
        f"{k} {sum(v)}/{len(v)}" for k, v in sorted(by_format.items())))

    print("\nkind, right, and what else was named first")
    for label in sorted(confusion):
        others = ", ".join(
            f"{n} {k}" for k, n in confusion[label].most_common() if k != label)
        hits = by_kind[label]
        print(f"  {label:22s} {sum(hits):3d} of {len(hits):3d}   {others}")

    misses = [r for r in results if r["first"] != r["label"]]
    if misses:
        print("\nmisses")
    for r in misses:
        rest = f", then {', '.join(r['kinds'][1:4])}" if len(r["kinds"]) > 1 else ""
        print(f"  {r['path']}\n    {r['label']}, but {r['first']}{rest}")
        print(f"    said: {r['error'] or str(r['evidence'])[:160]}")
        print(f"    {r['recipe']}\n    {r['proof']}")
    if options.json:
        with open(options.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()

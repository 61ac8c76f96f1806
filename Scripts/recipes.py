#!/usr/bin/env python3
"""Trains the built-in recipes and holds each to its target: a table of times and memory.

    Scripts/recipes.py                      every recipe that has a target
    Scripts/recipes.py rl --seeds 1,2,3,4,5 one of them, with several seeds
    Scripts/recipes.py --quick              the short forms

It builds the release, trains in a folder of its own and ends with status 1 where a target was not reached.
Recipes for data of one's own get some here: csv the package's digits as a table, mnist the same as IDX files.
"""
import argparse
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIGITS = ROOT / "Sources/DescentTraining/Resources/digits/digits.csv"


def write_idx(folder):
    """The digits as MNIST's four files, every fifth for the test."""
    folder.mkdir(parents=True)
    rows = [line.split(",") for line in DIGITS.read_text().split()[1:]]
    for name, part in (("train", [r for i, r in enumerate(rows) if i % 5]), ("t10k", rows[::5])):
        pixels = bytes(min(255, int(x) * 16) for row in part for x in row[:64])
        (folder / f"{name}-images-idx3-ubyte").write_bytes(
            struct.pack(">IIII", 0x803, len(part), 8, 8) + pixels)
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(
            struct.pack(">II", 0x801, len(part)) + bytes(int(row[64]) for row in part))


def own_data(work, quick):
    """What the recipes for data of one's own are given."""
    idx = work / "idx"
    write_idx(idx)
    # There are few of them: more passes than over MNIST's 60,000.
    return {"csv": [f"data.path={DIGITS}", "data.label=digit"],
            "mnist": [f"data.path={idx}"] + ([] if quick else ["epochs=12", "schedule.warmup=20"])}


def needs(yaml):
    """The recipe that this one begins with, if any."""
    found = re.search(r"^from: (\S+)", yaml, re.M)
    return found and found[1]


def train(program, name, changes, quick, work, folder):
    command = [program, "train", name, "--quiet", "--out", folder]
    command += ["--quick"] if quick else []
    command += [part for change in changes for part in ("--set", change)]
    start = time.monotonic()
    process = subprocess.Popen(command, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process.stdout, process.stderr:
        output, errors = process.stdout.read().decode(), process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - start
    if status:
        return None, f"failed: {errors.strip().splitlines()[0] if errors.strip() else status}"
    line = next((x for x in output.splitlines() if x.startswith("the target")), "no target")
    return (seconds, usage.ru_maxrss * 1024 / 1e6, "was reached after" in line), line


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("recipes", nargs="*", help="which (default: all with a target)")
    parser.add_argument("--quick", action="store_true", help="the short forms")
    parser.add_argument("--seeds", default="1337", help="seeds, with commas between them")
    parser.add_argument("--program", help="the built program (default: build it)")
    options = parser.parse_args()
    program = options.program
    if not program:
        subprocess.run(["swift", "build", "-c", "release", "--product", "descent"], cwd=ROOT,
                       check=True)
        program = str(ROOT / ".build/release/descent")
    program = str(Path(program).resolve())
    every = json.loads(subprocess.run([program, "recipes", "--json"], check=True,
                                      capture_output=True).stdout)["recipes"]
    yaml = {r["name"]: subprocess.run([program, "recipes", r["name"]], check=True,
                                      capture_output=True, text=True).stdout for r in every}
    unknown = [name for name in options.recipes if name not in yaml]
    if unknown:
        sys.exit(f"there is no recipe {', '.join(unknown)}")
    names = options.recipes or [n for n in yaml if re.search(r"^target:", yaml[n], re.M)]
    # What others begin with is trained before them.
    order = []
    for name in names:
        base = needs(yaml[name])
        order += [n for n in (base, name) if n and n not in order]
    missed = []
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        own = own_data(work, options.quick)
        print("| recipe | seed | target | seconds | MB at the peak |\n|---|---|---|---|---|", flush=True)
        for name in order:
            for number, seed in enumerate(options.seeds.split(",")):
                folder = f"runs/{name}-{number + 1}"
                changes = [f"seed={seed}"] + own.get(name, [])
                found, line = train(program, name, changes, options.quick, work, folder)
                if not found or not found[2]:
                    missed.append(name)
                seconds, memory = (f"{found[0]:.0f}", f"{found[1]:.0f}") if found else ("", "")
                print(f"| {name} | {seed} | {line} | {seconds} | {memory} |", flush=True)
    if missed:
        sys.exit(f"missed: {', '.join(missed)}")


if __name__ == "__main__":
    main()

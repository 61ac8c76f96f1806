#!/usr/bin/env python3
"""What `descent memory` says of a recipe, against the peak of the process that trains it.

    swift build -c release && Benchmarks/memory.py [recipe] [--state int8] [--set key=value ...]

Every optimizer trains a few steps with evaluations and checkpoints, in a process of its own; the
system says what the most was that it held (ru_maxrss). Ends with 1 where one is more than 3 % and
more than 5 MB off.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile

arguments = argparse.ArgumentParser(description=__doc__.split("\n")[0])
arguments.add_argument("recipe", nargs="?", default="gpt")
arguments.add_argument("--program", default=".build/release/descent")
arguments.add_argument("--optimizers", default="")
arguments.add_argument("--state", default="float32")
arguments.add_argument("--set", action="append", default=[])
options = arguments.parse_args()

program = os.path.abspath(options.program)
changes = ["steps=12", "evaluate.every=6", "checkpoint.every=6"] + options.set
if options.recipe == "gpt":
    changes += ["schedule.warmup=2", "evaluate.batches=5"]
# A full history would take thousands of iterations.
known = json.loads(
    subprocess.run([program, "optimizers", "--json"], capture_output=True, check=True).stdout)
names = [o["name"] for o in known]
names = ["lbfgs(history_size=5)" if n == "lbfgs" else n for n in names]
if options.optimizers:
    names = options.optimizers.split(",")


def assigned(changes):
    return [x for change in changes for x in ("--set", change)]


def trained(name, without):
    """The peak of a training, or why there was none."""
    rule, _, settings = name.rstrip(")").partition("(")
    own = [f"optimizer.name={rule}", f"optimizer.state={options.state}"]
    own += [f"optimizer.{s}" for s in settings.split(",") if s]
    left = [c for c in changes if not any(c.startswith(w.split("=")[0] + ".") for w in without)]
    folder = tempfile.mkdtemp()
    command = [program, "train", options.recipe, "--quiet", "--out", folder + "/run"]
    with open(folder + "/out", "w") as out:
        process = subprocess.Popen(
            command + assigned(left + own + without), stdout=out, stderr=out)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    said = open(folder + "/out").read()
    shutil.rmtree(folder)
    if process.returncode != 0:
        return None, said.strip().split("\n")[-1]
    return usage.ru_maxrss * 1024, ""


plan = subprocess.run(
    [program, "memory", options.recipe, "--json", "--optimizers", ",".join(names)]
    + assigned(changes), capture_output=True, check=True)
rows = {r["optimizer"]: r for r in json.loads(plan.stdout)["rows"] if r["state"] == options.state}
worst = 0
print(f"{'optimizer':24} {'planned':>10} {'measured':>10}   off")
for name in names:
    if name not in rows:
        print(f"{name:24} not offered with {options.state} state")
        continue
    peak, reason = trained(name, [])
    if peak is None:
        peak, reason = trained(name, ["clip=none", "schedule=none"])
    if peak is None:
        print(f"{name:24} {reason[:90]}")
        continue
    planned = rows[name]["peak_bytes"]
    off = planned / peak - 1
    if abs(planned - peak) > 5e6:
        worst = max(worst, abs(off))
    print(f"{name:24} {planned / 1e6:7.1f} MB {peak / 1e6:7.1f} MB {off:+6.1%}", flush=True)
print(f"the worst of those that are more than 5 MB off: {worst:.1%}")
sys.exit(worst > 0.03)

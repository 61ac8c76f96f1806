"""Kills training runs at random moments, resumes them, and checks that nothing is lost.

  python3 kill-runs.py DESCENT                  200 SIGKILLs
  python3 kill-runs.py DESCENT --signal TERM    (HUP, INT) the run must write a checkpoint and exit with 130
  python3 kill-runs.py DESCENT --full           the disk fills up in place of the signal (needs root: a tmpfs)

  --kills N      how many (200)
  --seed N       draws rules, settings, threads and moments (1)
  --only WORDS   just the runs whose settings contain the words
  --keep FOLDER  work there, and leave what failed

A run is trained through once; then again, killed and resumed with another number of threads until it ends,
a checkpoint every step or two. A third of the kills wait for the moment at which a checkpoint is being
written. The last checkpoints must have the same bytes, the metrics the same lines (but the seconds), the
folder the same files. Every rule comes in turn, with state, weights, average and precision drawn at random.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

GPT = ["gpt", "data.path=TEXT", "model.layers=1", "model.width=32", "model.heads=2", "model.context=16",
       "model.dropout=0.1", "evaluate.every=5", "evaluate.batches=1", "schedule.warmup=3"]
MLP = ["digits-mlp", "epochs=none", "model.hidden=24,16", "evaluate.every=5", "evaluate.batches=1"]
CNN = ["digits-cnn", "epochs=none", "batch=16", "model.channels=4,8", "evaluate.every=5", "evaluate.batches=1",
       "schedule.warmup=3"]
SMALL = ["batch=8", "model.layers=1", "model.width=16", "model.heads=2", "evaluate.every=5", "evaluate.batches=1",
         "schedule.warmup=3"]
VIT = ["vision-vit", "epochs=none"] + SMALL
LORA = ["llm-lora", "from=none", "data.path=TEXT", "data.old_path=none", "model.context=16", "adapter.rank=2",
        "adapter.dropout=0.1"] + SMALL
PACKED = ["gpt", "data.path=LINES", "data.tokenizer=byte", "model.context=32"] + SMALL
DIFFUSION = ["diffusion", "model.sampling_steps=2", "model.samples=1"] + SMALL
GAN = ["gan", "batch=8", "model.latent=8", "evaluate.every=10", "schedule.warmup=3"]
AGENT = ["rl", "model.hidden=8", "model.passes=2", "data.environments=4", "data.rollout=16", "batch=32",
         "data.episodes=2", "evaluate.every=5", "schedule.warmup=3"]
NUMBERS = ["csv", "data.path=TABLE", "data.task=regression", "epochs=none", "model.hidden=8", "evaluate.every=5",
           "evaluate.batches=1", "schedule.warmup=3"]
TASKS = [GPT, MLP, CNN, VIT, LORA, PACKED, DIFFUSION, GAN, AGENT, NUMBERS]
RULES = {
  "adafactor": ["lr=1e-3", "relative_step=false"], "kfac": ["damping=0.1", "inv_update_steps=4"],
  "sophia-g": ["hess_interval=3"], "sophia-h": ["update_interval=3"], "sgd": ["momentum=0.9"],
  "shampoo-distributed": ["grafting=adam"],
}
FILES = {"TEXT": "text", "LINES": "lines.jsonl", "TABLE": "table.csv"}
AVERAGES = [[], ["ema", "warmed=true"], ["swa", "start=4", "every=2"], ["lawa", "window=3", "every=2"],
            ["lookahead", "k=3"]]
WEIGHTS = [[]] * 3 + [["precision=bf16", "weights.format=bf16", f"weights.rounding={rounding}"]
                      for rounding in ("kahan", "stochastic", "master")] + [["precision=fp16"]]


class Fault(Exception):
  pass


def drawn(rule, rng):
  """The settings of a run that trains by `rule`."""
  settings = list(rng.choice(TASKS))
  settings += [f"optimizer.name={rule}"] + [f"optimizer.{setting}" for setting in RULES.get(rule, [])]
  settings += [f"optimizer.state={rng.choice(['float32', 'bfloat16', 'int8'])}", "optimizer.state_minimum=1"]
  settings += rng.choice(WEIGHTS)
  name, *others = rng.choice(AVERAGES) or ["none"]
  settings += [f"average.name={name}"] + [f"average.{other}" for other in others]
  settings += rng.choice([[], ["accumulate=2"], ["release_gradients=true"], ["schedule.name=constant"]])
  if "schedule.name=constant" in settings:  # which has no warmup
    settings = [setting for setting in settings if not setting.startswith("schedule.warmup")]
  settings += rng.choice([["clip.norm=none"], ["clip.norm=0.5"]])
  return settings + [f"steps={rng.randint(30, 60)}", f"checkpoint.every={rng.randint(1, 2)}",
                     f"checkpoint.keep={rng.randint(1, 3)}"]


def write_data(folder, rng):
  """What there is to learn from."""
  words = lambda count: "".join(rng.choice("etaoin shrdlu\n") for _ in range(count))
  (folder / FILES["TEXT"]).write_text(words(4000))
  lines = [json.dumps({"prompt": words(5), "completion": words(rng.randint(3, 20))}) for _ in range(80)]
  (folder / FILES["LINES"]).write_text("\n".join(lines))
  rows = [[rng.gauss(0, 1) for _ in range(3)] for _ in range(80)]
  (folder / FILES["TABLE"]).write_text("a,b,c,y\n" + "\n".join(
    ",".join(f"{x:.4f}" for x in row + [sum(row)]) for row in rows))


class Run:
  """A run of some settings, whole and in parts."""

  def __init__(self, binary, settings, folder, rng):
    self.binary, self.settings, self.folder, self.rng = binary, settings, folder, rng
    self.whole, self.parts = folder / "whole", folder / "parts"

  def start(self, out):
    """A process that trains into `out`, anew or from where the run was."""
    resumes = (out / "recipe.yaml").exists() and any((out / "checkpoints").glob("step-*.safetensors"))
    command = [self.binary, "train", "--quiet", "--set", f"threads={self.rng.randint(1, 3)}"]
    if resumes:
      command += ["--resume", out]
    else:
      # Nothing had been written that could be lost.
      shutil.rmtree(out, ignore_errors=True)
      command += [self.settings[0], "--out", out]
      for setting in self.settings[1:]:
        for name, file in FILES.items():
          setting = setting.replace(name, str(self.folder / file))
        command += ["--set", setting]
    return subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)

  def train_whole(self):
    """Trains without a stop; returns the seconds it took, or None where the settings do not go together."""
    start = time.monotonic()
    process = self.start(self.whole)
    error = process.communicate()[1]
    if process.returncode == 64 and "cannot be combined" in error:
      return None
    if process.returncode != 0:
      raise Fault(f"the run that is not killed exits with {process.returncode}: {error.strip()}")
    return time.monotonic() - start

  def steps_done(self):
    done = [int(file.stem[5:]) for file in (self.parts / "checkpoints").glob("step-*.safetensors")]
    return max(done, default=0)

  def part(self, seconds, number):
    """Trains until the end or until a signal ends it, within about `seconds`; returns whether it was sent."""
    done = self.steps_done()
    process = self.start(self.parts)
    waits_for_write = self.rng.random() < 1 / 3
    deadline = time.monotonic() + self.rng.uniform(0, seconds)
    while process.poll() is None and time.monotonic() < deadline:
      time.sleep(min(0.001, max(0, deadline - time.monotonic())))
    while waits_for_write and process.poll() is None and not self.is_writing():
      pass
    sent = process.poll() is None
    if sent:
      process.send_signal(number)
    error = process.communicate()[1].strip()
    if "has already done all its" in error:
      # It was killed after its last checkpoint.
      return False
    if number == signal.SIGKILL:
      expected = {0, -number} if sent else {0}
    else:
      # Before it listens, the run has done nothing that could be kept.
      expected = {0, 130} | ({-number} if self.steps_done() == done else set()) if sent else {0}
    if process.returncode not in expected:
      raise Fault(f"exit {process.returncode}" + (f" after signal {number}" if sent else "") + f": {error}")
    return sent and process.returncode != 0

  def is_writing(self):
    try:
      return any(name.endswith(".tmp") for name in os.listdir(self.parts / "checkpoints"))
    except FileNotFoundError:
      return False

  def check_stopped(self):
    """What must hold after a kill: all checkpoints under their names are whole, older lines are whole."""
    for file in (self.parts / "checkpoints").glob("*.safetensors"):
      raw = file.read_bytes()
      size = int.from_bytes(raw[:8], "little")
      header = json.loads(raw[8:8 + size])
      header.pop("__metadata__")
      if 8 + size + max(entry["data_offsets"][1] for entry in header.values()) != len(raw):
        raise Fault(f"{file.name} is not whole")
    metrics = self.parts / "metrics.jsonl"
    for line in (metrics.read_text().split("\n")[:-1] if metrics.exists() else []):
      json.loads(line)

  def check_ended(self):
    """The run in parts must have left what the whole one left."""
    whole, parts = files(self.whole), files(self.parts)
    for name in sorted(whole & parts):
      if contents(self.whole / name) != contents(self.parts / name):
        raise Fault(f"{name} differs")
    if whole != parts:
      left = [name for name in parts - whole if name.split("/")[-1].startswith(".")]
      others = sorted((whole ^ parts) - set(left))
      raise Fault(f"the folders differ: {' '.join(others)}" if others else "temporary files are left")


def files(folder):
  return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def contents(file):
  """What a file says, but for times and the number of threads."""
  if file.name == "metrics.jsonl":
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    changing = ("seconds", "activation_bytes", "items_per_second", "memory_bytes")
    return [{key: line[key] for key in line if key not in changing} for line in lines]
  if file.suffix == ".json":
    return json.loads(file.read_text())
  if file.name == "recipe.yaml":
    return [line for line in file.read_text().splitlines() if not line.startswith("threads:")]
  return file.read_bytes()


def kill(run, seconds, number):
  """Kills and resumes a run until it ends; yields after each kill."""
  steps = next(int(setting[6:]) for setting in run.settings if setting.startswith("steps="))
  done = stuck = 0
  # A run that is killed before it gets on is given more and more time.
  while run.part(seconds * (1.1 - done / steps) * 1.5 ** stuck, number):
    run.check_stopped()
    stuck = stuck + 1 if run.steps_done() == done else 0
    done = run.steps_done()
    yield
  run.check_ended()


def fill(run):
  """Lets the disk of a run fill up after some checkpoints, frees it, and resumes."""
  size = max(file.stat().st_size for file in (run.whole / "checkpoints").iterdir())
  room = int(size * run.rng.uniform(0.2, 5)) + sum((run.whole / name).stat().st_size for name in files(run.whole)
                                                   if not name.startswith("checkpoints"))
  run.parts.mkdir()
  command = lambda *parts: subprocess.run([str(part) for part in parts], check=True)
  command("mount", "-t", "tmpfs", "-o", f"size={room}", "tmpfs", run.parts)
  try:
    run.parts = run.parts / "run"
    process = run.start(run.parts)
    error = process.communicate()[1].strip()
    full = process.returncode != 0
    if full and (process.returncode < 0 or not error or "cannot be written" not in error):
      raise Fault(f"exit {process.returncode} when the disk is full: {error}")
    if full:
      run.check_stopped()
    command("mount", "-o", f"remount,size={100 * room}", run.parts.parent)
    process = run.start(run.parts)
    error = process.communicate()[1].strip()
    if process.returncode != 0 and "already done" not in error:
      raise Fault(f"exit {process.returncode} after the disk was full: {error}")
    run.check_ended()
    if full:
      yield
  finally:
    command("umount", "-l", run.parts.parent)


def main():
  parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
  parser.add_argument("descent")
  parser.add_argument("--kills", type=int, default=200)
  parser.add_argument("--seed", type=int, default=1)
  parser.add_argument("--signal", default="KILL", choices=["KILL", "TERM", "HUP", "INT"])
  parser.add_argument("--full", action="store_true")
  parser.add_argument("--only", default="")
  parser.add_argument("--keep", type=Path)
  arguments = parser.parse_args()
  binary = Path(arguments.descent).resolve()
  listed = json.loads(subprocess.run([binary, "optimizers", "--json"], capture_output=True).stdout)
  rng = random.Random(arguments.seed)
  order, kills, runs, faults, used = [], 0, 0, [], Counter()
  number = getattr(signal, f"SIG{arguments.signal}")
  begin = time.monotonic()
  with tempfile.TemporaryDirectory() as temporary:
    base = arguments.keep or Path(temporary)
    while kills < arguments.kills and time.monotonic() - begin < 30 * arguments.kills:
      if not order:
        order = [rule["name"] for rule in listed]
        rng.shuffle(order)
      settings = drawn(order[-1], rng)
      if arguments.only not in " ".join(settings):
        order.pop()
        continue
      folder = base / f"run-{runs + 1}"
      folder.mkdir(parents=True)
      write_data(folder, rng)
      run = Run(binary, settings, folder, random.Random(rng.random()))
      before, fault = kills, None
      try:
        seconds = run.train_whole()
        if seconds is None:
          shutil.rmtree(folder)
          continue
        for _ in fill(run) if arguments.full else kill(run, seconds, number):
          kills += 1
          if kills - before > 40:
            raise Fault("the run does not get on")
      except Fault as found:
        kills, fault = kills + 1, str(found)
        faults.append(fault)
      order.pop()
      runs += 1
      used.update(setting for setting in settings if setting.startswith(("optimizer.state=", "average.name=")))
      print(f"{runs:3} {' '.join(settings)}\n    {kills - before} kills: {fault or 'same bytes'}", flush=True)
      if not fault or not arguments.keep:
        shutil.rmtree(folder, ignore_errors=True)
  print(f"{kills} kills of {runs} runs in {time.monotonic() - begin:.0f} s (seed {arguments.seed}): "
        f"{len(faults)} runs with faults")
  print("  " + ", ".join(f"{setting} {count}" for setting, count in sorted(used.items())))
  for fault, count in Counter(faults).most_common():
    print(f"  {count} x {fault}")
  sys.exit(1 if faults else 0)


if __name__ == "__main__":
  main()

"""Checks that two builds of `descent` compute the same bits.

  python same-bits.py record DESCENT FILE           what a build computes, as hashes
  python same-bits.py check DESCENT FILE [FILTER]   whether another computes the same

Every optimizer is replayed over the same gradients, with its state in each format, and recipes are trained
for up to 300 steps. Weights, state and metrics must agree to the bit; times may differ. For changes that
should change no result: record the commit before, check the commit after.
"""

import hashlib
import json
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

# Rules whose recording holds estimates of the curvature, and those that a recording cannot feed.
CURVATURE, REFUSED = ("sophia-g", "sophia-h"), ("kfac", "lbfgs")
REPLAY = ["--set", "lr=0.01", "--set", "state_minimum=1", "--schedule", "cosine", "--schedule-set", "warmup=5",
          "--clip-norm", "5"]
SETTINGS = {"adafactor": ["--set", "relative_step=false"]}
SHAPES = {"h.w": [96, 64], "h.b": [64], "conv.w": [8, 4, 3, 3], "scale": [1], "long": [150, 60]}
STEPS = 25
GPT = ["gpt", "steps=300", "data.path=TEXT", "evaluate.every=100", "checkpoint.every=100"]
SHORT = ["gpt", "steps=40", "data.path=TEXT", "model.layers=2", "model.width=64", "evaluate.every=20",
         "evaluate.batches=4"]
CONSTANT = SHORT + ["schedule.name=constant"]
SHORT = SHORT + ["schedule.warmup=10"]
MLP = ["digits-mlp", "epochs=null", "steps=60", "evaluate.every=20"]
RUNS = {
  "gpt": GPT,
  "digits-cnn": ["digits-cnn", "epochs=null", "steps=300"],
  "digits-mlp": ["digits-mlp", "epochs=null", "steps=300"],
  "bf16-stochastic": SHORT + ["precision=bf16", "weights.format=bf16"],
  "bf16-kahan": SHORT + ["precision=bf16", "weights.format=bf16", "weights.rounding=kahan"],
  "bf16-master": SHORT + ["precision=bf16", "weights.format=bf16", "weights.rounding=master"],
  "fp16": SHORT + ["precision=fp16"],
  "release": SHORT + ["release_gradients=true"],
  "release-unclipped": SHORT + ["release_gradients=true", "clip.norm=null"],
  "recompute": SHORT + ["model.recompute=layers", "model.dropout=0.1"],
  "accumulate": SHORT + ["accumulate=3"],
  "int8": SHORT + ["optimizer.state=int8"],
  "ema": SHORT + ["average.name=ema"],
  "lookahead": SHORT + ["average.name=lookahead"],
  "swa-cnn": ["digits-cnn", "epochs=null", "steps=40", "evaluate.every=20", "average.name=swa"],
  "prodigy": SHORT + ["optimizer.name=prodigy", "schedule.floor=0"],
  "sophia-g": SHORT + ["optimizer.name=sophia-g"],
  "sophia-h": SHORT + ["optimizer.name=sophia-h"],
  "schedule-free": CONSTANT + ["optimizer.name=schedule-free-adamw"],
  "muon-groups": SHORT + [
    "optimizer.groups=[{name: hidden, role: matrix, optimizer: muon, lr: 0.02},"
    " {name: tables, match: 'wpe.*', frozen: true}]"],
  "layer-decay": SHORT + ["optimizer.layer_decay=0.8"],
  "clip-adaptive": SHORT + ["clip.adaptive=0.01", "clip.value=0.5", "gradient.centralize=true",
                            "gradient.noise=0.01"],
  "kfac": MLP + ["optimizer.name=kfac", "optimizer.damping=0.1", "schedule.name=constant"],
  "lbfgs": MLP + ["steps=12", "batch=256", "optimizer.name=lbfgs", "schedule.name=constant"],
  "onecycle": MLP + ["schedule.name=OneCycleLR", "schedule.max_lr=0.1"],
  "plateau": MLP + ["schedule.name=plateau", "schedule.patience=0"],
  "weight-decay-schedule": MLP + ["schedules.weight_decay.name=linear"],
}


def write(path, tensors):
  header, data = {}, b""
  for name, (shape, values) in tensors.items():
    raw = struct.pack(f"<{len(values)}f", *values)
    header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
    data += raw
  text = json.dumps(header).encode()
  text += b" " * (-len(text) % 8)
  Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def read(path):
  raw = Path(path).read_bytes()
  size = struct.unpack("<Q", raw[:8])[0]
  header = json.loads(raw[8:8 + size])
  header.pop("__metadata__", None)
  return {
    name: (entry["dtype"], tuple(entry["shape"]), raw[8 + size:][slice(*entry["data_offsets"])])
    for name, entry in header.items()}


def recording(path, curvature):
  rng = random.Random(1)
  tensors = {}
  count = lambda shape: eval("*".join(map(str, shape)))
  for name, shape in SHAPES.items():
    tensors[f"param/{name}"] = (shape, [rng.gauss(0, 0.5) for _ in range(count(shape))])
  for t in range(1, STEPS + 1):
    for name, shape in SHAPES.items():
      if name == "scale" and t in (1, 7):
        continue
      tensors[f"grad/{t}/{name}"] = (shape, [rng.gauss(0, 10 ** rng.uniform(-4, 0)) for _ in range(count(shape))])
      if curvature and t % 5 == 1:
        tensors[f"hessian/{t}/{name}"] = (shape, [rng.gauss(0, 1) for _ in range(count(shape))])
  write(path, tensors)


def text(path):
  rng = random.Random(2)
  words = ["".join(rng.choice("etaoinshrdlu") for _ in range(rng.randint(1, 8))) for _ in range(300)]
  Path(path).write_text(" ".join(rng.choice(words) + rng.choice(["", "", "", ",", ".\n"]) for _ in range(20000)))


def differences(old, new):
  found = [f"only in one: {name}" for name in sorted(old.keys() ^ new.keys())]
  return found + [f"differs: {name}" for name in old if name in new and old[name] != new[name]]


def metrics(path):
  lines = {}
  for number, line in enumerate(Path(path).read_text().splitlines()):
    for key, value in json.loads(line).items():
      # They vary from run to run.
      if key not in ("seconds", "activation_bytes", "items_per_second", "memory_bytes"):
        lines[f"metrics {number} {key}"] = value
  return lines


def result(binary, case, folder):
  kind, name, arguments = case
  out = folder / "out"
  if kind == "replay":
    rule = name.split()[0]
    given = folder / ("curvature" if rule in CURVATURE else "gradients")
    command = [binary, "replay", "--optimizer", rule, "--input", given, "--output", out, *arguments]
  else:
    command = [binary, "train", arguments[0], "--quiet", "--out", out]
    for setting in arguments[1:]:
      command += ["--set", setting.replace("TEXT", str(folder / "text"))]
  done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
  if done.returncode != 0:
    if kind == "replay" and rule in REFUSED:
      return {"refused": True}
    sys.exit(f"{kind} {name}: exit {done.returncode}: {done.stderr.strip()}")
  if kind == "replay":
    found = read(out)
    out.unlink()
    return found
  found = metrics(out / "metrics.jsonl")
  found |= {key: value for file in (out / "checkpoints").iterdir() for key, value in
            ((f"{file.name} {name}", value) for name, value in read(file).items())}
  subprocess.run(["rm", "-r", out])
  return found


def digest(value):
  return hashlib.sha256(repr(value).encode()).hexdigest()[:16]


def main():
  if {"-h", "--help"} & set(sys.argv):
    return print(__doc__.strip())
  if len(sys.argv) < 4 or sys.argv[1] not in ("record", "check"):
    sys.exit(__doc__)
  mode, binary, file = sys.argv[1:4]
  chosen = (sys.argv + ["", ""])[4]
  listed = json.loads(subprocess.run([binary, "optimizers", "--json"], capture_output=True).stdout)
  cases = [("replay", f"{rule['name']} {state}", REPLAY + ["--state", state] + SETTINGS.get(rule["name"], []))
           for rule in listed for state in ("float32", "bfloat16", "int8")]
  cases += [("train", name, arguments) for name, arguments in RUNS.items()]
  known = json.loads(Path(file).read_text()) if mode == "check" else {}
  bad = 0
  with tempfile.TemporaryDirectory() as folder:
    folder = Path(folder)
    recording(folder / "gradients", curvature=False)
    recording(folder / "curvature", curvature=True)
    text(folder / "text")
    for case in cases:
      name = f"{case[0]} {case[1]}"
      if chosen not in name:
        continue
      found = {key: digest(value) for key, value in result(binary, case, folder).items()}
      if mode == "record":
        known[name] = found
        print(f"{name}: {len(found)} values", flush=True)
        continue
      different = differences(known.get(name, {}), found)
      bad += bool(different)
      verdict = f"{len(different)} differ: {'; '.join(different[:4])}" if different else "same"
      print(f"{name}: {verdict}", flush=True)
  if mode == "record":
    Path(file).write_text(json.dumps(known))
  sys.exit(f"{bad} cases differ" if bad else 0)


if __name__ == "__main__":
  main()

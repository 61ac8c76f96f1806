"""Trains the same small GPT with Descent and with PyTorch, one after the other, and compares.

Run it through gpt.sh, which installs PyTorch and builds Descent. Time is the median of an iteration
(batch, forward, backward, clipping, update); memory is the peak resident set of the whole process.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def run(command, **environment):
  """Runs a command; returns its output and its peak memory in MB."""
  with tempfile.TemporaryFile("w+") as output:
    process = subprocess.Popen(command, stdout=output, env=os.environ | environment)
    _, status, usage = os.wait4(process.pid, 0)
    output.seek(0)
    text = output.read()
  if status != 0:
    sys.exit(f"{' '.join(map(str, command))} failed:\n{text}")
  return text, usage.ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def torch(a, text):
  command = [sys.executable, HERE / "nanogpt_pytorch.py", "--text", text]
  for name in ("iterations", "threads", "layers", "heads", "width", "context", "batch"):
    command += [f"--{name}", str(getattr(a, name))]
  output, memory = run(command)
  result = json.loads(output.splitlines()[-1])
  return result["ms_median"], result["val_loss"], memory


def descent(a, text, **environment):
  with tempfile.TemporaryDirectory() as folder:
    settings = {
      "steps": a.iterations, "batch": a.batch, "threads": a.threads,
      "model.layers": a.layers, "model.heads": a.heads, "model.width": a.width,
      "model.context": a.context, "data.path": text, "data.tokenizer": "char",
      "optimizer.lr": 1e-3, "optimizer.betas": "0.9,0.99", "optimizer.weight_decay": 0.1,
      "schedule.warmup": 100, "schedule.total": 2000, "schedule.floor": 1e-4, "clip.norm": 1,
      "evaluate.every": 0, "evaluate.batches": 200, "checkpoint.every": 0,
    }
    command = [a.descent, "train", "gpt", "--quiet", "--out", f"{folder}/run"]
    for key, value in settings.items():
      command += ["--set", f"{key}={value}"]
    _, memory = run(command, **environment)
    lines = [json.loads(line) for line in open(f"{folder}/run/metrics.jsonl")]
  seconds = [line["seconds"] for line in lines if "seconds" in line][20:]
  loss = [line["val_loss"] for line in lines if "val_loss" in line][-1]
  return 1000 * statistics.median(seconds), loss, memory


def main():
  parser = argparse.ArgumentParser()
  parser.add_argument("--descent", default=HERE.parent / ".build/release/descent")
  for name, default in (
    ("iterations", 2000), ("threads", 2), ("layers", 4), ("heads", 4), ("width", 128),
    ("context", 64), ("batch", 12), ("rounds", 1)):
    parser.add_argument(f"--{name}", type=int, default=default)
  a = parser.parse_args()

  with tempfile.TemporaryDirectory() as folder:
    text = f"{folder}/text.txt"
    run([sys.executable, HERE / "text.py", text])
    print(f"{'':24}{'ms/iteration':>14}{'of PyTorch':>12}{'val. loss':>11}{'peak MB':>9}")
    for _ in range(a.rounds):
      peer = torch(a, text)
      rows = (
        ("PyTorch eager", peer), ("Descent", descent(a, text)),
        ("Descent with a BLAS", descent(a, text, DESCENT_BLAS="auto")))
      for name, (milliseconds, loss, memory) in rows:
        share = milliseconds / peer[0]
        print(f"{name:24}{milliseconds:14.2f}{share:11.2f}x{loss:11.4f}{memory:9.0f}", flush=True)


if __name__ == "__main__":
  main()
